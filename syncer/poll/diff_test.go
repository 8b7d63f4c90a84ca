package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/enumerate"
	"github.com/crmmind/mksync/syncer/event"
)

// sweep is an enumeration that brought these.
func sweep(full bool, ids ...string) enumerate.Partners {
	s := enumerate.Partners{Of: map[string]metakocka.Partner{}, Order: ids, Full: full}
	for _, id := range ids {
		s.Of[id] = partnerOf(id)
	}
	return s
}

// TestWhatAPollTellsOfAPartner: new, changed, back, or nothing.
func TestWhatAPollTellsOfAPartner(t *testing.T) {
	t.Parallel()
	hash := partnerOf("1").Hash()
	for name, c := range map[string]struct {
		seen map[string]store.SeenPartner
		kind string // "": no event
		back bool
		let  []string // whose loss is not held any more
	}{
		"a new one":                {nil, event.PartnerCreated, false, nil},
		"as it was":                {map[string]store.SeenPartner{"1": {Hash: hash}}, "", false, nil},
		"another content":          {map[string]store.SeenPartner{"1": {Hash: "other"}}, event.PartnerChanged, false, nil},
		"known by a link alone":    {map[string]store.SeenPartner{"1": {Linked: true}}, event.PartnerCreated, false, nil},
		"it was missing":           {map[string]store.SeenPartner{"1": {Hash: hash, Missing: true}}, event.PartnerChanged, true, nil},
		"its loss was held":        {map[string]store.SeenPartner{"1": {Hash: hash, Held: true}}, event.PartnerChanged, false, []string{"1"}},
		"its events were lost":     {map[string]store.SeenPartner{"1": {Hash: forgotten + hash}}, event.PartnerChanged, false, nil},
		"others are no concern":    {map[string]store.SeenPartner{"1": {Hash: hash}, "2": {Hash: "other", Missing: true}}, "", false, nil},
		"held, and another by now": {map[string]store.SeenPartner{"1": {Hash: "other", Held: true}}, event.PartnerChanged, false, []string{"1"}},
	} {
		d := diffOf(t, c.seen)
		require.NoError(t, d.compare(t.Context(), sweep(true, "1")), name)
		require.Equal(t, c.let, d.back, name)
		if c.kind == "" {
			require.Empty(t, d.stream.published, name)
			require.Empty(t, d.changed, name)
			continue
		}

		require.Equal(t, []string{"metakocka.partners." + c.kind + ".1"}, d.stream.subjects(), name)
		var ev event.PartnerEvent
		require.NoError(t, json.Unmarshal(d.stream.published[0].Data, &ev))
		require.Equal(t, []any{c.back, noon, noon.Add(-time.Minute), hash}, []any{ev.Back, ev.SeenAt, ev.After, ev.Hash}, name)
		require.Len(t, d.changed, 1, name)
		require.Equal(t, noon.Add(-time.Minute), d.changed[0].ChangedAfter, name)
	}
}

// TestWhoCountsAsMissing: who was linked is asked for by id; of the others only a full sweep
// tells (invariant 8).
func TestWhoCountsAsMissing(t *testing.T) {
	t.Parallel()
	linked, hash := store.SeenPartner{Linked: true, Hash: "h"}, partnerOf("1").Hash()
	for name, c := range map[string]struct {
		was     store.SeenPartner
		there   bool // by its id
		full    bool
		asked   int
		missing bool
		subject string
	}{
		"linked, and gone":                {linked, false, true, 1, true, "metakocka.partners.missing.1"},
		"linked, and gone, in few calls":  {linked, false, false, 1, true, "metakocka.partners.missing.1"},
		"linked, and there":               {linked, true, true, 1, false, "metakocka.partners.changed.1"},
		"linked, and there as it was":     {store.SeenPartner{Linked: true, Hash: hash}, true, true, 1, false, ""},
		"nobody's":                        {store.SeenPartner{Hash: "h"}, false, true, 0, true, ""},
		"nobody's, and not all were read": {store.SeenPartner{Hash: "h"}, false, false, 0, false, ""},
		"missing before":                  {store.SeenPartner{Linked: true, Missing: true}, false, true, 0, false, ""},
		"held for gone":                   {store.SeenPartner{Linked: true, Held: true}, false, true, 0, false, ""},
	} {
		d := diffOf(t, map[string]store.SeenPartner{"1": c.was, "2": linked})
		if c.there {
			d.erp.partners["1"] = partnerOf("1")
		}
		require.NoError(t, d.doubtAll(t.Context(), sweep(c.full, "2")), name)
		require.Equal(t, c.missing, slices.Equal(d.missing, []string{"1"}), name)
		require.Equal(t, []int{c.asked, c.asked}, []int{d.erp.asked, d.calls}, name)
		require.Equal(t, c.there, d.doubted == 1, name)
		if c.subject == "" {
			require.Empty(t, d.stream.published, name)
		} else {
			require.Equal(t, []string{c.subject}, d.stream.subjects(), name)
		}
		require.NoError(t, d.store(t.Context()), name)
		require.Equal(t, d.missing, d.kept.missing, name)
	}

	d := diffOf(t, map[string]store.SeenPartner{"1": linked})
	d.erp.fails["1"] = errors.New("MetaKocka is away")
	require.ErrorIs(t, d.doubtAll(t.Context(), sweep(true)), d.erp.fails["1"])
	require.Empty(t, d.missing)
}

