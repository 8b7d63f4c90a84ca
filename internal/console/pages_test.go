package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/console"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// tokenOf is the token of whoever has a role.
func tokenOf(r operations.Role) string { return "the-token-of-the-" + string(r) }

// house is a world whose service has nothing but the console and its operations, with a
// token for each role: each reconcile is the test's, or a page's.
type house struct {
	*world.World
	s    *service.Service
	base string
}

func open(t *testing.T, set ...func(w *world.World)) *house {
	t.Helper()
	w := world.New(t, sim.Options{})
	tokens := ""
	for _, r := range operations.Roles() {
		tokens += fmt.Sprintf(",the-%[1]s:%[2]s:%[1]s", r, tokenOf(r))
	}
	w.Config.APIToken, w.Config.APIRate = config.Secret(tokens[1:]), 1e6
	w.Config.ConflictRule, w.Config.MaxDeletes = "manual", 0
	w.Config.ConsoleCRMURL = "https://crm.primer.si/?stik={id}"
	for _, change := range set {
		change(w)
	}
	s, _ := w.Start(service.RoleAPI)
	w.Eventually(func() error {
		if s.HTTPAddr() == "" {
			return fmt.Errorf("no HTTP yet")
		}
		return nil
	})
	return &house{w, s, "http://" + s.HTTPAddr()}
}

// as is a browser of somebody with a role.
func (h *house) as(t *testing.T, r operations.Role) *browser {
	t.Helper()
	return newBrowser(t, h.base).signIn(tokenOf(r))
}

// conflict is a contact whose phone waits for a person.
func (h *house) conflict(name string) (id string) {
	h.T.Helper()
	id = h.Linked(h.s, name+"@primer.si")
	h.Edit(h.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 111 222" })
	h.Set(id, mapping.FieldPhone, "041 333 444")
	h.Reconciled(h.s, id)
	return id
}

// deleted is a contact whose deletion waits for a person.
func (h *house) deleted(name string) (id string) {
	h.T.Helper()
	id = h.Linked(h.s, name+"@primer.si")
	h.Exec("DELETE FROM contacts WHERE id = $1", id)
	_, err := h.s.Reconciler.Contact(h.T.Context(), id, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
	require.NoError(h.T, err)
	return id
}

// unclear is a contact that two partners match.
func (h *house) unclear(name string) (id string) {
	h.T.Helper()
	for range 2 {
		_, err := h.ERP.AddPartner(metakocka.Partner{Customer: name, Contacts: []metakocka.Contact{{Name: name, Email: name + "@primer.si"}}})
		require.NoError(h.T, err)
	}
	require.NoError(h.T, h.s.Poller.Poll(h.T.Context()))
	id = h.Insert(name, name+"@primer.si")
	h.Reconciled(h.s, id)
	return id
}

// refused is a contact without a name.
func (h *house) refused() (id string) {
	h.T.Helper()
	id = h.Insert(" ", "prazno@primer.si")
	_, err := h.s.Reconciler.Contact(h.T.Context(), id, syncer.Trigger{Cause: syncer.CauseContact})
	require.Error(h.T, err)
	return id
}

// deadLetter is one whose consumer does not run.
func (h *house) deadLetter(contactID string) {
	h.T.Helper()
	letter := bus.Message{Subject: bus.DeadLetterSubject("pusher", contactID), Header: nats.Header{"Mksync-Reason": {"it could not be"}}}
	_, err := h.s.Bus.PublishSync(h.T.Context(), bus.StreamDeadLetters, letter)
	require.NoError(h.T, err)
}

// TestPages: one world, whose pages are read and whose forms are sent.
func TestPages(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, part := range []struct {
		name string
		run  func(t *testing.T, h *house)
	}{
		{"nothing yet", nothingWaits},
		{"a conflict", decideConflict},
		{"a double click", doubleClick},
		{"another process", sentElsewhere},
		{"a session that ends", sessionEnds},
		{"deletions", decideDeletions},
		{"many at once", decideMany},
		{"the history", takeBack},
		{"the rest", decideTheRest},
		{"contacts", findContacts},
		{"a contact", oneContact},
		{"sending", stopSending},
		{"a dead letter", throwAway},
		{"a pair", theyAreTwo},
		{"one reason", manyForOneReason},
		{"several contacts", severalContacts},
		{"many that failed", manyThatFailed},
		{"counts", countsAreRows},
		{"in Slovenian", inSlovenian},
		{"a look before a sync", lookBeforeASync},
		{"rights", rightsHideAndRefuse},
		{"csv", historyOpensInASpreadsheet},
		{"every page", everyPageIsRead},
		{"live", liveTabs},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, h) })
	}
}

