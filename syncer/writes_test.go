package syncer_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// history is what happens to one contact and its partner: edits on both sides,
// and reconciles by events that come twice, late, in any order, or not at all.
type history struct {
	*world.World
	s    *service.Service
	rand *rapid.T
	id   string

	partner string              // "" before it is made
	seen    []metakocka.Partner // as it was from time to time
	times   []time.Time         // of the contact's edits
	crm     int                 // edits of the CRM, its insertion included
	cleared int                 // of these, values that were emptied
	entered int                 // edits of the ERP
	others  int                 // partners of other histories
	faults  *faultsMet
	keeps   bool            // the CRM's table keeps what is written
	about   []mapping.Field // what is edited; nil: everything

	inCRM, inERP map[mapping.Field]string // the newest values typed in there
}

// TestLawAtMostOneWritePerEdit: for each contact, MetaKocka is written at most once
// for each edit of the CRM (emptying a value may take two more: the marker, and
// taking it back), and the contact at most once for each edit of the ERP, whatever its
// table makes of that and however a direction changes meanwhile. After quiet nothing
// is written.
//
// A call to MetaKocka without an answer lets a write be made once more, as if the edit
// had been made again: where it was not done, or is undone by whoever edits the ERP, or
// was one of several that empty a value. It adds no write to the contact, for what
// mksync itself sent is no edit of the ERP, and it makes no second partner.
func TestLawAtMostOneWritePerEdit(t *testing.T) {
	t.Parallel()
	all := sim.Options{Notes: sim.Kept, Website: sim.Kept, EmptyValue: sim.Cleared}
	for name, c := range map[string]struct {
		opts    sim.Options
		trigger string // what the CRM makes of mksync's writes
	}{
		"all is kept":                   {all, ""},
		"notes dropped, marker is kept": {sim.Options{RemoveMarker: sim.Kept, LeftOut: sim.Cleared}, ""},
		// What is changed besides what was written is an edit of the CRM's own.
		"the CRM keeps and respells": {all, `NEW.phone := OLD.phone;
			IF NEW.address <> OLD.address THEN NEW.address := lower(NEW.address); END IF;
			IF NEW.name <> OLD.name THEN NEW.name := upper(NEW.name); END IF;`},
		"the CRM swallows some": {all, "IF NEW.phone LIKE '040%' THEN RETURN NULL; END IF; IF NEW.address LIKE 'Ulica%' THEN RAISE 'no' USING ERRCODE = 'CR001'; END IF;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, s := lawful(t, c.opts, c.trigger)
			met := watchFaults(w.ERP)
			rapid.Check(t, few(long.Or(3, 8), func(r *rapid.T) { (&history{World: w, s: s, rand: r, faults: met, keeps: c.trigger == ""}).run() }))
		})
	}
}

