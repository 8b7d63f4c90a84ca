package poll

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// TestWhatIsRememberedOfAPollThatIsCutOff: the place of the last event that the stream took,
// and the partners that these tell of.
func TestWhatIsRememberedOfAPollThatIsCutOff(t *testing.T) {
	t.Parallel()
	d := diffOf(t, map[string]store.SeenPartner{"gone": {Hash: "h"}})
	d.stream.full, d.stream.end = 2, 7
	d.began, d.lastEvent = 7, 7
	last := store.PollState{SweptAt: noon, LastEvent: 7}
	require.ErrorIs(t, d.poller.publish(t.Context(), d.diff, sweep(true, "1", "2", "3"), &last), errFull)
	require.Equal(t, []store.PollState{{SweptAt: noon, LastEvent: 9}}, d.kept.saved)
	require.EqualValues(t, 9, last.LastEvent)
	require.Equal(t, []int{2}, d.kept.observed)
	require.Empty(t, d.kept.missing, "only a poll that came to its end takes anybody for missing")

	// Where nothing was published, nothing is remembered before the end.
	d = diffOf(t, map[string]store.SeenPartner{"1": {Hash: partnerOf("1").Hash()}, "gone": {Hash: "h"}})
	require.NoError(t, d.poller.publish(t.Context(), d.diff, sweep(true, "1"), &last))
	require.Empty(t, d.kept.saved)
	require.Equal(t, []string{"gone"}, d.kept.missing)
}

// TestWhatAPollRemembers: of one that came to its end; an unlikely one has, too, and says so.
func TestWhatAPollRemembers(t *testing.T) {
	t.Parallel()
	d := diffOf(t, nil, partnerOf("1"), partnerOf("2"))
	d.stream.end = 7
	d.kept.state = store.PollState{Partners: 1, LastEvent: 7, Error: "it was away"}
	require.NoError(t, d.poller.Refresh(t.Context()))
	require.False(t, d.poller.thorough.IsZero())
	saved := d.kept.saved[len(d.kept.saved)-1]
	require.Positive(t, saved.Calls)
	require.Positive(t, saved.DurationSeconds)
	saved.Calls, saved.DurationSeconds = 0, 0
	want := store.PollState{SweptAt: noon, EndedAt: noon, Partners: 2, LastEvent: 9, Way: "all", KeysForm: match.KeysForm}
	require.Equal(t, want, saved)
	require.Equal(t, 1, d.kept.renewed)

	d.kept.state = want
	d.kept.seen = map[string]store.SeenPartner{}
	for i := range 12 {
		d.kept.seen[fmt.Sprint("gone ", i)] = store.SeenPartner{Linked: true}
	}
	var unlikely *syncer.UnlikelyError
	require.ErrorAs(t, d.poller.Poll(t.Context()), &unlikely)
	saved = d.kept.saved[len(d.kept.saved)-1]
	require.Equal(t, unlikely.Error(), saved.Error)
	require.Equal(t, noon, saved.SweptAt)
	require.Equal(t, 1, d.kept.renewed, "the keys are in today's form")
}

// TestALostStreamIsPublishedAgain: where it ends before what was published, everything
// differs, and who was missing is missed again.
func TestALostStreamIsPublishedAgain(t *testing.T) {
	t.Parallel()
	seen := func() map[string]store.SeenPartner {
		return map[string]store.SeenPartner{
			"1": {Hash: "h", Held: true}, "2": {Hash: "h", Linked: true, Missing: true}, "3": {Hash: "h", Missing: true},
		}
	}
	for name, c := range map[string]struct {
		last, end uint64
		lost      bool // before
		forgets   int
	}{
		"it ends where it did":               {5, 5, false, 0},
		"others published since":             {5, 6, false, 0},
		"it lost its end":                    {5, 4, false, 1},
		"it was made anew":                   {5, 0, false, 1},
		"not all is published again by then": {5, 5, true, 0},
	} {
		d := diffOf(t, nil)
		d.stream.end = c.end
		last, was := store.PollState{LastEvent: c.last, EventsLost: c.lost}, seen()
		end, err := d.poller.checkEvents(t.Context(), &last, was)
		require.NoError(t, err, name)
		require.Equal(t, c.end, end, name)
		require.Equal(t, c.forgets, d.kept.forgot, name)
		if c.forgets == 0 && !c.lost {
			require.Equal(t, seen(), was, name)
			require.Empty(t, d.kept.saved, name)
			continue
		}

		hash := "h"
		if c.forgets > 0 {
			hash = forgotten + hash
			require.Equal(t, []store.PollState{{LastEvent: c.end, EventsLost: true}}, d.kept.saved, name)
		}
		require.True(t, last.EventsLost, name)
		require.Equal(t, map[string]store.SeenPartner{
			"1": {Hash: hash}, "2": {Hash: hash, Linked: true}, "3": {Hash: hash, Missing: true},
		}, was, name)
	}
}

// TestAPollThatFailsKeepsWhatWasKnown: with the reason; one that was stopped says nothing.
func TestAPollThatFailsKeepsWhatWasKnown(t *testing.T) {
	t.Parallel()
	d := diffOf(t, nil)
	d.kept.state = store.PollState{SweptAt: noon, Partners: 7, Calls: 3, LastEvent: 9}
	d.kept.fails = errors.New("the database is away")
	require.ErrorIs(t, d.poller.Poll(t.Context()), d.kept.fails)
	require.Len(t, d.kept.saved, 1)
	saved := d.kept.saved[0]
	require.Equal(t, "the database is away", saved.Error)
	require.False(t, saved.Reason.IsZero())
	saved.Error, saved.Reason, saved.DurationSeconds = "", d.kept.state.Reason, 0
	require.Equal(t, d.kept.state, saved)
	require.ErrorIs(t, d.poller.Refresh(t.Context()), d.kept.fails)
	require.Zero(t, d.poller.thorough, "the next one does not rest on a refresh that failed")
	d.kept.saved = d.kept.saved[:1]

	ctx, stop := context.WithCancel(t.Context())
	stop()
	<-d.poller.polling // another poll is under way
	require.ErrorIs(t, d.poller.Poll(ctx), context.Canceled)
	d.poller.polling <- struct{}{}
	require.ErrorIs(t, d.poller.remembered(ctx), context.Canceled)
	require.Len(t, d.kept.saved, 1)
}