func nothingWaits(t *testing.T, h *house) {
	t.Helper()
	b := h.as(t, operations.Viewer)
	require.Contains(t, b.get("/console/waiting").body, "Nothing waits for you.")
	require.Contains(t, b.get("/console/history").body, "Nothing was written or decided")
}

// decideConflict: decided, seen in MetaKocka, taken back.
func decideConflict(t *testing.T, h *house) {
	t.Helper()
	id := h.conflict("ana")
	b := h.as(t, operations.Decider)
	require.Contains(t, b.get("/console/").body, "1 thing waits for you.")
	a := b.get("/console/waiting")
	require.Contains(t, a.body, "<title>(1) Needs you")
	require.Contains(t, a.body, "Oseba ana@primer.si")

	a = b.press(a, "The CRM is right: 041 333 444")
	require.Contains(t, a.notice(), "Oseba ana@primer.si: phone is now 041 333 444 on both sides.")
	require.Contains(t, a.body, "Nothing waits for you.")
	h.Agree(id, "041 333 444")
	undo := b.button(a, "Take it back")
	require.Empty(t, b.get("/console/waiting").notice(), "it is said once")

	a = b.led(b.do("POST", undo.action, undo.fields))
	require.Contains(t, a.notice(), "is again as the other side had it")
	h.Agree(id, "041 111 222")
}

// doubleClick: a form that is sent twice is done once, also where the first is still being
// worked on and its browser has gone.
func doubleClick(t *testing.T, h *house) {
	t.Helper()
	id := h.conflict("bor")
	b := h.as(t, operations.Decider)
	f := b.button(b.get("/console/waiting"), "MetaKocka is right")
	before := h.Count("SELECT count(*) FROM mksync_history WHERE contact_id = $1", id)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			a := b.do("POST", f.action, f.fields)
			require.Equal(t, "/console/waiting", a.header.Get("Location"))
		})
	}
	both.Wait()
	require.Contains(t, b.get("/console/waiting").notice(), "is now 041 111 222 on both sides")
	after := h.Count("SELECT count(*) FROM mksync_history WHERE contact_id = $1", id)
	a := b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), "is now 041 111 222 on both sides", "as the first was answered")
	require.Equal(t, after, h.Count("SELECT count(*) FROM mksync_history WHERE contact_id = $1", id))
	require.Equal(t, 2, after-before, "a decision and a write")
	h.Agree(id, "041 111 222")
}

