package operations_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestUnclearMatches: each with those it may be, scored and explained; paged, as many as the
// status counts, without whom a person said it is not.
func TestUnclearMatches(t *testing.T) {
	t.Parallel()
	at := metakocka.Address{Type: metakocka.AddressBilling, Street: "Dunajska cesta 7", PostNumber: "1000", City: "Ljubljana", Country: "Slovenija"}
	proposed := world.Person("7003", "Ana Bukev", "", "")
	proposed.Addresses = []metakocka.Address{at}
	h := world.ByHand(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Kompas Kranj d.o.o.", "SI50223054", "kranj@kompas-test.si"),
		world.Person("7002", "Kompas Koper d.o.o.", "SI50223054", "koper@kompas-test.si"), proposed,
	}}, nil)
	ctx := context.WithoutCancel(t.Context())
	api := h.Service.API(h.Service.Monitor())
	require.NoError(t, h.Service.Poller.Poll(ctx))
	empty, err := api.Unclear(ctx, operations.Page{})
	require.NoError(t, err)
	require.Equal(t, operations.List[operations.UnclearMatch]{Items: []operations.UnclearMatch{}}, empty)

	firm := h.Add(mapping.Contact{Name: "Kompas Kranj", TaxNumber: "50223054", Country: "SI"})
	ana := h.Add(mapping.Contact{Name: "Bukev Ana", Address: "Dunajska cesta 7, Ljubljana, 1000"})
	second := h.Add(mapping.Contact{Name: "Kompas", Email: "koper@kompas-test.si"})
	linked := h.Add(mapping.Contact{Name: "Koper", Email: "koper@kompas-test.si"})
	for _, id := range []string{firm, ana, linked, second} {
		h.Pushed(id, false)
	}
	require.Equal(t, "7002", h.Partner(linked).MKID)

	all := map[string]operations.UnclearMatch{}
	for p := (operations.Page{Limit: 1}); ; {
		l, err := api.Unclear(ctx, p)
		require.NoError(t, err)
		for _, m := range l.Items {
			all[m.ContactID] = m
		}
		if p.After = l.Next; p.After == "" {
			break
		}
	}
	require.Len(t, all, 3)
	require.Equal(t, len(all), h.Service.Monitor().Status(ctx).HeldMatches)

	codes := func(c operations.Candidate) (codes []syncer.ReasonCode) {
		for _, r := range c.Reasons {
			codes = append(codes, r.Code)
		}
		return codes
	}
	of := all[firm].Candidates
	require.Equal(t, []string{"7001", "7002"}, []string{of[0].MetaKockaID, of[1].MetaKockaID})
	require.Equal(t, []syncer.ReasonCode{syncer.HintCode(match.HintTax), syncer.HintCode(match.HintName)}, codes(of[0]))
	require.Equal(t, []any{linked, linked}, []any{of[1].LinkedWith, of[1].Reasons[len(of[1].Reasons)-1].ContactID})
	require.Equal(t, map[mapping.Field]string{mapping.FieldName: "Kompas Kranj", mapping.FieldTaxNumber: "50223054", mapping.FieldCountry: "SI"}, all[firm].Values)
	require.Contains(t, all[firm].Reason, "several partners have its tax number")
	require.Equal(t, []syncer.ReasonCode{syncer.HintCode(match.HintName), syncer.HintCode(match.HintAddress)}, codes(all[ana].Candidates[0]))
	require.Equal(t, "7002", all[second].Candidates[0].MetaKockaID)

	_, err = h.Service.Reconciler.New(ctx, ana, "ana")
	require.NoError(t, err)
	h.Exec("INSERT INTO mksync_answers (contact_id, metakocka_id) VALUES ($1, '7001')", firm)
	l, err := api.Unclear(ctx, operations.Page{})
	require.NoError(t, err)
	require.Len(t, l.Items, 2)
	for _, m := range l.Items {
		require.Equal(t, "7002", m.Candidates[0].MetaKockaID)
		require.Len(t, m.Candidates, 1)
	}
}

// TestAContactIsACandidateForWhomAnotherWaits: a plan gave a partner to the first of two.
func TestAContactIsACandidateForWhomAnotherWaits(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	ctx := context.WithoutCancel(t.Context())
	first := h.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	second := h.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	first, second = min(first, second), max(first, second)
	require.NoError(t, h.Service.Poller.Poll(ctx))
	plan, err := h.Service.Matcher.Fresh(ctx)
	require.NoError(t, err)
	_, err = h.Service.Reconciler.Contact(ctx, second, syncer.Trigger{Cause: syncer.CauseContact, Plan: plan})
	require.NoError(t, err)
	l, err := h.Service.API(h.Service.Monitor()).Unclear(ctx, operations.Page{})
	require.NoError(t, err)
	require.Len(t, l.Items, 1)
	c := l.Items[0].Candidates[0]
	require.Equal(t, []any{first, "", "Ana", 83}, []any{c.ContactID, c.MetaKockaID, c.Name, c.Score})
}
