package syncer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestFirstMatch(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{EmailHeedsCase: true, Partners: []metakocka.Partner{
		world.Person("7001", "With SI", "SI11234059", ""),
		world.Person("7002", "Without SI", "21234051", ""),
		world.Person("7003", "Spaced", "SI 312 340 54", ""),
		world.Person("7004", "By e-mail", "", "By.Mail@partner.si"),
		world.Person("7005", "Twin", "SI51234050", ""), world.Person("7006", "Other twin", "51234050", ""),
		world.Person("7007", "Twin mail", "", "twin@partner.si"), world.Person("7008", "Other twin mail", "", "twin@partner.si"),
		world.Person("7009", "Other tax", "SI91234069", "tax@partner.si"),
		{MKID: "7010", Customer: "Second person", Contacts: []metakocka.Contact{{MKID: "1", Email: "first@partner.si"}, {MKID: "2", Email: "second@partner.si"}}},
		world.Person("7011", "Has tax", "SI12121215", "has@partner.si"),
	}})
	s := w.Up()
	w.Polls(2)
	cases := []struct{ tax, email, partner, mapping string }{
		{"11234059", "", "7001", "synced"},
		{"SI21234051", "", "7002", "synced"},
		{"SI31234054", "", "7003", "synced"},
		{"", "by.mail@partner.si", "7004", "synced"},
		{"51234050", "", "", "held: several partners have its tax number (7005, 7006): which one is it?"},
		{"", "Twin@partner.si", "", "held: several partners have its e-mail (7007, 7008): which one is it?"},
		{"81234058", "tax@partner.si", "new", "synced"},
		{"", "second@partner.si", "", "held: its e-mail is that of a further contact person of partner 7010: is it that partner?"},
		{"", "has@partner.si", "7011", "synced"},
		{"12121215", "other@partner.si", "", "held: matches partner 7011, which contact"},
		{"71234055", "none@partner.si", "new", "synced"},
	}
	news := 0
	for _, c := range cases {
		id := w.Add(mapping.Contact{Name: "Contact", TaxNumber: c.tax, Email: c.email})
		w.Idle(s)
		require.Contains(t, w.Mapping(id), c.mapping, "%v", c)
		got := w.One("SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", id)
		if c.partner == "new" {
			news++
			require.Greater(t, len(got), 4)
			continue
		}
		require.Equal(t, c.partner, got, "%v", c)
	}
	require.Equal(t, news, w.Quiet(s).Adds)
	require.Len(t, w.ERP.Partners(), 11+news)
	require.Empty(t, w.Letters(s))
}

func TestContactsOfASnapshotAreMatchedAsSeen(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Ana", "SI11234059", ""), world.Person("7002", "Bor", "", "Bor@partner.si"),
	}})
	ana := w.Add(mapping.Contact{Name: "Ana", TaxNumber: "11234059", Phone: "041 111 222"})
	bor := w.Add(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	w.Add(mapping.Contact{Name: "Cene", Email: "cene@partner.si"})
	s := w.Up()
	w.Status(ana, "synced")
	w.Status(bor, "synced")
	require.Equal(t, world.Written{Adds: 1, Updates: 1}, w.Quiet(s))
	require.Equal(t, "7001", w.Partner(ana).MKID)
	require.Equal(t, "7002", w.Partner(bor).MKID)
	require.Equal(t, "041 111 222", w.Partner(ana).Contacts[0].GSM)
}