// sentElsewhere: a form that reaches another process as well is answered there as it was
// here, with what takes it back; what is kept for that holds no value of a contact.
func sentElsewhere(t *testing.T, h *house) {
	t.Helper()
	id := h.conflict("iztok")
	b := h.as(t, operations.Decider)
	there := newBrowser(t, serve(t, one, console.Config{API: h.s.API(h.s.Monitor()), Key: h.Config.SessionKey(), Zone: time.UTC, Used: h.s.Store}))
	there.http.Jar = b.http.Jar // cookies know no ports
	twice := func(f form) (here, elsewhere answer) {
		here = b.led(b.do("POST", f.action, f.fields))
		elsewhere = there.led(there.do("POST", f.action, f.fields))
		require.Equal(t, here.notice(), elsewhere.notice())
		require.NotContains(t, h.One("SELECT string_agg(became::text, ' ') FROM mksync_used"), "iztok")
		require.NotContains(t, h.One("SELECT string_agg(became::text, ' ') FROM mksync_used"), "041")
		return here, elsewhere
	}

	f := b.button(b.get("/console/waiting"), "MetaKocka is right")
	_, a := twice(f)
	require.Contains(t, a.notice(), "Oseba iztok@primer.si: phone is now 041 111 222 on both sides.")
	undo := there.button(a, "Take it back")
	f.fields.Set("take", "crm")
	_, a = twice(f)
	require.Contains(t, a.notice(), "It does not fit how things stand by now.", "refused, and not asked for again")
	_, a = twice(undo)
	require.Contains(t, a.notice(), "is again as the other side had it")
	h.Agree(id, "041 333 444")
}

// sessionEnds: what was to be sent is kept until somebody has signed in again.
func sessionEnds(t *testing.T, h *house) {
	t.Helper()
	id := h.conflict("cene")
	b := h.as(t, operations.Decider)
	f := b.button(b.get("/console/waiting"), "The CRM is right")
	b.post("/console/sign-out")
	a := b.do("POST", f.action, f.fields)
	require.Equal(t, 401, a.status)
	require.Contains(t, a.body, "Your sign-in has ended.")

	in := b.button(a, "Sign in")
	in.fields.Set("token", tokenOf(operations.Decider))
	a = b.do("POST", in.action, in.fields)
	require.Equal(t, 200, a.status)
	require.Contains(t, a.body, "has not been sent")
	h.Status(id, "conflict") // not before somebody says so
	a = b.press(a, "Send it now")
	require.Contains(t, a.notice(), "is now 041 333 444 on both sides")
	h.Agree(id, "041 333 444")

	in.fields.Set("resume_action", "https://evil.example/")
	require.Equal(t, 303, b.do("POST", in.action, in.fields).status, "it leads to no other site")
}

func decideDeletions(t *testing.T, h *house) {
	t.Helper()
	gone, kept := h.deleted("dora"), h.deleted("edo")
	b := h.as(t, operations.Decider)
	a := b.get("/console/waiting?kind=deletion")
	require.Contains(t, a.body, "The contact was deleted in the CRM.")
	for id, says := range map[string]string{gone: "Yes, let the partner go", kept: "No, keep the partner"} {
		for _, f := range a.forms() {
			if strings.HasPrefix(f.label, says) && f.fields.Get("id") == h.One("SELECT d.id::text FROM mksync_deletions d JOIN metakocka_contact_mappings m ON m.id = d.link_id WHERE m.contact_id = $1", id) {
				b.led(b.do("POST", f.action, f.fields))
			}
		}
	}
	require.Equal(t, "applied", h.One("SELECT d.status FROM mksync_deletions d JOIN metakocka_contact_mappings m ON m.id = d.link_id WHERE m.contact_id = $1", gone))
	require.Equal(t, "rejected", h.One("SELECT d.status FROM mksync_deletions d JOIN metakocka_contact_mappings m ON m.id = d.link_id WHERE m.contact_id = $1", kept))
	require.Contains(t, b.get("/console/waiting").body, "Nothing waits for you.")
}

