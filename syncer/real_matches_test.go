package syncer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/people"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
)

// What is right for a partner and a contact of real data.
const (
	same  = "one"   // linked
	near  = "near"  // linked, or a person is asked: never doubled
	apart = "apart" // two records, or a person is asked
	asked = "asked" // a person is asked
	// proposed: a person is asked, where a poll has seen the partner and the contact was
	// looked at: a name finds nobody else.
	proposed = "proposed"
)

// realMatch is a partner and a contact as real data has them.
type realMatch struct {
	name, tax, email, country string
	contact                   mapping.Contact
	right                     string
}

// partner is a firm, with somebody to turn to.
func (m realMatch) partner(id string) metakocka.Partner {
	p := world.Person(id, m.name, m.tax, m.email)
	p.BusinessEntity = true
	p.Contacts[0].Name, p.Contacts[0].Phone = "Lea "+m.name, "01 200 "+id[1:]
	p.Addresses = []metakocka.Address{{
		MKID: id + "2", Type: metakocka.AddressBilling, Street: "Ob Savi 7", City: "Kranj", PostNumber: "4000", Country: m.country,
	}}
	return p
}

// realMatches: fillers and placeholders, shared mailboxes, spellings of one number and
// of one e-mail.
func realMatches() []realMatch {
	mistyped := people.MistypedTaxNumber(960)
	all := []realMatch{
		{"Kranjc Peter", "00000000", "peter@kranjc-test.si", "", mapping.Contact{Name: "Jure Lisjak", TaxNumber: "00000000"}, apart},
		{"Delta d.o.o.", "", "info@delta-test.si", "", mapping.Contact{Name: "Nace Brest", Email: "info@delta-test.si", Address: "Doma 9, 5000 Nova Gorica"}, asked},
		{"Jelka Mohar", mistyped, "", "", mapping.Contact{Name: "Tomo Gregorc", TaxNumber: "SI" + mistyped}, asked},
		{"Zora Papir d.o.o.", "", "", "", mapping.Contact{Name: "Lea Zora Papir d.o.o.", CompanyName: "ZORA PAPIR d. o. o.", Address: "Ob Savi 7, 4000 Kranj"}, proposed},
		{"Rezka Oblak", "v postopku", "nima maila", "Germany", mapping.Contact{Name: "Tone Hribar", TaxNumber: "v postopku", Email: "nima maila", Country: "DE"}, apart},
		{"Urban Hren", "", "urban@hren-test.si; racuni@hren-test.si", "", mapping.Contact{Name: "Urban Hren", Email: "urban@hren-test.si"}, near},
		{"Sara Gaber", "", "sara@gaber-test.si", "", mapping.Contact{Name: "Sara Gaber", Email: "sara@gaber-test.si\u00a0"}, same},
		{"Lara Gaber", "", "lara@gaber-test.si", "", mapping.Contact{Name: "Lara Gaber", Email: "lara@gaber-test.si\n"}, same},
	}
	for i, filler := range []string{"/", "-", " ", "ni"} {
		name, email := fmt.Sprintf("Epsilon %c d.o.o.", 'P'+i), fmt.Sprintf("info@epsilon%d-test.si", i)
		c := mapping.Contact{Name: name, CompanyName: name, Email: email, TaxNumber: "SI" + world.TaxNumber(900+i)}
		all = append(all, realMatch{name, filler, email, "", c, same})
	}
	for i, n := range []struct{ partner, contact, code, country string }{
		{"HR33392005961", "33392005961", "HR", "Croatia"},
		{"136695976", "DE136695976", "DE", "Germany"},
		{"EL094259216", "GR094259216", "GR", "Greece"},
		{"CHE-116.281.710 MWST", "CHE-116.281.710", "CH", "Switzerland"},
		{"GB980780684", "XI980780684", "GB", "United Kingdom"},
		{"HU12892312", "12892312-2-41", "HU", "Hungary"},
	} {
		name, email := fmt.Sprintf("Zunaj %c", 'P'+i), fmt.Sprintf("ana%d@zunaj-test.com", i)
		all = append(all, realMatch{name, n.partner, email, n.country, mapping.Contact{Name: name, Email: email, TaxNumber: n.contact, Country: n.code}, near})
	}
	for i, spelling := range []string{"SI %s %s %s", "si%s%s%s", "%s %s %s", "SI-%s%s%s"} {
		n := world.TaxNumber(950 + i)
		number, name := fmt.Sprintf(spelling, n[:3], n[3:6], n[6:]), fmt.Sprintf("Tretji %c", 'P'+i)
		all = append(all, realMatch{name, number, "", "", mapping.Contact{Name: name, TaxNumber: number}, same})
	}
	return long.Every(3, all)
}

