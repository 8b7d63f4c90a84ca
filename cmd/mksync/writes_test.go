package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// history is what happens to one contact and its partner: edits on both sides,
// and reconciles by events that come twice, late, in any order, or not at all.
type history struct {
	*world
	s    *service
	rand *rapid.T
	id   string

	partner string              // "" before it is made
	seen    []metakocka.Partner // as it was from time to time
	times   []time.Time         // of the contact's edits
	crm     int                 // edits of the CRM, its insertion included
	cleared int                 // of these, values that were emptied
	entered int                 // edits of the ERP
}

// TestLawAtMostOneWritePerEdit: for each contact, MetaKocka is written at most once
// for each edit of the CRM (emptying a value may take two more: the marker, and
// taking it back), and the contact at most once for each edit of the ERP, whatever its
// table makes of that and however a direction changes meanwhile. After quiet nothing
// is written.
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
			w := newAuditedWorld(t, c.opts)
			w.whenWriting("UPDATE", c.trigger)
			w.exec("ALTER TABLE contacts ADD COLUMN kept boolean NOT NULL DEFAULT true, ALTER COLUMN country TYPE text")
			w.cfg.Filter = []config.Condition{{Column: "kept", Values: []string{"true"}}}
			pace := quickPace
			pace.eventWait = 0 // nobody listens
			s, err := newService(t.Context(), w.cfg, pace, nil, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			t.Cleanup(s.Close)
			rapid.Check(t, few(8, func(r *rapid.T) { (&history{world: w, s: s, rand: r}).run() }))
		})
	}
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
	h.redirect(h.s, mapping.DirectionBoth)
	before := h.written()
	h.insert()
	for range rapid.IntRange(0, 12).Draw(h.rand, "steps") {
		h.step()
	}
	h.settle()
	after := h.written()
	writes := after.Adds + after.Updates - before.Adds - before.Updates
	require.LessOrEqual(h.rand, writes, h.crm+2*h.cleared, "writes to MetaKocka for %d edits of the CRM, %d clearings", h.crm, h.cleared)
	require.LessOrEqual(h.rand, after.Contacts-before.Contacts, h.entered, "writes to the CRM for %d edits of the ERP", h.entered)
	require.Equal(h.rand, 1, after.Adds-before.Adds)
	h.settle()
	require.Equal(h.rand, after, h.written(), "quiet")
}

func (h *history) step() {
	switch rapid.SampledFrom([]string{"crm", "crm", "erp", "pusher", "pusher", "puller", "poll", "restart", "filter"}).Draw(h.rand, "step") {
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
		h.exec("UPDATE contacts SET kept = NOT kept WHERE id = $1", h.id)
		h.times = append(h.times, time.Now())
	case "restart":
		h.redirect(h.s, rapid.SampledFrom([]mapping.Direction{
			mapping.DirectionBoth, mapping.DirectionToCRM, mapping.DirectionToMetaKocka, mapping.DirectionOff,
		}).Draw(h.rand, "direction of the phone"))
	}
}

func (h *history) insert() {
	h.id = uuid.NewString()
	number := h.count("SELECT count(*) FROM contacts")
	h.exec("INSERT INTO contacts (id, name, email) VALUES ($1, $2, $3)", h.id, fmt.Sprintf("Oseba %d", number), fmt.Sprintf("oseba%d@primer.si", number))
	h.crm++
	h.times = append(h.times, time.Now())
}

// typed are values that somebody types in, some of which cannot be sent.
var typed = map[mapping.Field][]string{
	mapping.FieldName:      {"Ana Kralj", "Bor Zajc"},
	mapping.FieldEmail:     {"ana@primer.si", "bor@primer.si", "bor@"},
	mapping.FieldPhone:     {"", "040 111 222", "041 333 444", "-", "pokliči tajnico"},
	mapping.FieldAddress:   {"", "Cesta 1, Ljubljana, 1000", "Ulica 2, Maribor, 2000", "Pot 3", "Trg 4, Celje", "Lindenweg 8, 50667 Köln, Deutschland", "Ulica 3, 10000 Zagreb, Hrvatska"},
	mapping.FieldCountry:   {"", "SI", "Avstrija", "Nikjer"},
	mapping.FieldTaxNumber: {"", "/", "v postopku", "SI1234567"},
	mapping.FieldNotes:     {"", "opomba", "druga opomba"},
	mapping.FieldWebsite:   {"", "https://primer.si"},
}

func (h *history) editContact() {
	f := rapid.SampledFrom(mapping.Fields()).Filter(func(f mapping.Field) bool { return typed[f] != nil }).Draw(h.rand, "field")
	v := h.own(f, rapid.SampledFrom(typed[f]).Draw(h.rand, "value"))
	h.exec(fmt.Sprintf("UPDATE contacts SET %s = nullif($2, ''), updated_at = now() WHERE id = $1", f), h.id, v)
	h.crm++
	if mapping.Canonical(f, v) == "" || f == mapping.FieldAddress { // which may have ended in a country
		h.cleared++
	}
	h.times = append(h.times, time.Now())
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

func (h *history) editPartner() {
	if h.partner == "" {
		return
	}
	f := rapid.SampledFrom([]mapping.Field{mapping.FieldName, mapping.FieldPhone, mapping.FieldAddress, mapping.FieldCountry}).Draw(h.rand, "field")
	v := h.own(f, rapid.SampledFrom(typed[f]).Draw(h.rand, "value"))
	require.NoError(h.rand, h.erp.EditPartner(h.partner, func(p *metakocka.Partner) { enterField(p, f, v) }))
	h.entered++
	h.look()
}

// look notes how the partner is now, for events that come late.
func (h *history) look() {
	if p, ok := h.erp.Partner(h.partner); ok {
		h.seen = append(h.seen, p)
	}
}

func (h *history) pusher(changedAt time.Time) {
	ctx := context.WithoutCancel(h.t.Context())
	res, err := h.s.reconciler.Contact(ctx, h.id, syncer.Trigger{Cause: syncer.CauseContact, CRMChangedAt: changedAt})
	h.mayRefuse(err)
	if res.MetaKockaID != "" {
		h.partner = res.MetaKockaID
	}
	h.look()
}

func (h *history) puller(p metakocka.Partner) {
	ctx := context.WithoutCancel(h.t.Context())
	_, err := h.s.reconciler.Partner(ctx, p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	h.mayRefuse(err)
	h.look()
}

// mayRefuse: only what the CRM's table does not take may keep a contact from being brought over.
func (h *history) mayRefuse(err error) {
	var rejected *syncer.RejectError
	if errors.As(err, &rejected) && strings.Contains(rejected.Reason, "the CRM refused the contact") {
		return
	}
	require.NoError(h.rand, err)
}

func (h *history) poll() {
	require.NoError(h.rand, h.s.poller.Poll(context.WithoutCancel(h.t.Context())))
	h.look()
}

// settle delivers the newest events, twice.
func (h *history) settle() {
	h.exec("UPDATE contacts SET kept = true WHERE id = $1", h.id)
	for range 2 {
		h.pusher(h.times[len(h.times)-1])
		h.poll()
		if len(h.seen) > 0 { // else the CRM's table refused the contact all the time
			h.puller(h.seen[len(h.seen)-1])
		}
	}
}