// decideMany: chosen, looked at, done; what was decided meanwhile is left out.
func decideMany(t *testing.T, h *house) {
	t.Helper()
	ids := []string{h.conflict("fani"), h.conflict("gal"), h.conflict("hana")}
	b := h.as(t, operations.Decider)
	a := b.get("/console/waiting")
	q := url.Values{"kind": {"conflict"}, "choice": {"crm"}}
	for _, f := range a.forms() {
		if strings.HasPrefix(f.label, "The CRM is right") && f.action == "/console/do/conflict" {
			q.Add("choose", f.fields.Get("id"))
		}
	}
	require.Len(t, q["choose"], 3)
	a = b.get("/console/bulk?" + q.Encode())
	require.Contains(t, a.body, "3 chosen:")
	h.Status(ids[0], "conflict") // nothing is written yet

	b.press(b.get("/console/waiting?kind=conflict"), "Sign out") // somebody else decides one
	b = h.as(t, operations.Decider)
	b.post("/console/do/conflict", "id", q["choose"][1], "take", "metakocka", "key", "other")
	require.Contains(t, b.get("/console/bulk?"+q.Encode()).body, "1 was decided meanwhile")
	f := b.button(a, "Do it for all 3")
	a = b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), "2 were decided.")
	h.Agree(ids[0], "041 333 444")
	h.Agree(ids[1], "041 111 222")
	h.Agree(ids[2], "041 333 444")
	require.Equal(t, 404, b.do("GET", "/console/bulk?kind=conflict&choice=nothing&choose=1", nil).status)
}

// takeBack: looked at first, and taken back; which can be taken back in turn.
func takeBack(t *testing.T, h *house) {
	t.Helper()
	id := h.Linked(h.s, "iva@primer.si")
	h.Set(id, mapping.FieldPhone, "041 555 666")
	h.Reconciled(h.s, id)
	h.Agree(id, "041 555 666")
	b := h.as(t, operations.Decider)
	entry := h.One("SELECT max(id)::text FROM mksync_history WHERE contact_id = $1 AND side = 'metakocka'", id)
	require.Contains(t, b.get("/console/history?contact="+id).body, `name="id" value="`+entry+`"`)

	a := b.get("/console/undo?id=" + entry)
	require.Contains(t, a.body, "1 value would be as it was before.")
	h.Agree(id, "041 555 666")
	f := b.button(a, "Take it back")
	b.led(b.do("POST", f.action, f.fields))
	h.Agree(id, "041 111 111")
	a = b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), "1 value was taken back.", "as it was answered the first time")
	a = b.press(a, "Take it back")
	require.Contains(t, a.notice(), "1 value was taken back.")
	h.Agree(id, "041 555 666")

	window := url.Values{"since": {time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)}, "until": {time.Now().UTC().Add(time.Hour).Format(time.RFC3339)}, "contact": {id}}
	require.Contains(t, b.get("/console/history?"+window.Encode()).body, "Take all of this back")
	require.Contains(t, b.get("/console/undo?"+window.Encode()).body, "Take back")
	require.Equal(t, 400, b.do("GET", "/console/undo?since=yesterday", nil).status)

	// Of several contacts it is a job, whose page shows how far it is.
	other := h.Linked(h.s, "ivo@primer.si")
	entries := h.One("SELECT string_agg(id::text, ',') FROM mksync_history WHERE contact_id IN ($1, $2) AND side = 'metakocka'", id, other)
	a = b.press(b.get("/console/undo?id="+entries), "Take it back")
	require.Contains(t, a.notice(), "2 contacts are being taken back, as a job.")
	require.Contains(t, a.body, "Take writes back")
	h.Eventually(func() error {
		if n := h.Count("SELECT count(*) FROM mksync_jobs WHERE status = 'done' AND operation = 'history.undo'"); n != 1 {
			return fmt.Errorf("%d are done", n)
		}
		return nil
	})
}

