package operations

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// TestWhichFirstMatchesAreChosen: contacts, then partners that would become contacts, unless
// one of the two is asked for; a page goes on where the one before it ended, or is refused.
func TestWhichFirstMatchesAreChosen(t *testing.T) {
	t.Parallel()
	a := &API{records: &records{key: store.KeyBigint}}
	page := func(after string) Page { return Page{After: after, Limit: 7} }
	of := func(q store.ProposalQuery) *store.ProposalQuery { return &q }
	for _, c := range []struct {
		r                 ReviewRequest
		contacts, imports *store.ProposalQuery
		says              string
	}{
		{ReviewRequest{Page: page("")}, of(store.ProposalQuery{Limit: 7}), of(store.ProposalQuery{}), ""},
		{ReviewRequest{Does: store.ProposeLink, Page: page("")}, of(store.ProposalQuery{Does: store.ProposeLink, Limit: 7}), nil, ""},
		{ReviewRequest{Does: store.ProposeImport, Page: page("")}, nil, of(store.ProposalQuery{}), ""},
		{ReviewRequest{ContactID: "017", Page: page("")}, of(store.ProposalQuery{Of: []string{"17"}, Limit: 7}), nil, ""},
		{ReviewRequest{MetaKockaID: "7001", Page: page("")}, nil, of(store.ProposalQuery{Of: []string{"7001"}}), ""},
		{ReviewRequest{Page: page("contact 017")}, of(store.ProposalQuery{After: "17", Limit: 7}), of(store.ProposalQuery{}), ""},
		{ReviewRequest{Page: page("partner 7001")}, nil, of(store.ProposalQuery{After: "7001"}), ""},
		{ReviewRequest{Does: store.ProposeImport, Page: page("partner 7001")}, nil, of(store.ProposalQuery{After: "7001"}), ""},

		// What a list of something else said comes next.
		{ReviewRequest{Does: store.ProposeLink, Page: page("partner 7001")}, nil, nil, "after: is not what a list's next was"},
		{ReviewRequest{Does: store.ProposeImport, Page: page("contact 17")}, nil, nil, "after: is not what a list's next was"},
		{ReviewRequest{Page: page("17")}, nil, nil, "after: is not what a list's next was"},
		{ReviewRequest{Page: page("contact x")}, nil, nil, `after: "x" is not a whole number`},
		{ReviewRequest{Page: page("partner a b")}, nil, nil, "after: is not an id"},
		{ReviewRequest{ContactID: "x"}, nil, nil, `contactId: "x" is not a whole number`},
		{ReviewRequest{MetaKockaID: "a b"}, nil, nil, "metakockaId: is not an id"},
	} {
		contacts, imports, err := c.r.queries(a)
		if c.says == "" {
			require.NoError(t, err)
			require.Equal(t, []any{c.contacts, c.imports}, []any{contacts, imports}, "%+v", c.r)
			continue
		}
		require.ErrorContains(t, err, c.says)
		require.True(t, syncer.IsCode(err, syncer.CodeMalformed), c.says)
	}
}
