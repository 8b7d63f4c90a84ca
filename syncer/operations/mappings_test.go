package operations

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// linked are links, and what else the lists of mappings and partners ask for.
type linked struct {
	records
	byPartner map[string]*store.Link
	leftOut   []store.LeftOut
	partners  store.PartnerQuery // asked for
	held      []store.Why
	holds     error
	halted    []string
	was       bool // sending was paused
}

func (l *linked) LinkByPartner(_ context.Context, id string) (*store.Link, error) {
	return l.byPartner[id], nil
}

func (l *linked) LeftOut(_ context.Context, q store.LeftOutQuery) (of []store.LeftOut, err error) {
	for _, o := range l.leftOut {
		if q.Of == nil || slices.Contains(q.Of, o.ContactID) {
			of = append(of, o)
		}
	}
	return of, nil
}

func (l *linked) ListPartners(_ context.Context, q store.PartnerQuery) ([]store.ListedPartner, error) {
	l.partners = q
	return []store.ListedPartner{{MetaKockaID: "7001"}, {MetaKockaID: "7002", LinkID: "m", LinkStatus: store.StatusDeleted}}, nil
}

func (l *linked) Orphans(_ context.Context, after string, limit int) ([]store.Orphan, error) {
	return []store.Orphan{{ContactID: "17", Kind: store.OrphanContactGone}, {ContactID: "18", Kind: store.OrphanBothGone}, {ContactID: "19" + after, Kind: store.OrphanPartnerGone}}[:limit], nil
}

func (l *linked) HoldAll(_ context.Context, _ coded.Text, why store.Why) (int64, error) {
	l.held = append(l.held, why)
	return 2, l.holds
}

func (l *linked) RemoveTombstones(context.Context) (int64, error) { return 3, nil }

func (l *linked) Halt(_ context.Context, by, reason string) (store.Halt, error) {
	l.halted = append(l.halted, by+": "+reason)
	return store.Halt{Since: noon, By: by, Reason: reason}, nil
}

func (l *linked) Resume(_ context.Context, by, reason string) (bool, error) {
	l.halted = append(l.halted, by+": "+reason)
	return l.was, nil
}

func linksOf() (*linked, *API) {
	l := &linked{
		records:   records{key: store.KeyBigint, links: []store.Link{{ID: "m", ContactID: "17", MetaKockaID: "7001", Status: store.StatusSynced}, {ID: "n", ContactID: "18"}}},
		byPartner: map[string]*store.Link{"7001": {ID: "m", ContactID: "17", MetaKockaID: "7001"}},
		leftOut:   []store.LeftOut{{ContactID: "17", Reason: "a friend"}},
	}
	return l, &API{records: l}
}

// TestOneMapping is found by its contact or by its partner.
func TestOneMapping(t *testing.T) {
	t.Parallel()
	_, a := linksOf()
	for _, r := range []MappingRequest{{ContactID: "017"}, {MetaKockaID: "7001"}} {
		m, err := a.Mapping(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, []string{"m", "17", "7001", "a friend"}, []string{m.ID, m.ContactID, m.MetaKockaID, m.LeftOut})
	}
	for _, c := range []struct {
		r    MappingRequest
		code syncer.Code
		says string
	}{
		{MappingRequest{}, syncer.CodeMalformed, "exactly one of them is needed"},
		{MappingRequest{ContactID: "17", MetaKockaID: "7001"}, syncer.CodeMalformed, "exactly one of them is needed"},
		{MappingRequest{MetaKockaID: "a b"}, syncer.CodeMalformed, "metakockaId: is not an id"},
		{MappingRequest{ContactID: "x"}, syncer.CodeMalformed, "is not a whole number"},
		{MappingRequest{MetaKockaID: "7002"}, syncer.CodeNotFound, "no mapping names partner 7002"},
		{MappingRequest{ContactID: "20"}, syncer.CodeNotFound, "contact 20 has no mapping"},
	} {
		_, err := a.Mapping(t.Context(), c.r)
		require.True(t, syncer.IsCode(err, c.code), "%v", err)
		require.ErrorContains(t, err, c.says)
	}
}

