package operations

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// records are a store that has what the test gives it; whatever else it is asked for it
// lacks.
type records struct {
	Records
	key   store.KeyType
	links []store.Link
	pairs []store.Pair
	seen  map[string]store.ObservedPartner
}

func (r *records) KeyType() store.KeyType { return r.key }

func (r *records) Links(_ context.Context, q store.LinkQuery) (found []store.Link, err error) {
	for _, l := range r.links {
		if (q.ID == "" || q.ID == l.ID) && (q.ContactID == "" || q.ContactID == l.ContactID) && (q.MetaKockaID == "" || q.MetaKockaID == l.MetaKockaID) {
			found = append(found, l)
		}
	}
	return found, nil
}

func (r *records) PairsOf(context.Context, []string) ([]store.Pair, error) { return r.pairs, nil }

func (r *records) Observed(_ context.Context, id string) (*store.ObservedPartner, error) {
	if p, known := r.seen[id]; known {
		return &p, nil
	}
	return nil, nil
}

// letters are dead letters; those of gone are not there any more when they are retried.
type letters struct {
	all     []bus.DeadLetter
	gone    map[uint64]bool
	retried []uint64
}

func (l *letters) DeadLetters(context.Context) ([]bus.DeadLetter, error) { return l.all, nil }

func (l *letters) RetryDeadLetter(_ context.Context, id uint64) error {
	if l.gone[id] {
		return fmt.Errorf("dead letter %d: %w", id, bus.ErrNotFound)
	}
	l.retried = append(l.retried, id)
	return nil
}

func (l *letters) DiscardDeadLetter(context.Context, uint64) error { return errors.New("none is") }

const uuidOf = "5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10"

// TestIDsOfRequests are those of the contacts' key, as Postgres writes them; a partner's or
// an entry's is a short text.
func TestIDsOfRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key             store.KeyType
		given, is, says string
	}{
		{store.KeyUUID, strings.ToUpper(uuidOf), uuidOf, ""},
		{store.KeyUUID, "", "", "id: is missing"},
		{store.KeyUUID, " ", "", "id: is missing"},
		{store.KeyUUID, "7", "", `id: "7" is not a uuid`},
		{store.KeyUUID, "a b", "", "id: is not an id"},
		{store.KeyBigint, "007", "7", ""},
		{store.KeyBigint, "x", "", `id: "x" is not a whole number`},
		{store.KeyText, "Stranka 17/č", "Stranka 17/č", ""},
		{store.KeyText, "", "", "id: is missing"},
		{store.KeyText, strings.Repeat("x", store.LongestKey+1), "", "id: \"" + strings.Repeat("x", 60) + "…\""},
	} {
		a := &API{records: &records{key: c.key}}
		got, err := a.contactID("id", c.given)
		require.Equal(t, c.is, got)
		if c.says == "" {
			require.NoError(t, err)
			continue
		}
		require.True(t, syncer.IsCode(err, syncer.CodeMalformed), "%v", err)
		require.ErrorContains(t, err, c.says)
		require.NotContains(t, syncer.AsRequestError(err).Reason.Params, "words", "they are mksync's own, which have a code")
	}

	for _, id := range []string{"", "\t", "a b", "a\x00", "a\ufffd", strings.Repeat("x", maxID+1)} {
		require.Error(t, checkID("id", id), "%q", id)
		require.Error(t, (&API{records: &records{key: store.KeyUUID}}).anyID("id", id), "%q", id)
	}
	require.NoError(t, checkID("id", strings.Repeat("x", maxID)))
	require.NoError(t, (&API{records: &records{key: store.KeyText}}).anyID("id", "Stranka 17"), "a contact's id may have blanks")

	for _, id := range []string{"7", "{" + uuidOf + "}", strings.ReplaceAll(uuidOf, "-", ""), "urn:uuid:" + uuidOf} {
		_, err := checkUUID("id", id)
		require.ErrorContains(t, err, "is not a uuid")
	}
}