func decideTheRest(t *testing.T, h *house) {
	t.Helper()
	match, refused := h.unclear("jana"), h.refused()
	h.deadLetter(refused)
	b := h.as(t, operations.Operator)
	a := b.get("/console/waiting")
	for _, words := range []string{"1 unclear partner", "1 refused contact", "1 change that failed", "it could not be"} {
		require.Contains(t, a.body, words)
	}
	a = b.press(a, "Make a new partner")
	require.Contains(t, a.notice(), "jana has the new partner")
	h.Status(match, "synced")

	a = b.get("/console/errors")
	require.Equal(t, 2, strings.Count(a.body, "data-row"))
	require.Contains(t, a.body, "Try all of them again")

	h.Exec("UPDATE contacts SET name = 'Kaja' WHERE id = $1", refused)
	a = b.press(b.get("/console/waiting?kind=error"), "Try again")
	require.Contains(t, a.notice(), "Kaja is in step.")
	a = b.press(b.get("/console/waiting?kind=dead_letter"), "Try again")
	require.Contains(t, a.notice(), "Kaja is being tried again.")
	require.Contains(t, b.get("/console/waiting").body, "Nothing waits for you.")
}

// countsAreRows: what a page counts is what the list behind it has.
func countsAreRows(t *testing.T, h *house) {
	t.Helper()
	h.conflict("lana")
	h.deleted("mia")
	h.unclear("nik")
	h.deadLetter(h.refused())
	b := h.as(t, operations.Viewer)
	overview := b.get("/console/").body
	require.Contains(t, overview, "5 things wait for you.")
	require.Contains(t, overview, `id="waiting">5<`)
	require.Equal(t, 5, strings.Count(b.get("/console/waiting").body, "data-row"))
	for _, kind := range []string{"conflict", "match", "deletion", "error", "dead_letter"} {
		require.Contains(t, overview, `<a href="/console/waiting?kind=`+kind+`"><b>1</b>`)
		require.Equal(t, 1, strings.Count(b.get("/console/waiting?kind="+kind).body, "data-row"), kind)
	}
}

// rightsHideAndRefuse: whoever may not is shown no button, and is refused where they send the
// form all the same.
func rightsHideAndRefuse(t *testing.T, h *house) {
	t.Helper()
	needs := map[string]operations.Role{
		"conflict": operations.Decider, "conflict-undo": operations.Decider, "deletion-approve": operations.Decider, "deletion-reject": operations.Decider,
		"dead-letter": operations.Operator, "sync": operations.Operator, "make-new": operations.Decider, "link": operations.Decider,
		"job-cancel": operations.Operator, "job-retry": operations.Operator, "job-start": operations.Operator, "retry-all": operations.Operator, "check": operations.Operator,
		"leave-out": operations.Decider, "take-in": operations.Decider, "unlink": operations.Decider, "discard": operations.Decider, "not-same": operations.Decider, "maybe-same": operations.Decider, "merge": operations.Decider, "merge-undo": operations.Decider, "undo": operations.Decider,
	}
	for _, r := range operations.Roles() {
		b := h.as(t, r)
		shown := map[string]bool{}
		for _, page := range []string{"/console/", "/console/waiting", "/console/history"} {
			for _, f := range b.get(page).forms() {
				if do, is := strings.CutPrefix(f.action, "/console/do/"); is {
					shown[do] = true
				}
			}
		}
		for do, need := range needs {
			a := b.post("/console/do/"+do, "id", "1", "key", fmt.Sprint(r))
			if r.May(need) {
				require.Equal(t, 303, a.status, "%s: %s: %s", r, do, a.body)
				continue
			}
			require.Equal(t, 403, a.status, "%s: %s", r, do)
			require.Contains(t, a.body, "You may not do that.")
			require.False(t, shown[do], "%s is shown %s", r, do)
		}
		require.Equal(t, r.May(operations.Decider), shown["conflict"], r)
		require.Equal(t, r.May(operations.Operator), shown["sync"], r)
		undo := b.do("GET", "/console/undo?id=1", nil).status
		require.Equal(t, r.May(operations.Decider), undo != 403, "%s: the preview asks for the same right", r)
	}
}