// lawful is a world, and the service's parts, for laws: nobody listens. The filter takes
// contacts that are kept.
func lawful(t *testing.T, opts sim.Options, trigger string) (*world.World, *service.Service) {
	t.Helper()
	w := world.NewAudited(t, opts)
	w.WhenWriting("UPDATE", trigger)
	w.Exec("ALTER TABLE contacts ADD COLUMN kept boolean NOT NULL DEFAULT true, ALTER COLUMN country TYPE text")
	w.Config.Filter = []config.Condition{{Column: "kept", Values: []string{"true"}}}
	pace := world.QuickPace
	pace.EventWait = 0
	s, err := service.New(t.Context(), w.Config, service.Options{Pace: pace}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return w, s
}

// few checks a property that is slow to check only so often, unless -rapid.checks
// asks for another number than the usual hundred, or once it has failed.
func few(most int, property func(*rapid.T)) func(*rapid.T) {
	held, failed := 0, false
	return func(t *rapid.T) {
		if held >= most && !failed && flag.Lookup("rapid.checks").Value.String() == "100" {
			return
		}
		ok := false
		defer func() { failed = failed || !ok }()
		property(t)
		held, ok = held+1, true
	}
}

func (h *history) run() {
	before, met := h.Written(), h.faults.count()
	rowed := h.Rowed()
	h.begin()
	for range rapid.IntRange(0, 12).Draw(h.rand, "steps") {
		h.step()
	}
	h.ERP.Relent()
	h.settle()

	after, lost := h.Written(), h.faults.count()-met
	edits, clearings := h.crm+lost, h.cleared
	if clearings > 0 {
		clearings += lost
	}
	writes := after.Adds + after.Updates - before.Adds - before.Updates
	require.LessOrEqual(h.rand, writes, edits+2*clearings, "writes to MetaKocka for %d edits of the CRM, %d clearings, %d calls without an answer", h.crm, h.cleared, lost)
	require.LessOrEqual(h.rand, after.Contacts-before.Contacts, h.entered, "writes to the CRM for %d edits of the ERP", h.entered)
	require.Len(h.rand, h.ERP.Partners(), h.others+1)
	h.undisputed()
	h.chronicled(before, rowed, lost)

	h.settle()
	require.Equal(h.rand, after, h.Written(), "quiet")
	h.undoneTwice()
}

// begin begins with a contact.
func (h *history) begin() {
	h.Redirect(h.s, mapping.DirectionBoth)
	h.inCRM, h.inERP = map[mapping.Field]string{}, map[mapping.Field]string{}
	h.others = len(h.ERP.Partners())
	h.insert()
}

// undisputed checks that a value stands which the other side never touched. An address and
// a country touch each other.
func (h *history) undisputed() {
	crm := h.Contact(h.id)
	p, _ := h.ERP.Partner(h.partner)
	erp := syncer.ContactOf(p)
	_, movedTo := h.inERP[mapping.FieldCountry]
	_, inERP := h.inERP[mapping.FieldAddress] // be it that it was cleared
	if v, inCRM := h.inCRM[mapping.FieldAddress]; inCRM && !movedTo && !inERP {
		require.Equal(h.rand, v, crm.Address, "as typed in the CRM, where nobody touches the address in the ERP")
	}
	for f := range typed {
		if f == mapping.FieldAddress || f == mapping.FieldCountry {
			continue
		}
		byCRM, inCRM := h.inCRM[f]
		byERP, inERP := h.inERP[f]
		if inCRM && !inERP {
			require.Equal(h.rand, mapping.Canonical(f, byCRM), mapping.Canonical(f, crm.Get(f)), "%s, as typed in the CRM alone", f)
		}
		if inERP && !inCRM {
			require.Equal(h.rand, mapping.Canonical(f, byERP), mapping.Canonical(f, erp.Get(f)), "%s, as typed in the ERP alone", f)
		}
	}
}

func (h *history) step() {
	switch rapid.SampledFrom([]string{"crm", "crm", "erp", "pusher", "pusher", "puller", "poll", "restart", "filter", "lost", "lost", "later"}).Draw(h.rand, "step") {
	case "crm":
		h.editContact()
	case "erp":
		h.editPartner()
	case "pusher":
		h.pusher(rapid.SampledFrom(h.times).Draw(h.rand, "event"))
	case "puller":
		if len(h.seen) > 0 {
			h.puller(rapid.SampledFrom(h.seen).Draw(h.rand, "event"))
		}
	case "poll":
		h.poll()
	case "filter":
		h.Exec("UPDATE contacts SET kept = NOT kept WHERE id = $1", h.id)
		h.times = append(h.times, time.Now())
	case "lost":
		h.lose()
	case "later":
		h.later()
	case "restart":
		h.Redirect(h.s, rapid.SampledFrom([]mapping.Direction{
			mapping.DirectionBoth, mapping.DirectionToCRM, mapping.DirectionToMetaKocka, mapping.DirectionOff,
		}).Draw(h.rand, "direction of the phone"))
	}
}

func (h *history) insert() {
	h.id = uuid.NewString()
	number := h.Count("SELECT count(*) FROM contacts")
	h.Exec("INSERT INTO contacts (id, name, email) VALUES ($1, $2, $3)", h.id, fmt.Sprintf("Oseba %d", number), fmt.Sprintf("oseba%d@primer.si", number))
	h.crm++
	h.times = append(h.times, time.Now())
}

// typed are values that somebody types in, some of which cannot be sent.
var typed = map[mapping.Field][]string{
	mapping.FieldName:      {"Ana Kralj", "Bor Zajc"},
	mapping.FieldEmail:     {"ana@primer.si", "bor@primer.si", "bor@"},
	mapping.FieldPhone:     {"", "040 111 222", "041 333 444", "-", "pokliči tajnico"},
	mapping.FieldAddress:   {"", "Cesta 1, Ljubljana, 1000", "Ulica 2, Maribor, 2000", "Pot 3", "Celje", "Trg 4, Celje", "Lindenweg 8, 50667 Köln, Deutschland", "Ulica 3, 10000 Zagreb, Hrvatska"},
	mapping.FieldCountry:   {"", "SI", "Avstrija", "Nikjer"},
	mapping.FieldTaxNumber: {"", "/", "v postopku", "SI1234567"},
	mapping.FieldNotes:     {"", "opomba", "druga opomba"},
	mapping.FieldWebsite:   {"", "https://primer.si"},
}

// editContact changes one to three fields in one statement.
func (h *history) editContact() {
	fields := h.edited(slices.Collect(maps.Keys(typed)))
	set, values, cleared := []string{"updated_at = now()"}, []any{h.id}, false
	for _, f := range rapid.SliceOfNDistinct(rapid.SampledFrom(fields), 1, min(3, len(fields)), rapid.ID).Draw(h.rand, "fields") {
		v := h.own(f, rapid.SampledFrom(typed[f]).Draw(h.rand, "value"))
		values = append(values, v)
		set = append(set, fmt.Sprintf("%s = nullif($%d, '')", f, len(values)))
		h.inCRM[f] = v
		if mapping.Canonical(f, v) == "" || f == mapping.FieldAddress { // which may have ended in a country
			cleared = true
		}
	}
	h.Exec("UPDATE contacts SET "+strings.Join(set, ", ")+" WHERE id = $1", values...)

	h.crm++
	if cleared {
		h.cleared++
	}
	h.times = append(h.times, time.Now())
}

// edited are those of the fields that are edited.
func (h *history) edited(fields []mapping.Field) []mapping.Field {
	slices.Sort(fields)
	return slices.DeleteFunc(fields, func(f mapping.Field) bool { return h.about != nil && !slices.Contains(h.about, f) })
}

// own is a value that nobody of another history has: that would be a question of
// matching.
func (h *history) own(f mapping.Field, v string) string {
	switch f {
	case mapping.FieldEmail:
		return h.id + v
	case mapping.FieldName:
		return v + " " + h.id
	}
	return v
}

// editPartner edits the partner at the ERP's screens; also one that mksync made and does
// not know of yet, but for the name that it is to be known by.
func (h *history) editPartner() {
	fields := []mapping.Field{mapping.FieldPhone, mapping.FieldAddress, mapping.FieldCountry}
	partner := h.partner
	if all := h.ERP.Partners(); partner == "" && len(all) > h.others {
		partner = all[len(all)-1].MKID
	} else {
		fields = append(fields, mapping.FieldName)
	}
	if partner == "" {
		return
	}
	f := rapid.SampledFrom(h.edited(fields)).Draw(h.rand, "field")
	v := h.own(f, rapid.SampledFrom(typed[f]).Draw(h.rand, "value"))
	require.NoError(h.rand, h.ERP.EditPartner(partner, func(p *metakocka.Partner) { world.EnterField(p, f, v) }))
	h.entered++
	h.inERP[f] = v
	h.look()
}

// look notes how the partner is now, for events that come late.
func (h *history) look() {
	if p, ok := h.ERP.Partner(h.partner); ok {
		h.seen = append(h.seen, p)
	}
}

// pusher tells whether MetaKocka's answer is waited for.
func (h *history) pusher(changedAt time.Time) (waits bool) {
	ctx := context.WithoutCancel(h.T.Context())
	res, err := h.s.Reconciler.Contact(ctx, h.id, syncer.Trigger{Cause: syncer.CauseContact, CRMChangedAt: changedAt})
	h.mayRefuse(err)
	if res.MetaKockaID != "" {
		h.partner = res.MetaKockaID
	}
	h.look()
	return unanswered(err)
}

func (h *history) puller(p metakocka.Partner) {
	ctx := context.WithoutCancel(h.T.Context())
	_, err := h.s.Reconciler.Partner(ctx, p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	h.mayRefuse(err)
	h.look()
}

// mayRefuse: only what the CRM's table does not take, or an answer that is lost, may keep a
// contact from being brought over.
func (h *history) mayRefuse(err error) {
	var rejected *syncer.RejectError
	if errors.As(err, &rejected) && strings.Contains(rejected.Reason.String(), "the CRM refused the contact") {
		return
	}
	if !unanswered(err) {
		require.NoError(h.rand, err)
	}
}

func (h *history) poll() {
	require.NoError(h.rand, h.s.Poller.Poll(context.WithoutCancel(h.T.Context())))
	h.look()
}

// settle delivers the newest events, twice.
func (h *history) settle() {
	h.Exec("UPDATE contacts SET kept = true WHERE id = $1", h.id)
	for h.pusher(h.times[len(h.times)-1]) {
		h.later()
	}
	for range 2 {
		h.pusher(h.times[len(h.times)-1])
		h.poll()
		if len(h.seen) > 0 { // else the CRM's table refused the contact all the time
			h.puller(h.seen[len(h.seen)-1])
		}
	}
}