// TestPagesOfLists: a full page says where the next one begins, the last one does not.
func TestPagesOfLists(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int{0: usualPage, 1: 1, largestPage: largestPage} {
		got, err := Page{Limit: limit}.limit()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, limit := range []int{-1, largestPage + 1} {
		_, err := Page{Limit: limit}.limit()
		require.ErrorContains(t, err, "limit: must be from 1 to 1000")
	}
	for after, want := range map[string]int64{"": 0, "0": 0, "42": 42} {
		got, err := Page{After: after}.number()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, after := range []string{"x", "-1", "1.5", "9223372036854775808"} {
		_, err := Page{After: after}.number()
		require.ErrorContains(t, err, "after: is not what a list's next was")
	}

	text := func(n int) string { return fmt.Sprint(n) }
	require.Equal(t, List[string]{Items: []string{"1", "2"}, Next: "2"}, listOf([]int{1, 2}, 2, text, text))
	require.Equal(t, List[string]{Items: []string{"1"}}, listOf([]int{1}, 2, text, text))
	require.NotNil(t, listOf(nil, 2, text, text).Items, "scripts read lists, never null")
}

// TestOneOfSeveral is the one whose own id it is, else the only one that may be worked on.
func TestOneOfSeveral(t *testing.T) {
	t.Parallel()
	type entry struct {
		id   string
		open bool
	}
	choose := func(id string, found ...entry) (string, error) {
		e, err := pick("conflict", id, found, func(e entry) string { return e.id }, func(e entry) bool { return e.open })
		return e.id, err
	}
	many := make([]entry, tooMany+1)
	for i := range many {
		many[i] = entry{fmt.Sprint(i), true}
	}
	for _, c := range []struct {
		id    string
		found []entry
		is    string
		says  string
		code  syncer.Code
	}{
		{"1", []entry{{"2", true}, {"1", false}}, "1", "", ""},
		{"ana", []entry{{"2", true}, {"1", false}}, "2", "", ""},
		{"ana", []entry{{"2", true}, {"1", true}}, "", "ana names 2 conflicts: use one of the ids 2, 1", syncer.CodeConflict},
		{"ana", many, "", "ana names 11 conflicts: use the conflict's own id", syncer.CodeConflict},
		{"ana", []entry{{"2", false}}, "", "no conflict of ana is open any more", syncer.CodeConflict},
		{"ana", nil, "", "there is no conflict ana, and no conflict of a mapping, contact or partner with this id", syncer.CodeNotFound},
	} {
		got, err := choose(c.id, c.found...)
		require.Equal(t, c.is, got)
		if c.code == "" {
			require.NoError(t, err)
			continue
		}
		require.True(t, syncer.IsCode(err, c.code), "%v", err)
		require.ErrorContains(t, err, c.says)
	}
}

// TestBulkRequestsNameSomeOrAll, each as one list or none.
func TestBulkRequestsNameSomeOrAll(t *testing.T) {
	t.Parallel()
	a := &API{records: &records{key: store.KeyUUID}}
	for says, r := range map[string]BulkSyncRequest{
		"contactIds: either name some or ask for all":  {},
		"contactIds: either name some or ask for all ": {SyncAll: true, ContactIDs: []string{uuidOf}},
		`contactIds[1]: "b" is not a uuid`:             {ContactIDs: []string{uuidOf, "b"}},
		"dryRun: is for all of them only":              {DryRun: true, ContactIDs: []string{uuidOf}},
		"contactIds: at most 30000 at once":            {ContactIDs: make([]string, mostIDs+1)},
	} {
		_, err := r.ids(a)
		require.ErrorContains(t, err, strings.TrimSpace(says))
	}
	ids, err := BulkSyncRequest{ContactIDs: []string{strings.ToUpper(uuidOf), uuidOf}}.ids(a)
	require.NoError(t, err)
	require.Equal(t, []string{uuidOf, uuidOf}, ids)

	require.ErrorContains(t, BulkImportRequest{MetaKockaIDs: []string{"7001", "a b"}}.check(), "metakockaIds[1]: is not an id")
	require.NoError(t, BulkImportRequest{ImportAll: true, DryRun: true}.check())
	_, err = a.BulkSync(t.Context(), BulkSyncRequest{SyncAll: true})
	require.True(t, syncer.IsCode(err, syncer.CodeUnavailable), "%v", err)
}

// TestDeadLettersAreFoundByAnyID: their own, and the ids of what they are about; a contact may
// have a partner's number.
func TestDeadLettersAreFoundByAnyID(t *testing.T) {
	t.Parallel()
	l := &letters{all: []bus.DeadLetter{
		{ID: 3, Stream: bus.StreamContacts, Key: "17", Reason: coded.Words("no name")},
		{ID: 5, Stream: bus.StreamPartners, Key: "7001", Reason: coded.Words("no name")},
		{ID: 8, Stream: bus.StreamContacts, Key: "18", Reason: coded.Words("other")},
		{ID: 9, Stream: bus.StreamPartners, Key: "18", Reason: coded.Words("other")},
	}, gone: map[uint64]bool{5: true, 8: true}}
	a := &API{deadLetters: l, records: &records{key: store.KeyBigint, links: []store.Link{{ID: uuidOf, ContactID: "17", MetaKockaID: "7002"}, {ID: "other", ContactID: "19", MetaKockaID: "7001"}}}}
	for id, want := range map[string]uint64{"3": 3, "17": 3, "017": 3, "7002": 3, strings.ToUpper(uuidOf): 3, "7001": 5, "19": 5, "9": 9} {
		got, err := a.deadLetter(t.Context(), id)
		require.NoError(t, err, id)
		require.Equal(t, want, got.ID, id)
	}
	_, err := a.deadLetter(t.Context(), "18")
	require.ErrorContains(t, err, "18 names 2 dead letters: use one of the ids 8, 9")
	_, err = a.deadLetter(t.Context(), "20")
	require.True(t, syncer.IsCode(err, syncer.CodeNotFound), "%v", err)

	page, err := a.DeadLetters(t.Context(), Page{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []string{"17", ""}, []string{page.Items[0].ContactID, page.Items[0].MetaKockaID})
	require.Equal(t, []string{"", "7001", "5"}, []string{page.Items[1].ContactID, page.Items[1].MetaKockaID, page.Next})
	page, err = a.DeadLetters(t.Context(), Page{Limit: 2, After: page.Next})
	require.NoError(t, err)
	require.Equal(t, []string{"8", "9", "9"}, []string{page.Items[0].ID, page.Items[1].ID, page.Next})
	page, err = a.DeadLetters(t.Context(), Page{Limit: 2, After: page.Next})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	require.Empty(t, page.Next)

	l.all = append(l.all, bus.DeadLetter{ID: 11, Stream: bus.StreamContacts, Key: "kaj", Reason: coded.Words("stranger")})
	got, err := a.deadLetter(t.Context(), "kaj") // which is no contact's id
	require.NoError(t, err)
	require.EqualValues(t, 11, got.ID)

	_, err = a.DiscardDeadLetter(t.Context(), DiscardRequest{ID: "3", Reason: "a test"})
	require.ErrorContains(t, err, "none is", "and no row tells that it was thrown away: these records take none")

	group, err := a.RetryDeadLetters(t.Context(), DeadLetterGroupRequest{Reason: "no name"})
	require.NoError(t, err)
	require.Equal(t, []any{1, []uint64{3}}, []any{group.Retried, l.retried}, "one went meanwhile")
	_, err = a.RetryDeadLetter(t.Context(), EntryRequest{ID: "7001"})
	require.True(t, syncer.IsCode(err, syncer.CodeNotFound), "%v", err)
}

// TestNamesOfContactsAndPartners: a contact that is gone is called as it was, one without a
// name by its e-mail, and whom nobody knows is left out.
func TestNamesOfContactsAndPartners(t *testing.T) {
	t.Parallel()
	base := &mapping.Base{CRM: mapping.Contact{Name: "Bor Kos"}}
	a := &API{records: &records{
		key: store.KeyText,
		pairs: []store.Pair{
			{ContactID: "firm", Contact: &mapping.Contact{Name: "Ana", CompanyName: "Novak d.o.o."}},
			{ContactID: "gone", Link: &store.Link{Base: base}},
			{ContactID: "mail", Contact: &mapping.Contact{Name: " ", Email: "m@partner.si"}},
			{ContactID: "nobody"},
		},
		seen: map[string]store.ObservedPartner{"7001": {Name: "Cene"}, "7002": {}},
	}}
	n, err := a.Names(t.Context(), NamesRequest{ContactIDs: []string{"firm", "gone", "mail", "nobody"}, MetaKockaIDs: []string{"7001", "7002", "7003"}})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"7001": "Cene"}, n.Partners)
	require.Equal(t, map[string]string{"firm": shownName(mapping.Contact{Name: "Ana", CompanyName: "Novak d.o.o."}), "gone": "Bor Kos", "mail": "m@partner.si"}, n.Contacts)

	for says, r := range map[string]NamesRequest{
		"at most 1000 contacts and 200 partners at once":  {ContactIDs: make([]string, largestPage+1)},
		"at most 1000 contacts and 200 partners at once ": {MetaKockaIDs: make([]string, usualPage+1)},
		"contactIds[0]: is missing":                       {ContactIDs: []string{""}},
		"metakockaIds[1]: is not an id":                   {MetaKockaIDs: []string{"7001", "a b"}},
	} {
		_, err := a.Names(t.Context(), r)
		require.ErrorContains(t, err, strings.TrimSpace(says))
	}
}

// TestWhoAsksIsSigned: by the token where there is one, whatever the request says.
func TestWhoAsksIsSigned(t *testing.T) {
	t.Parallel()
	ctx := AskedBy(t.Context(), Caller{Name: "ana", Role: Admin})
	r := SyncRequest{}
	require.NoError(t, sign(ctx, &r))
	require.Equal(t, "ana", r.By)
	require.NoError(t, sign(ctx, &r), "its own name")
	r.By = "bor"
	require.ErrorContains(t, sign(ctx, &r), "by: is known by the token or the header, and cannot be given")
	require.NoError(t, sign(t.Context(), &r))
	require.Equal(t, "bor", r.By, "a command says itself who runs it")
	for _, by := range []string{"a\nb", "a\ufffd", strings.Repeat("x", maxID+1)} {
		require.ErrorContains(t, sign(t.Context(), &SyncRequest{By: by}), "by: is not a name")
	}
	require.NoError(t, sign(ctx, &Page{}), "what leaves no trace needs no name")
	for name, is := range map[string]bool{"ana.novak@crm-1_x": true, "": false, "a b": false, "č": false, strings.Repeat("x", 65): false} {
		require.Equal(t, is, IsCaller(name), name)
	}
}

// TestRightsOfSingleRequests: a request that decides something needs a decider, where the
// operation in general needs an operator; each refusal names the right.
func TestRightsOfSingleRequests(t *testing.T) {
	t.Parallel()
	as := func(r Role) context.Context { return AskedBy(t.Context(), Caller{Name: "ana", Role: r}) }
	require.ErrorContains(t, allow(as(Viewer), OpSync, &SyncRequest{}), "contacts.sync needs the right operator, and ana has viewer")
	require.Error(t, allow(as(Decider), OpSync, &SyncRequest{}))
	require.NoError(t, allow(as(Decider), OpSync, &SyncRequest{New: true}))
	require.NoError(t, allow(as(Decider), OpImport, &ImportRequest{New: true}))
	require.Error(t, allow(as(Viewer), OpSync, &SyncRequest{New: true}))
	require.NoError(t, allow(as(Operator), OpSync, &SyncRequest{New: true}))

	_, err := new(API).Answer(as(Viewer), OpPrune.Name, nil)
	require.True(t, syncer.IsCode(err, syncer.CodeForbidden), "%v", err)
	_, err = new(API).Answer(as(Admin), OpPrune.Name, []byte(`{"yes":true}`))
	require.True(t, syncer.IsCode(err, syncer.CodeMalformed), "%v", err)
	_, err = new(API).Answer(as(Admin), "no.such", nil)
	require.True(t, syncer.IsCode(err, syncer.CodeNotFound), "%v", err)
}

// halting notes that a person stopped sending.
type halting struct {
	Records
	halted bool
}

func (h *halting) Halt(context.Context, string, string) (store.Halt, error) {
	h.halted = true
	return store.Halt{}, nil
}

// TestWhatAFailoverMayUndoIsToldAsDone: a standby that lags makes a time-out of the answer,
// whose words say that it is done, and why it may not last.
func TestWhatAFailoverMayUndoIsToldAsDone(t *testing.T) {
	t.Parallel()
	h := &halting{}
	a := &API{records: h}
	a.WithKept(func(context.Context) error { return fmt.Errorf("%w: the standby lags", store.ErrStoreAway) })
	_, err := a.Answer(AskedBy(t.Context(), Caller{Name: "ana", Role: Admin}), OpPause.Name, []byte(`{}`))
	require.True(t, syncer.IsCode(err, syncer.CodeTimeout), "%v", err)
	require.ErrorContains(t, err, "it is done, but a failover of the database may still undo it: ")
	require.ErrorContains(t, err, "the standby lags")
	require.True(t, h.halted)
}
