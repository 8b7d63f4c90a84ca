package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// stored is the event of a sequence, stored so many minutes after noon; it was committed a
// second before.
func stored(sequence uint64, op, id string) bus.Stored {
	at := noon.Add(time.Duration(sequence) * time.Minute)
	return bus.Stored{
		Sequence: sequence, Subject: bus.ContactSubject(op, id), Time: at,
		Header: nats.Header{event.HeaderTime: {at.Add(-time.Second).Format(time.RFC3339Nano)}},
	}
}

// stream holds events as NATS does; first and last are what it says of itself.
type stream struct {
	all         []bus.Stored
	first, last uint64
	asked       bus.Range // last
}

func (s *stream) StreamState(context.Context) ([]bus.StreamState, error) {
	return []bus.StreamState{{Stream: bus.StreamPartners, LastSeq: 99}, {Stream: bus.StreamContacts, Name: "CRM_CONTACTS", Messages: uint64(len(s.all)), FirstSeq: s.first, LastSeq: s.last}}, nil
}

func (s *stream) Replay(_ context.Context, name string, r bus.Range, fn func(bus.Stored) error) error {
	s.asked = r
	for _, m := range s.all {
		if name != bus.StreamContacts || m.Sequence < r.FromSeq || m.Time.Before(r.Since) || !r.Until.IsZero() && !m.Time.Before(r.Until) {
			continue
		}
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

// said collects what a replay says.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// TestContactsOfAReplay: each once, in the order of their first event, as its newest event
// tells of it.
func TestContactsOfAReplay(t *testing.T) {
	t.Parallel()
	s := &stream{first: 1, last: 9, all: []bus.Stored{
		stored(1, "snapshot", "ana"), stored(2, "insert", "bor"), stored(3, "update", "ana"), stored(4, "truncate", ""), stored(5, "delete", "bor"),
		stored(6, "update", bus.ContactKey("")), stored(7, "snapshot", "cene"), stored(8, "delete", "dana"), stored(9, "insert", "dana"),
	}}
	var out said
	p := NewReplayer(nil, s, nil, out.say, nil)
	got, err := p.read(t.Context(), ReplayRequest{FromSeq: 1})
	require.NoError(t, err)
	at := func(sequence int) time.Time { return noon.Add(time.Duration(sequence)*time.Minute - time.Second) }
	require.Equal(t, []replayed{
		{id: "ana", changedAt: at(3)}, {id: "bor", deleted: true, changedAt: at(5)}, {id: "cene"}, {id: "dana", changedAt: at(9)},
	}, got)
	require.Equal(t, []int{9, 4}, []int{p.sum.Events, p.sum.Contacts})
	require.Equal(t, []string{
		"event 4 is a TRUNCATE: it deletes nobody", "event 6 is not replayed: " + event.NoKey.String(), "9 events name 4 contacts",
	}, out.lines)
}

// TestRangesOfAReplay are read as they are asked for.
func TestRangesOfAReplay(t *testing.T) {
	t.Parallel()
	s := &stream{first: 1, last: 4, all: []bus.Stored{stored(1, "insert", "ana"), stored(2, "insert", "bor"), stored(3, "insert", "cene"), stored(4, "insert", "dana")}}
	for want, r := range map[string]ReplayRequest{
		"ana bor cene dana": {FromSeq: 1},
		"cene dana":         {FromSeq: 3},
		"bor cene dana":     {Since: noon.Add(2 * time.Minute)},
		"bor cene":          {Since: noon.Add(2 * time.Minute), Until: noon.Add(4 * time.Minute)},
		"":                  {Since: noon.Add(time.Hour)},
	} {
		p := NewReplayer(nil, s, nil, (&said{}).say, nil)
		got, err := p.read(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, want, strings.Join(contactIDs(got), " "))
	}
	p := NewReplayer(nil, s, nil, (&said{}).say, nil)
	_, err := p.read(t.Context(), ReplayRequest{FromSeq: 1, ContactID: "a b"})
	require.NoError(t, err)
	require.Equal(t, []string{"crm.contacts.*.a=20b"}, s.asked.Filters)

	sum, err := NewReplayer(nil, s, nil, (&said{}).say, nil).Run(t.Context(), ReplayRequest{Since: noon.Add(time.Hour), Authority: syncer.AuthorityCRM})
	require.NoError(t, err)
	require.Zero(t, sum.Contacts, "nobody is reserved, nothing is to be done")
}

// TestWhatAStreamNoLongerHolds is said, for it is not replayed.
func TestWhatAStreamNoLongerHolds(t *testing.T) {
	t.Parallel()
	some := []bus.Stored{stored(5, "insert", "ana"), stored(6, "insert", "bor"), stored(8, "insert", "cene"), stored(9, "insert", "dana")}
	for name, c := range map[string]struct {
		s      stream
		r      ReplayRequest
		says   string // first
		refuse string
	}{
		"before its begin":        {stream{all: some, first: 5, last: 9}, ReplayRequest{FromSeq: 2}, "events 2 to 4 are gone from the stream", ""},
		"in its middle":           {stream{all: some, first: 5, last: 9}, ReplayRequest{FromSeq: 5}, "events 7 to 7 are gone from the stream", ""},
		"of one contact alone":    {stream{all: some, first: 5, last: 9}, ReplayRequest{FromSeq: 5, ContactID: "ana"}, "4 events name 4 contacts", ""},
		"all":                     {stream{first: 10, last: 9}, ReplayRequest{FromSeq: 4}, "events 4 to 9 are gone from the stream", ""},
		"behind its end":          {stream{all: some, first: 5, last: 9}, ReplayRequest{FromSeq: 10}, "", "the stream CRM_CONTACTS ends with event 9"},
		"before a time":           {stream{all: some, first: 5, last: 9}, ReplayRequest{Since: noon}, "the stream begins with event 5 at ", ""},
		"before a time, and all":  {stream{first: 10, last: 9}, ReplayRequest{Since: noon}, "all 9 events are gone from the stream", ""},
		"nothing since a time":    {stream{all: some, first: 5, last: 9}, ReplayRequest{Since: noon.Add(6 * time.Minute)}, "events 7 to 7 are gone", ""},
		"nothing was ever stored": {stream{}, ReplayRequest{Since: noon}, "0 events name 0 contacts", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out said
			_, err := NewReplayer(nil, &c.s, nil, out.say, nil).read(t.Context(), c.r)
			if c.refuse != "" {
				require.True(t, syncer.IsCode(err, syncer.CodeNotFound), "%v", err)
				require.ErrorContains(t, err, c.refuse)
				return
			}
			require.NoError(t, err)
			require.Contains(t, out.lines[0], c.says)
		})
	}
}

// TestWhatAReplayAsksOfTheReconciler: the authority travels along, and where MetaKocka wins a
// deletion in the CRM is none, for the contact is to come back.
func TestWhatAReplayAsksOfTheReconciler(t *testing.T) {
	t.Parallel()
	c := replayed{id: "ana", deleted: true, changedAt: noon}
	want := syncer.Trigger{Cause: syncer.CauseReplay, Lane: metakocka.Bulk, CRMChangedAt: noon, By: "ana", Authority: syncer.AuthorityCRM, Deleted: true}
	require.Equal(t, want, c.trigger(ReplayRequest{Authority: syncer.AuthorityCRM, By: "ana"}))
	want.Authority, want.Deleted = syncer.AuthorityMetaKocka, false
	require.Equal(t, want, c.trigger(ReplayRequest{Authority: syncer.AuthorityMetaKocka, By: "ana"}))
	want.Authority, want.Deleted = "", true
	require.Equal(t, want, c.trigger(ReplayRequest{By: "ana"}))
}

// TestWhatBecomesOfAReplaysContacts: what is about one does not end the replay, everything
// else does.
func TestWhatBecomesOfAReplaysContacts(t *testing.T) {
	t.Parallel()
	var out said
	p := NewReplayer(nil, nil, nil, out.say, nil)
	require.NoError(t, p.note(t.Context(), "ana", nil))
	require.NoError(t, p.note(t.Context(), "bor", &syncer.RejectError{Reason: coded.Words("name: is missing")}))
	require.NoError(t, p.note(t.Context(), "cene", fmt.Errorf("wrapped: %w", store.ErrContactChanged)))
	require.NoError(t, p.note(t.Context(), "dana", syncer.ErrAgain))
	away := errors.New("the database is away")
	require.ErrorIs(t, p.note(t.Context(), "eva", away), away)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.note(over, "fran", away), context.Canceled)
	sum, err := p.summary(nil)
	require.NoError(t, err)
	require.Equal(t, 4, sum.Done)
	require.Equal(t, map[string]string{"bor": "name: is missing", "cene": "wrapped: " + store.ErrContactChanged.Error(), "dana": syncer.ErrAgain.Error()}, sum.Failed)
	require.Equal(t, "bor: name: is missing", out.lines[0])
}