// TestRealDataIsMatchedAlike in a live event, a first sync, an import and a full check, and
// where no poll has seen the partner yet: nobody gets a stranger's partner, nobody is
// doubled, and of those who stay apart nothing is written.
func TestRealDataIsMatchedAlike(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"live", "younger", "first sync", "import", "check"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			matches := realMatches()
			opts := sim.Options{LooseEmailSearch: true}
			for i, m := range matches {
				opts.Partners = append(opts.Partners, m.partner(fmt.Sprint(7001+i)))
			}
			w, contacts := matched(t, way, opts, matches)
			var wrong []string
			for i, m := range matches {
				if what := m.wrong(w, contacts[i], opts.Partners[i].MKID, way); what != "" {
					wrong = append(wrong, fmt.Sprintf("%s and %+v: %s: %s", m.name, m.contact, w.Mapping(contacts[i]), what))
				}
			}
			require.Empty(t, wrong, strings.Join(wrong, "\n"))
		})
	}
}

// matched lets contacts and partners find each other in one way.
func matched(t *testing.T, way string, opts sim.Options, matches []realMatch) (w *world.World, contacts []string) {
	t.Helper()
	partners := opts.Partners
	if way == "younger" {
		opts.Partners = nil
	}
	w = world.NewAudited(t, opts)
	add := func() {
		for _, m := range matches {
			contacts = append(contacts, w.Add(m.contact))
		}
	}
	switch way {
	case "live":
		s := w.Up()
		w.Polls(1)
		add()
		w.Quiet(s)
	case "younger":
		w.Config.PollInterval = time.Hour
		s := w.Up()
		w.PolledOnce()
		for _, p := range partners {
			_, err := w.ERP.AddPartner(p)
			require.NoError(t, err)
		}
		add()
		w.Drained(s)
	case "first sync":
		add()
		w.Quiet(w.Up())
	case "import":
		add()
		_, c := w.API()
		for _, p := range partners {
			c.Post("contacts/import", `{"metakockaId":"`+p.MKID+`"}`)
		}
	case "check":
		add()
		s := w.Parts()
		require.NoError(t, s.Poller.Poll(t.Context()))
		_, err := s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
		require.NoError(t, err)
	}
	return w, contacts
}

// wrong says what is not right about the contact and the partner with these ids; "":
// all is.
func (m realMatch) wrong(w *world.World, contact, partner, way string) string {
	w.T.Helper()
	holder := w.One("SELECT coalesce((SELECT contact_id::text FROM metakocka_contact_mappings WHERE metakocka_id = $1), '')", partner)
	own := w.One("SELECT coalesce((SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1), '')", contact)
	is, _ := w.ERP.Partner(partner)
	joined := own == partner && holder == contact
	if m.right == proposed {
		if m.right = asked; way == "younger" || way == "import" {
			m.right = apart
		}
	}
	imported := way == "import"
	untouched := holder == "" && heldBy(is) == heldBy(m.partner(partner)) && w.Contact(contact) == m.contact
	switch {
	case m.right == same && !joined:
		return "not linked"
	case m.right == same && mapping.Filler(mapping.FieldTaxNumber, is.TaxIDNumber) && is.TaxIDNumber != m.contact.TaxNumber:
		return "the partner did not get the tax number"
	case m.right == near && !joined && (own != "" || holder != ""):
		return "doubled"
	case m.right == asked && (own != "" || holder != ""):
		return "decided"
	case m.right == asked && !imported && !strings.Contains(w.Mapping(contact), "(mksync link, or mksync sync --new)"):
		return "nobody is asked"
	case m.right == apart && own == partner:
		return "linked with a stranger"
	case (m.right == apart || m.right == asked) && !imported && !untouched:
		return "something was written"
	}
	return ""
}

// realGroup are contacts, and partners that were there before, with a key in common.
type realGroup struct {
	name     string
	partners []metakocka.Partner
	contacts []mapping.Contact
	synced   int    // contacts
	made     int    // partners
	advice   string // to the others
}