func historyOpensInASpreadsheet(t *testing.T, h *house) {
	t.Helper()
	id := h.Linked(h.s, "olga@primer.si")
	h.Exec("UPDATE contacts SET name = '=1+1', phone = '+386 41 777 888' WHERE id = $1", id)
	h.Reconciled(h.s, id)
	b := h.as(t, operations.Viewer)
	b.lang = "sl"
	a := b.get("/console/history.csv?contact=" + id)
	require.Equal(t, "text/csv; charset=utf-8", a.header.Get("Content-Type"))
	require.Contains(t, a.header.Get("Content-Disposition"), "attachment; filename=mksync-history-")
	require.True(t, strings.HasPrefix(a.body, "\ufeffVnos;Kdaj;ID stika;Ime;"), a.body)
	require.Contains(t, a.body, ";'=1+1;")
	require.Contains(t, a.body, ";'+386 41 777 888;")
	partner := h.Partner(id).MKID
	require.Greater(t, len(partner), 11)
	require.Contains(t, a.body, ";\"\t"+partner+"\";", "a long number stays as it is")
	b.lang = "en"
	require.Contains(t, b.get("/console/history.csv").body, "Entry,When,")
}

// everyPageIsRead in both languages, with one heading of the first order, nothing unsaid and
// nothing that the policy would refuse. In the short form each is read in one of the two.
func everyPageIsRead(t *testing.T, h *house) {
	t.Helper()
	id := h.Linked(h.s, "pia@primer.si")
	pages := []string{
		"", "waiting", "waiting?kind=match", "bulk?kind=match&choice=new&choose=" + id, "history", "undo?contact=" + id + "&to=2026-01-01",
		"contacts", "contacts?status=synced", "contact?id=" + id, "preview?id=" + id, "link?id=" + id + "&partner=" + h.Partner(id).MKID, "deletions", "deletions?all=true", "duplicates", "errors", "first-match", "jobs", "system", "doctor", "merge?loser=" + id + "&winner=" + h.Linked(h.s, "pina@primer.si"),
	}
	for i, lang := range []string{"sl", "en"} {
		b := h.as(t, operations.Admin)
		b.lang = lang
		for _, page := range long.Share(i, 2, pages) {
			body := b.get("/console/" + page).body
			require.Equal(t, 1, strings.Count(body, "<h1"), page)
			require.NotRegexp(t, `>[^<]*(console|alert|name)\.[a-z_]+\.`, body, "%s: a text is missing", page)
			require.NotContains(t, body, "&lt;nil&gt;", page)
			require.NotContains(t, body, `contact?id="`, "%s: a link to nobody", page)
			require.NotContains(t, body, "<no value>", page)
			require.NotRegexp(t, ` (style|on[a-z]+)="`, body, page)
		}
	}
	b := h.as(t, operations.Viewer)
	require.NotContains(t, b.get("/console/system").body, "MKSYNC_DATABASE_URL", "addresses are for operators")
	require.Equal(t, 403, b.do("GET", "/console/doctor", nil).status)
	require.NotContains(t, h.as(t, operations.Admin).get("/console/system").body, tokenOf(operations.Admin))
}

// findContacts: by any part of a name, whatever the accents; each filter stands in the address,
// and the sheet has what the page has.
func findContacts(t *testing.T, h *house) {
	t.Helper()
	id := h.Add(mapping.Contact{Name: "Žiga Čepič", CompanyName: "Čepič d.o.o.", Email: "ziga@cepic.si", Phone: "040 987 654", Country: "SI"})
	h.Reconciled(h.s, id)
	b := h.as(t, operations.Viewer)
	for _, words := range []string{"cepic", "ČEPIČ", "ziga@", "987 654", id} {
		require.Contains(t, b.get("/console/contacts?search="+url.QueryEscape(words)).body, "Žiga Čepič", words)
	}
	require.Contains(t, b.get("/console/contacts?search=nobody-of-this-name").body, "No contact fits.")
	all := h.Count("SELECT count(*) FROM metakocka_contact_mappings")
	require.Contains(t, b.get("/console/contacts").body, fmt.Sprintf("<p>%d contacts</p>", all))
	require.Equal(t, all, strings.Count(b.get("/console/contacts").body, "data-row"))
	synced := h.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'")
	require.Equal(t, synced, strings.Count(b.get("/console/contacts?status=synced").body, "data-row"))
	require.Contains(t, b.get("/console/").body, fmt.Sprintf(`<a href="/console/contacts?status=synced"><b>%d</b>`, synced))
	require.Equal(t, all+1, strings.Count(b.get("/console/contacts.csv").body, "\r\n"))
	require.Equal(t, synced+1, strings.Count(b.get("/console/contacts.csv?status=synced").body, "\r\n"))
}

