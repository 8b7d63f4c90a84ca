package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/people"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func person(id, name, tax, email string) metakocka.Partner {
	return metakocka.Partner{MKID: id, Customer: name, TaxIDNumber: tax, Contacts: []metakocka.Contact{{MKID: id + "1", Name: name, Email: email}}}
}

func TestFirstMatch(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{EmailHeedsCase: true, Partners: []metakocka.Partner{
		person("7001", "With SI", "SI11234059", ""),
		person("7002", "Without SI", "21234051", ""),
		person("7003", "Spaced", "SI 312 340 54", ""),
		person("7004", "By e-mail", "", "By.Mail@partner.si"),
		person("7005", "Twin", "SI51234050", ""), person("7006", "Other twin", "51234050", ""),
		person("7007", "Twin mail", "", "twin@partner.si"), person("7008", "Other twin mail", "", "twin@partner.si"),
		person("7009", "Other tax", "SI91234069", "tax@partner.si"),
		{MKID: "7010", Customer: "Second person", Contacts: []metakocka.Contact{{MKID: "1", Email: "first@partner.si"}, {MKID: "2", Email: "second@partner.si"}}},
		person("7011", "Has tax", "SI12121215", "has@partner.si"),
	}})
	s := w.up()
	w.polls(2)
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
		id := w.add(mapping.Contact{Name: "Contact", TaxNumber: c.tax, Email: c.email})
		w.idle(s)
		require.Contains(t, w.mapping(id), c.mapping, "%v", c)
		got := w.one("SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", id)
		if c.partner == "new" {
			news++
			require.Greater(t, len(got), 4)
			continue
		}
		require.Equal(t, c.partner, got, "%v", c)
	}
	require.Equal(t, news, w.quiet(s).Adds)
	require.Len(t, w.erp.Partners(), 11+news)
	require.Empty(t, w.letters(s))
}

func TestContactsOfASnapshotAreMatchedAsSeen(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{
		person("7001", "Ana", "SI11234059", ""), person("7002", "Bor", "", "Bor@partner.si"),
	}})
	ana := w.add(mapping.Contact{Name: "Ana", TaxNumber: "11234059", Phone: "041 111 222"})
	bor := w.add(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	w.add(mapping.Contact{Name: "Cene", Email: "cene@partner.si"})
	s := w.up()
	w.status(ana, "synced")
	w.status(bor, "synced")
	require.Equal(t, written{Adds: 1, Updates: 1}, w.quiet(s))
	require.Equal(t, "7001", w.partner(ana).MKID)
	require.Equal(t, "7002", w.partner(bor).MKID)
	require.Equal(t, "041 111 222", w.partner(ana).Contacts[0].GSM)
}

// taxNumber is a valid one, another for each n.
func taxNumber(n int) string { return people.TaxNumber(n) }