func realGroups() []realGroup {
	firm, placeholder := world.TaxNumber(970), "99999999"
	return []realGroup{
		{"strangers with one placeholder", nil, []mapping.Contact{
			{Name: "Ciril Hočevar", TaxNumber: placeholder}, {Name: "Tjaša Mlakar", TaxNumber: placeholder}, {Name: "Rok Bizjak", TaxNumber: placeholder},
		}, 3, 3, ""},
		{"strangers with fillers", nil, []mapping.Contact{
			{Name: "Ana Fister", TaxNumber: "-", Phone: "/", Email: "-"}, {Name: "Jan Gomboc", TaxNumber: "-", Phone: "/", Email: "-"},
		}, 2, 2, ""},
		{"colleagues with their firm's number", nil, []mapping.Contact{
			{Name: "Maja Oven", CompanyName: "Oven d.o.o.", TaxNumber: firm}, {Name: "Tine Rus", CompanyName: "Oven d.o.o.", TaxNumber: "SI" + firm},
		}, 1, 1, "a colleague gets a partner of its own by mksync sync --new"},
		{"colleagues with one mailbox", nil, []mapping.Contact{
			{Name: "Vida Zorko", Email: "info@zorko-test.si"}, {Name: "Miha Pust", Email: "Info@zorko-test.si "},
		}, 1, 1, "(mksync link, or mksync sync --new)"},
		{"a firm's units", []metakocka.Partner{
			world.Person("7901", "Kompas Kranj d.o.o.", "SI50223054", ""), world.Person("7902", "Kompas Koper d.o.o.", "SI50223054", ""),
		}, []mapping.Contact{
			{Name: "Kompas", TaxNumber: "50223054"},
		}, 0, 0, "several partners have its tax number (7901, 7902): which one is it? (mksync link, or mksync sync --new)"},
	}
}

// TestWhoSharesAKey gets a partner, or is told what to do, live and in a first sync alike.
func TestWhoSharesAKey(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"live", "first sync"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			var opts sim.Options
			made := 0
			for _, g := range realGroups() {
				opts.Partners = append(opts.Partners, g.partners...)
				made += g.made
			}
			w := world.NewAudited(t, opts)
			ids := map[string][]string{}
			add := func() {
				for _, g := range realGroups() {
					for _, c := range g.contacts {
						ids[g.name] = append(ids[g.name], w.Add(c))
					}
				}
			}
			if way == "first sync" {
				add()
			}
			s := w.Up()
			if way == "live" {
				w.Polls(1)
				add()
			}
			w.Idle(s)
			w.NoneWaits()
			require.Equal(t, world.Written{Adds: made}, w.Quiet(s))
			for _, g := range realGroups() {
				synced := 0
				for _, id := range ids[g.name] {
					if m := w.Mapping(id); m == "synced: " {
						synced++
					} else {
						require.Contains(t, m, "held: ", g.name)
						require.Contains(t, m, g.advice, g.name)
					}
				}
				require.Equal(t, g.synced, synced, g.name)
			}
		})
	}
}

// TestAContactThatWaitsIsAskedForOnImport: a partner that it may be, by name and address
// alone, is not imported as another contact before a person has said so.
func TestAContactThatWaitsIsAskedForOnImport(t *testing.T) {
	t.Parallel()
	m := realMatch{name: "Zora Papir d.o.o.", contact: mapping.Contact{Name: "Lea Zora Papir d.o.o.", CompanyName: "ZORA PAPIR d. o. o.", Address: "Ob Savi 7, 4000 Kranj"}}
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{m.partner("7001")}})
	s, c := w.API(service.AllRoles...)
	w.Polls(1)
	id := w.Add(m.contact)
	w.Status(id, "held")
	c.Post("contacts/import", `{"metakockaId":"7001"}`).Refused(422, "refused", "partner 7001 may be contact "+id+": link the two by mksync link")
	require.Equal(t, world.Written{}, w.Quiet(s))
	c.Post("contacts/import", `{"metakockaId":"7001","new":true}`).Data(&operations.Outcome{})
	w.Status(id, "synced")
	require.NotEqual(t, "7001", w.Partner(id).MKID)
	require.Equal(t, world.Written{Adds: 1, Contacts: 1}, w.Quiet(s))
}

// TestStrangersWithOnePlaceholderAreImported as so many contacts.
func TestStrangersWithOnePlaceholderAreImported(t *testing.T) {
	t.Parallel()
	var opts sim.Options
	for i, name := range []string{"Ciril Hočevar", "Tjaša Mlakar", "Rok Bizjak"} {
		p := world.Person(fmt.Sprint(7001+i), name, []string{"00000000", "-", "00000000"}[i], "/")
		opts.Partners = append(opts.Partners, p)
	}
	w := world.NewAudited(t, opts)
	w.Config.AutoImport = true
	s := w.Up()
	for _, p := range opts.Partners {
		require.Equal(t, "synced: ", w.Mapping(w.ContactOf(p.MKID)))
	}
	require.Equal(t, world.Written{Contacts: 3}, w.Quiet(s))
}
