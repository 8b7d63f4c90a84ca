package event

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
)

// TestMessagesOfPartners: a sweep that is done again says the same under the same id, and
// each thing that was seen has an id of its own.
func TestMessagesOfPartners(t *testing.T) {
	t.Parallel()
	seen := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	ev := PartnerEvent{MetaKockaID: "7001", Partner: &metakocka.Partner{MKID: "7001", Customer: "Ana"}, Hash: "0123456789abcdefghij", SeenAt: seen, After: seen.Add(-time.Minute)}
	m, err := PartnerMessage(PartnerChanged, ev)
	require.NoError(t, err)
	require.Equal(t, "metakocka.partners.changed.7001", m.Subject)
	require.Equal(t, "changed-7001-0123456789abcdef-1772625540000000", m.ID)
	require.Equal(t, map[string][]string{
		HeaderSpec: {"1.0"}, HeaderID: {m.ID}, HeaderSource: {"mksync/poller"}, HeaderType: {"metakocka.partners.changed"}, HeaderTime: {"2026-03-04T12:00:00Z"},
	}, map[string][]string(m.Header))
	var back PartnerEvent
	require.NoError(t, json.Unmarshal(m.Data, &back))
	require.Equal(t, "Ana", back.Partner.Customer)
	require.Equal(t, []any{ev.MetaKockaID, ev.Hash, ev.SeenAt, ev.After}, []any{back.MetaKockaID, back.Hash, back.SeenAt, back.After})

	again := ev
	again.SeenAt = seen.Add(time.Hour)
	same, err := PartnerMessage(PartnerChanged, again)
	require.NoError(t, err)
	require.Equal(t, m.ID, same.ID, "the sweep was cut off, and is done again")
	ids := map[string]bool{m.ID: true}
	for _, change := range []func(ev *PartnerEvent) string{
		func(*PartnerEvent) string { return PartnerCreated },
		func(ev *PartnerEvent) string { ev.MetaKockaID = "7002"; return PartnerChanged },
		func(ev *PartnerEvent) string { ev.Hash = "other"; return PartnerChanged },
		func(ev *PartnerEvent) string { ev.After = seen; return PartnerChanged },
	} {
		other := ev
		m, err := PartnerMessage(change(&other), other)
		require.NoError(t, err)
		require.NotContains(t, ids, m.ID)
		ids[m.ID] = true
	}
}

// TestWhoseAPartnersEventIs: an empty message of somebody else would say that a partner is
// missing, and one of another partner's would give a contact its values.
func TestWhoseAPartnersEventIs(t *testing.T) {
	t.Parallel()
	of := func(id string) *metakocka.Partner { return &metakocka.Partner{MKID: id} }
	for _, c := range []struct {
		ev      PartnerEvent
		subject string
		tells   bool
	}{
		{PartnerEvent{MetaKockaID: "7001", Partner: of("7001")}, "metakocka.partners.changed.7001", true},
		{PartnerEvent{MetaKockaID: "7001"}, "metakocka.partners.missing.7001", true},
		{PartnerEvent{MetaKockaID: "7001"}, "metakocka.partners.changed.7001", false},
		{PartnerEvent{}, "metakocka.partners.missing.7001", false},
		{PartnerEvent{MetaKockaID: "7002"}, "metakocka.partners.missing.7001", false},
		{PartnerEvent{MetaKockaID: "7001", Partner: of("7002")}, "metakocka.partners.changed.7001", false},
		{PartnerEvent{MetaKockaID: "7002", Partner: of("7001")}, "metakocka.partners.changed.7001", false},
	} {
		require.Equal(t, c.tells, c.ev.Tells("7001", c.subject), "%+v %s", c.ev, c.subject)
	}
}