// TestAnUnlikelyLossIsHeld: more than ten, and more than a fifth of the linked, once one of
// them is not found by its id either.
func TestAnUnlikelyLossIsHeld(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		linked, absent int
		there          bool // MetaKocka has all of them all the same
		held           bool
	}{
		"all of a few":            {10, 10, false, false},
		"eleven of eleven":        {11, 11, false, true},
		"a fifth":                 {55, 11, false, false},
		"more than a fifth":       {54, 11, false, true},
		"all, but they are there": {20, 20, true, false},
	} {
		seen, came := map[string]store.SeenPartner{"n": {Hash: "h"}, "m": {Linked: true, Missing: true}}, []string{}
		d := diffOf(t, seen)
		for i := range c.linked {
			id := fmt.Sprint(i)
			seen[id] = store.SeenPartner{Linked: true, Hash: partnerOf(id).Hash()}
			if i >= c.absent {
				came = append(came, id)
			}
			if c.there {
				d.erp.partners[id] = partnerOf(id)
			}
		}
		require.NoError(t, d.compare(t.Context(), sweep(true, came...)), name)
		require.NoError(t, d.store(t.Context()), name)
		switch {
		case c.held:
			require.Equal(t, 1, d.erp.asked, name)
			require.Len(t, d.kept.held, c.absent, name)
			require.Equal(t, "note.held.unlikely", d.kept.reason.Code, name)
			require.Equal(t, []int{c.absent, c.linked}, []int{d.unbelieved.Absent, d.unbelieved.Linked}, name)
			require.Empty(t, d.kept.missing, name)
			require.Empty(t, d.stream.published, name)
		case c.there:
			require.Equal(t, c.absent, d.doubted, name)
			require.Empty(t, append(d.kept.held, d.kept.missing...), name)
		default:
			require.Empty(t, d.kept.held, name)
			require.Len(t, d.kept.missing, c.absent+1, name) // and the one that nobody has
		}
	}
}

// TestWhoIsFoundByIDIsNotHeld: of an unlikely loss only those that were not asked for before
// the first that is not there.
func TestWhoIsFoundByIDIsNotHeld(t *testing.T) {
	t.Parallel()
	d := diffOf(t, map[string]store.SeenPartner{}, partnerOf("a"), partnerOf("b"))
	require.NoError(t, d.disbelieve(t.Context(), []string{"a", "b", "c", "d"}, 4))
	require.Equal(t, []string{"c", "d"}, d.held)
	require.Equal(t, []int{2, 4}, []int{d.unbelieved.Absent, d.unbelieved.Linked})
	require.Len(t, d.changed, 2)

	d.erp.fails["c"] = context.DeadlineExceeded
	d.unbelieved, d.held = nil, nil
	require.ErrorIs(t, d.disbelieve(t.Context(), []string{"a", "c"}, 4), context.DeadlineExceeded)
	require.Nil(t, d.unbelieved)
}

// TestAStreamThatLostItsEndDuringAPoll: a place at or before an earlier one's, unless the
// event is one of an earlier poll.
func TestAStreamThatLostItsEndDuringAPoll(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		places []uint64
		lost   bool
		last   uint64
	}{
		"one behind the other":         {[]uint64{11, 12, 13}, false, 13},
		"the same place twice":         {[]uint64{11, 12, 12}, true, 12},
		"a place before":               {[]uint64{11, 12, 11}, true, 12},
		"an event of an earlier poll":  {[]uint64{11, 7, 12}, false, 12},
		"where the poll began":         {[]uint64{10, 11, 10}, false, 11},
		"only events of earlier polls": {[]uint64{3, 4, 5}, false, 10},
	} {
		d := diffOf(t, nil)
		d.stream.places, d.began, d.lastEvent = c.places, 10, 10
		err := d.compare(t.Context(), sweep(true, "1", "2", "3"))
		require.Equal(t, c.lost, errors.Is(err, errEventsLost), name)
		require.Equal(t, c.last, d.lastEvent, name)
	}
}

// TestPartnersAreStoredByTheBatch: none twice and none left out, whatever fills the last.
func TestPartnersAreStoredByTheBatch(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]int{0: nil, 1: {1}, storeBatch: {storeBatch}, storeBatch + 1: {storeBatch, 1}} {
		d := diffOf(t, nil)
		d.changed = make([]store.ObservedPartner, n)
		require.NoError(t, d.observe(t.Context()))
		require.Equal(t, want, d.kept.observed)
	}
}

// TestPartnersThatAreKeptInPart: those of this poll, and those of earlier ones that did not
// come otherwise since.
func TestPartnersThatAreKeptInPart(t *testing.T) {
	t.Parallel()
	part := store.SeenPartner{InPart: true}
	d := diffOf(t, map[string]store.SeenPartner{"as it was": part, "mended": part, "gone": part, "gone before": {InPart: true, Missing: true}, "whole": {}})
	d.changed = []store.ObservedPartner{{MetaKockaID: "mended"}, {MetaKockaID: "new"}}
	d.missing = []string{"gone"}
	d.kept.inPart = []string{"new"}
	require.NoError(t, d.observe(t.Context()))
	require.Equal(t, store.InPart{Count: 2, First: []string{"as it was", "new"}}, d.heldInPart())

	for i := range namedInPart {
		d.seen[fmt.Sprint(i)] = part
	}
	held := d.heldInPart()
	require.Equal(t, namedInPart+2, held.Count)
	require.Len(t, held.First, namedInPart)
}