// TestListsOfMappingsAndPartners name who is left out, go on where a page ended, and refuse
// what chooses nothing.
func TestListsOfMappingsAndPartners(t *testing.T) {
	t.Parallel()
	kept, a := linksOf()
	m, err := a.Mappings(t.Context(), MappingsRequest{Page: Page{Limit: 2}})
	require.NoError(t, err)
	require.Equal(t, []string{"a friend", "", "18"}, []string{m.Items[0].LeftOut, m.Items[1].LeftOut, m.Next})
	for says, r := range map[string]MappingsRequest{
		`contactId: "x" is not a whole`: {ContactID: "x"},
		"metakockaId: is not an id":     {MetaKockaID: "a b"},
		`status: "fine" is none of`:     {Status: "fine"},
		`after: "x" is not a whole`:     {Page: Page{After: "x"}},
		"limit: must be from 1 to 1000": {Page: Page{Limit: -1}},
	} {
		_, err := a.Mappings(t.Context(), r)
		require.ErrorContains(t, err, says)
	}

	p, err := a.Partners(t.Context(), PartnersRequest{Unsynced: true, Page: Page{After: "7000", Limit: 2}})
	require.NoError(t, err)
	require.Equal(t, store.PartnerQuery{Unsynced: true, After: "7000", Limit: 2}, kept.partners)
	require.Equal(t, []any{"7002", store.StatusDeleted}, []any{p.Next, p.Items[1].MappingStatus})
	_, err = a.Partners(t.Context(), PartnersRequest{Page: Page{After: "a b"}})
	require.ErrorContains(t, err, "after: is not an id")

	o, err := a.Orphans(t.Context(), OrphansRequest{Page{After: "01", Limit: 3}})
	require.NoError(t, err)
	require.Equal(t, []string{"hold", "remove", "none", "191"}, []string{o.Items[0].Pruning, o.Items[1].Pruning, o.Items[2].Pruning, o.Next})
	_, err = a.Orphans(t.Context(), OrphansRequest{Page{After: "x"}})
	require.ErrorContains(t, err, "is not a whole number")
}

// TestPruningIsSigned, and removes nothing where holding failed.
func TestPruningIsSigned(t *testing.T) {
	t.Parallel()
	kept, a := linksOf()
	p, err := a.Prune(AskedBy(t.Context(), Caller{Name: "ana"}), Nothing{})
	require.NoError(t, err)
	require.Equal(t, Pruned{Removed: 3, Held: 2}, p)
	require.Equal(t, []store.Why{{Cause: store.BecausePerson, By: "ana"}}, kept.held)
	kept.holds = errors.New("the database is away")
	p, err = a.Prune(t.Context(), Nothing{})
	require.ErrorIs(t, err, kept.holds)
	require.Zero(t, p.Removed)
}

// TestSendingIsPausedAndResumed by a person, with a reason that is one.
func TestSendingIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	kept, a := linksOf()
	s, err := a.Pause(t.Context(), SendingRequest{Reason: " the year is closed\n", By: "ana"})
	require.NoError(t, err)
	require.Equal(t, Sending{Paused: true, Since: &noon, By: "ana", Reason: "the year is closed"}, s)
	_, err = a.Resume(t.Context(), SendingRequest{By: "bor"})
	require.True(t, syncer.IsCode(err, syncer.CodeConflict), "%v", err)
	kept.was = true
	s, err = a.Resume(t.Context(), SendingRequest{By: "bor"})
	require.NoError(t, err)
	require.Equal(t, Sending{}, s)
	require.Equal(t, []string{"ana: the year is closed", "bor: ", "bor: "}, kept.halted)

	long := SendingRequest{Reason: strings.Repeat("č", longestReason+1)}
	_, paused := a.Pause(t.Context(), long)
	_, resumed := a.Resume(t.Context(), long)
	for _, err := range []error{paused, resumed} {
		require.ErrorContains(t, err, "reason: may have 500 characters at most")
	}
	require.Len(t, kept.halted, 3)
}

// TestLinesOfTheLog are told where they are kept.
func TestLinesOfTheLog(t *testing.T) {
	t.Parallel()
	a := &API{}
	_, err := a.Log(t.Context(), LogRequest{})
	require.True(t, syncer.IsCode(err, syncer.CodeUnavailable), "%v", err)
	asked := 0
	a.WithLog(func(n int) []LogLine { asked = n; return nil })
	l, err := a.Log(t.Context(), LogRequest{})
	require.NoError(t, err)
	require.Equal(t, usualPage, asked)
	require.NotNil(t, l.Items, "scripts read lists, never null")
	_, err = a.Log(t.Context(), LogRequest{Limit: largestPage + 1})
	require.ErrorContains(t, err, "limit: must be from 1 to 1000")
}