// reservations note who is reserved.
type reservations struct {
	held, most int
	refuse     error
}

func (r *reservations) ReserveForReplay(_ context.Context, ids []string, lease time.Duration) error {
	if lease != replayLease {
		return fmt.Errorf("for %s", lease)
	}
	r.held += len(ids)
	r.most = max(r.most, len(ids))
	return r.refuse
}

func (r *reservations) ReleaseFromReplay(ctx context.Context, ids []string) error {
	r.held -= len(ids)
	return ctx.Err()
}

// TestContactsAreReservedAsLongAsAReplayWorks, and longer where it is cut off: the usual
// rules would undo what it was to repair.
func TestContactsAreReservedAsLongAsAReplayWorks(t *testing.T) {
	t.Parallel()
	ids := make([]string, 2*reserveBatch+1)
	var out said
	var kept reservations
	p := NewReplayer(nil, nil, &kept, out.say, nil)
	require.NoError(t, p.reserved(t.Context(), ids, func(context.Context) error {
		require.Equal(t, len(ids), kept.held)
		return nil
	}))
	require.Equal(t, []int{0, reserveBatch}, []int{kept.held, kept.most})
	require.Empty(t, out.lines)

	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, p.reserved(ctx, ids, func(ctx context.Context) error { cancel(); return ctx.Err() }), context.Canceled)
	require.Equal(t, len(ids), kept.held)
	require.Contains(t, out.lines[0], "what was not done stays reserved for 2m0s")

	kept.refuse = errors.New("the database is away")
	require.ErrorIs(t, p.reserved(t.Context(), ids, func(context.Context) error { panic("it was not reserved") }), kept.refuse)
}
