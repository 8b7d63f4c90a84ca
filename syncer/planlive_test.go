package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// Where a contact of a small world stands.
const (
	seeks   = "seeks"
	gone    = "gone"     // its partner is no longer in MetaKocka
	leftOut = "left out" // by the filter
	denied  = "denied"   // a person said that the first partner is somebody else
	linked  = "linked"   // with a partner that is its own
	asleep  = "asleep"   // linked, and left out
)

// small is a world of a few contacts and partners that have keys in common, of which one
// gets an event.
type small struct {
	*world.Hand
	rand     *rapid.T
	contacts []string
	partners []metakocka.Partner
	stand    map[string]string
}

// TestLawAPlanAndAnEventAgree: what the first match of everybody at once decides on a
// contact and on a partner, and what an event of it alone comes to. An event knows less of
// others; then it leaves to a person what the plan decides, or does what no other
// contact stands against.
func TestLawAPlanAndAnEventAgree(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) {
		w.Exec("ALTER TABLE contacts ADD COLUMN kept boolean NOT NULL DEFAULT true")
		w.Config.Filter = []config.Condition{{Column: "kept", Values: []string{"true"}}}
		w.Config.AutoImport = true
	})
	rapid.Check(t, few(long.Or(60, 600), func(r *rapid.T) {
		s := &small{Hand: h, rand: r, stand: map[string]string{}}
		s.fill()
		plan, err := h.Service.Matcher.Fresh(context.WithoutCancel(t.Context()))
		require.NoError(r, err)
		if rapid.Bool().Draw(r, "of a contact") {
			s.contactAsPlanned(plan)
		} else {
			s.partnerAsPlanned(plan)
		}
	}))
}

// TestAPartnerOfTwoWhosePartnersAreGone is neither's, whichever key each of them has, and
// whoever asks is told so.
func TestAPartnerOfTwoWhosePartnersAreGone(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.AutoImport = true })
	ana, old := h.Linked(mapping.Contact{Name: "Ana", TaxNumber: world.TaxNumber(1)})
	bor, older := h.Linked(mapping.Contact{Name: "Bor", Email: "bor@mala-test.si"})
	for id, was := range map[string]metakocka.Partner{ana: old, bor: older} {
		require.NoError(t, h.ERP.DeletePartner(was.MKID))
		h.Exec("UPDATE metakocka_contact_mappings SET sync_status = 'unlinked' WHERE contact_id = $1", id)
	}

	p, err := h.ERP.AddPartner(world.Person("", "Ana", world.TaxNumber(1), "bor@mala-test.si"))
	require.NoError(t, err)
	require.NoError(t, h.Service.Poller.Poll(t.Context()))
	ids := []string{ana, bor}
	slices.Sort(ids)
	for _, cause := range []syncer.Cause{syncer.CausePartner, syncer.CauseRequest} {
		_, err = h.Service.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: cause, Observed: &p})
		require.ErrorContains(t, err, "partner "+p.MKID+" matches several contacts ("+strings.Join(ids, ", ")+")")
	}
	plan, err := h.Service.Matcher.Fresh(t.Context())
	require.NoError(t, err)
	require.Equal(t, match.VerdictAmbiguous, plan.Partner(match.Partner{Party: match.Party{ID: p.MKID}}).Verdict)
}

// TestTheOtherPartnerOfAContact: of two new partners that a contact matches it takes the one
// with its number, and the other one is somebody else, whichever is seen first.
func TestTheOtherPartnerOfAContact(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.AutoImport = true })
	ana := h.Add(mapping.Contact{Name: "Ana", TaxNumber: world.TaxNumber(1), Email: "ana@mala-test.si"})
	other, err := h.ERP.AddPartner(world.Person("", "Druga", "", "ana@mala-test.si"))
	require.NoError(t, err)
	own, err := h.ERP.AddPartner(world.Person("", "Ana", world.TaxNumber(1), ""))
	require.NoError(t, err)

	h.Pull(other.MKID)
	require.Equal(t, ana, h.ContactOf(own.MKID))
	require.Equal(t, "Druga", h.Contact(h.ContactOf(other.MKID)).Name)
}

