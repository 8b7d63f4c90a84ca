package event

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/metakocka"
)

// PartnerEvent is what the poller saw of a partner.
type PartnerEvent struct {
	MetaKockaID string             `json:"metakocka_id"`
	Partner     *metakocka.Partner `json:"partner,omitempty"` // absent: missing
	Hash        string             `json:"hash,omitempty"`
	SeenAt      time.Time          `json:"seen_at"`                // when the sweep began
	After       time.Time          `json:"changed_after,omitzero"` // when the sweep before began
	Back        bool               `json:"back,omitempty"`         // it was missing before
}

// Tells whether the event is one of that partner's: an empty message of somebody else
// would say that the partner is missing.
func (ev PartnerEvent) Tells(metakockaID, subject string) bool {
	if ev.Partner == nil {
		return ev.MetaKockaID == metakockaID && subject == bus.PartnerSubject(PartnerMissing, metakockaID)
	}
	return ev.MetaKockaID == metakockaID && ev.Partner.MKID == metakockaID
}

// What a poll can see of a partner.
const (
	PartnerCreated = "created"
	PartnerChanged = "changed"
	PartnerMissing = "missing"
)

// PartnerMessage is the event as it is published. The id is the same when a
// sweep that was cut off is done again, so the stream keeps one.
func PartnerMessage(kind string, ev PartnerEvent) (bus.Message, error) {
	data, err := json.Marshal(ev)
	if err != nil {
		return bus.Message{}, fmt.Errorf("write event of partner %s: %w", ev.MetaKockaID, err)
	}
	id := fmt.Sprintf("%s-%s-%.16s-%d", kind, ev.MetaKockaID, ev.Hash, ev.After.UnixMicro())
	m := bus.Message{Subject: bus.PartnerSubject(kind, ev.MetaKockaID), ID: id, Data: data, Header: map[string][]string{
		HeaderSpec: {"1.0"}, HeaderID: {id}, HeaderSource: {"mksync/poller"}, HeaderType: {"metakocka.partners." + kind},
		HeaderTime: {ev.SeenAt.UTC().Format(time.RFC3339Nano)},
	}}
	return m, nil
}