// oneContact: why each field is as it is; linked, parted, left out and taken in again, merged
// and taken apart, each looked at first where it writes.
func oneContact(t *testing.T, h *house) {
	t.Helper()
	id := h.unclear("rok")
	b := h.as(t, operations.Decider)
	page := "/console/contact?id=" + id
	a := b.get(page)
	require.Contains(t, a.body, "Make a new partner")
	require.Contains(t, a.body, "It is <b>rok (")
	side := b.get("/console/first-match")
	require.Contains(t, side.body, "Same e-mail.")

	partner := h.One("SELECT split_part(trim(leading '(' from substring(last_error from '[(][0-9]+')), ',', 1) FROM metakocka_contact_mappings WHERE contact_id = $1", id)
	a = b.get("/console/link?id=" + id + "&partner=" + partner)
	require.Contains(t, a.body, "would be linked with partner "+partner)
	h.Status(id, "held") // nothing is written yet
	a = b.press(a, "Link the two")
	require.Contains(t, a.notice(), "rok is linked with partner "+partner)
	require.Contains(t, a.body, "because both sides held it when the two were linked")
	require.Contains(t, a.body, `href="https://crm.primer.si/?stik=`+id+`" target="_blank" rel="noreferrer"`)

	f := b.button(a, "Leave out")
	f.fields.Set("reason", "Kupec ni več stranka")
	a = b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), "rok is left out from now on.")
	require.Contains(t, a.body, "left out")
	a = b.press(a, "Take in again")
	require.Contains(t, a.notice(), "rok is kept in step again.")

	for _, press := range a.forms() {
		if press.action == "/console/do/unlink" {
			a = b.led(b.do("POST", press.action, press.fields))
		}
	}
	require.Contains(t, a.notice(), "rok has no partner any more.")
	h.Status(id, "unlinked")

	loser, winner := h.Linked(h.s, "sara@primer.si"), h.Linked(h.s, "sarah@primer.si")
	a = b.get("/console/merge?loser=" + loser + "&winner=" + winner)
	require.Contains(t, a.body, "would be merged into")
	require.Equal(t, 2, h.Count("SELECT count(*) FROM contacts WHERE id IN ($1::uuid, $2::uuid)", loser, winner))
	a = b.press(a, "Merge the two")
	require.Contains(t, a.notice(), "was merged into Oseba sarah@primer.si.")
	require.Equal(t, 1, h.Count("SELECT count(*) FROM contacts WHERE id IN ($1::uuid, $2::uuid)", loser, winner))
	a = b.get("/console/contact?id=" + winner)
	require.Contains(t, a.body, "Contact "+loser+" was merged into contact "+winner+".")
	a = b.press(a, "Take it back")
	require.Contains(t, a.notice(), "was taken back")
	require.NotContains(t, a.body, "was merged into contact")
	require.Equal(t, 2, h.Count("SELECT count(*) FROM contacts WHERE id IN ($1::uuid, $2::uuid)", loser, winner))

	require.Equal(t, 404, b.do("GET", "/console/contact?id=00000000-0000-4000-8000-000000000000", nil).status)
	require.Equal(t, 400, b.do("GET", "/console/contact?id=%2F..%2F", nil).status)
}