// fill makes the world anew.
func (s *small) fill() {
	s.Exec("TRUNCATE contacts, metakocka_contact_mappings, mksync_partners, mksync_answers, mksync_history, mksync_search CASCADE")
	for _, p := range s.ERP.Partners() {
		require.NoError(s.rand, s.ERP.DeletePartner(p.MKID))
	}
	person := func(what string, n int) (tax, email string) {
		tax = rapid.SampledFrom([]string{"", world.TaxNumber(1), world.TaxNumber(1), world.TaxNumber(2)}).Draw(s.rand, fmt.Sprintf("tax of %s %d", what, n))
		email = rapid.SampledFrom([]string{"", "ana@mala-test.si", "ana@mala-test.si", "info@mala-test.si"}).Draw(s.rand, fmt.Sprintf("e-mail of %s %d", what, n))
		return tax, email
	}

	for n := range rapid.IntRange(1, 2).Draw(s.rand, "partners") {
		tax, email := person("partner", n)
		s.partners = append(s.partners, s.enter(fmt.Sprintf("Partner %c", 'A'+n), tax, email))
	}
	for n := range rapid.IntRange(1, 3).Draw(s.rand, "contacts") {
		tax, email := person("contact", n)
		id := s.Add(mapping.Contact{Name: fmt.Sprintf("Oseba %c", 'P'+n), TaxNumber: tax, Email: email})
		s.contacts = append(s.contacts, id)
		s.stand[id] = rapid.SampledFrom([]string{seeks, seeks, gone, gone, leftOut, denied, linked, asleep}).Draw(s.rand, "stands")
		s.standing(id, fmt.Sprintf("Oseba %c", 'P'+n), tax, email)
	}
	require.NoError(s.rand, s.Service.Poller.Poll(s.T.Context()))
	if rapid.Bool().Draw(s.rand, "parted") { // by a person, from whoever had the partner
		s.Exec("UPDATE mksync_partners SET parted = true WHERE metakocka_id = $1", s.partners[0].MKID)
	}
}

func (s *small) enter(name, tax, email string) metakocka.Partner {
	p, err := s.ERP.AddPartner(world.Person("", name, tax, email))
	require.NoError(s.rand, err)
	return p
}

func (s *small) standing(id, name, tax, email string) {
	link := func(metakockaID, status string) {
		s.Exec(`INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, metakocka_type, sync_status) VALUES ($1, $2, 'partner', $3)`, id, metakockaID, status)
	}
	switch s.stand[id] {
	case gone:
		link("9"+id[:8], "unlinked")
	case leftOut, asleep:
		s.Exec("UPDATE contacts SET kept = false WHERE id = $1", id)
		if s.stand[id] == asleep {
			link(s.enter(name, tax, email).MKID, "synced")
		}
	case denied:
		s.Exec("INSERT INTO mksync_answers (contact_id, metakocka_id) VALUES ($1, $2)", id, s.partners[0].MKID)
	case linked:
		link(s.enter(name, tax, email).MKID, "synced")
	}
}

func (s *small) holder(metakockaID string) string {
	return s.One("SELECT coalesce((SELECT contact_id::text FROM metakocka_contact_mappings WHERE metakocka_id = $1 AND sync_status NOT IN ('deleted', 'unlinked')), '')", metakockaID)
}

// partnerAsPlanned has an event of the first partner.
func (s *small) partnerAsPlanned(plan *match.Plan) {
	p := s.partners[0]
	want := plan.Partner(match.Partner{Party: match.Party{ID: p.MKID}})
	_, err := s.Service.Reconciler.Partner(s.T.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	var rejected *syncer.RejectError
	if !errors.As(err, &rejected) {
		require.NoError(s.rand, err)
	}

	got := s.holder(p.MKID)
	verdict := match.VerdictAmbiguous
	switch {
	case slices.Contains(s.contacts, got):
		verdict = match.VerdictLink
	case got != "":
		verdict = match.VerdictCreate
	}
	about := fmt.Sprintf("%v: planned %s %s %s, and came to %s %s", s.stand, want.Verdict, want.ContactID, want.Reason, verdict, got)
	if verdict == match.VerdictAmbiguous && len(s.ERP.Partners()) > 1 {
		return // of another partner that is one of the contacts' an event knows nothing
	}
	require.Equal(s.rand, want.Verdict, verdict, about)
	if verdict == match.VerdictLink {
		require.Equal(s.rand, want.ContactID, got, about)
	}
}

// contactAsPlanned has an event of the first contact.
func (s *small) contactAsPlanned(plan *match.Plan) {
	id := s.contacts[0]
	want, planned := plan.Contact(id)
	for _, stands := range s.stand {
		if stands == asleep || s.stand[id] == linked { // who is left out gives its partner up, planned or not
			return
		}
	}
	_, err := s.Service.Reconciler.Contact(s.T.Context(), id, syncer.Trigger{Cause: syncer.CauseContact})
	require.NoError(s.rand, err)

	became := "nothing"
	if s.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE contact_id = $1", id) > 0 {
		became = s.Mapping(id)
	}
	about := fmt.Sprintf("%v: planned %s %s %s, and came to %s", s.stand, want.Verdict, want.MetaKockaID, want.Reason, became)
	switch {
	case !planned:
		require.Equal(s.rand, "nothing", became, about)
	case want.Verdict == match.VerdictAmbiguous && want.Rival() == "":
		require.True(s.rand, strings.HasPrefix(became, "held: "), about)
	case want.Verdict == match.VerdictLink:
		require.Equal(s.rand, id, s.holder(want.MetaKockaID), about)
	case want.Verdict == match.VerdictCreate:
		require.False(s.rand, slices.ContainsFunc(s.partners, func(p metakocka.Partner) bool { return s.holder(p.MKID) == id }), about)
		require.NotEmpty(s.rand, s.One("SELECT coalesce((SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1), '')", id), about)
	case want.Verdict == match.VerdictUnlinked:
		require.True(s.rand, strings.HasPrefix(became, "unlinked"), about)
	}
}
