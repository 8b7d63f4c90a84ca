package event

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/metakocka"
)

// Past reads what the events that the streams still hold tell of a contact or a
// partner, oldest first. It is the reconciler's syncer.Past.
type Past struct{ Bus *bus.Bus }

// Contact gives the rows that a contact's events hold, values by column, each with the
// time of its commit. When the row of a snapshot was changed is not known: zero.
func (p Past) Contact(ctx context.Context, id string, use func(row map[string]any, committed time.Time)) error {
	return p.read(ctx, bus.StreamContacts, bus.ContactSubject("*", id), func(m bus.Stored) {
		var ev struct {
			After map[string]any `json:"after"`
		}
		d := json.NewDecoder(bytes.NewReader(m.Data))
		d.UseNumber() // a tax number may be in a column of numbers
		if d.Decode(&ev) != nil {
			return
		}
		at, _ := time.Parse(time.RFC3339Nano, m.Header.Get(HeaderTime))
		if strings.HasPrefix(m.Subject, bus.ContactSubject("snapshot", "")+".") {
			at = time.Time{}
		}
		use(ev.After, at)
	})
}

// Partner gives a partner as the polls saw it, each time with when the poll began that
// had seen it as it was before.
func (p Past) Partner(ctx context.Context, metakockaID string, use func(seen metakocka.Partner, after time.Time)) error {
	return p.read(ctx, bus.StreamPartners, bus.PartnerSubject("*", metakockaID), func(m bus.Stored) {
		var ev PartnerEvent
		if json.Unmarshal(m.Data, &ev) != nil || ev.Partner == nil {
			return
		}
		use(*ev.Partner, ev.After)
	})
}

func (p Past) read(ctx context.Context, stream, subject string, use func(m bus.Stored)) error {
	err := p.Bus.Replay(ctx, stream, bus.Range{Filters: []string{subject}}, func(m bus.Stored) error {
		use(m)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the events of %s: %w", subject, err)
	}
	return nil
}
