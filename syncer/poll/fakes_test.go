package poll

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// The poller's decisions are tried with what it is told, and looked at in what it tells:
// these stand for the database, the stream and MetaKocka.

// kept is what the poller had stored.
type kept struct {
	Observations
	state    store.PollState
	saved    []store.PollState
	observed []int    // how many at once
	inPart   []string // of the partners, those that cannot be kept whole
	missing  []string
	held     []string
	reason   coded.Text
	released []string
	forgot   int
	renewed  int
	seen     map[string]store.SeenPartner
	fails    error
}

func (k *kept) Alone(ctx context.Context, _ string, use func(ctx context.Context) error) error {
	return use(ctx)
}
func (k *kept) PollState(context.Context) (store.PollState, error) { return k.state, nil }

func (k *kept) SavePollState(_ context.Context, s store.PollState) error {
	k.saved = append(k.saved, s)
	return nil
}
func (k *kept) Now(context.Context) (time.Time, error) { return noon, k.fails }

func (k *kept) Observe(_ context.Context, partners []store.ObservedPartner) ([]string, error) {
	k.observed = append(k.observed, len(partners))
	return k.inPart, nil
}

func (k *kept) MarkMissing(_ context.Context, ids []string) error {
	k.missing = ids
	return nil
}

func (k *kept) HoldMissing(_ context.Context, ids []string, reason coded.Text) error {
	k.held, k.reason = ids, reason
	return nil
}

func (k *kept) ReleaseMissing(_ context.Context, ids []string) error {
	k.released = ids
	return nil
}

func (k *kept) ForgetHashes(context.Context) error {
	k.forgot++
	return nil
}

func (k *kept) SeenPartners(context.Context) (map[string]store.SeenPartner, error) {
	return k.seen, nil
}
func (k *kept) ForeignNames(context.Context) ([]string, error) { return nil, nil }

func (k *kept) RenewKeys(context.Context, func([]byte) (mapping.MatchKeys, error)) error {
	k.renewed++
	return nil
}

// Nothing is remembered of the consumers, and nothing was dropped.
func (k *kept) LoadState(context.Context, string, any) (bool, error) { return false, nil }
func (k *kept) SaveState(context.Context, string, any) error         { return nil }

// stream is the partners' stream.
type stream struct {
	end       uint64
	published []bus.Message
	places    []uint64 // what it says where the events are; else each behind the other
	full      int      // takes so many, and then no more; 0: all
}

var errFull = errors.New("the stream is full")

func (s *stream) PublishSync(_ context.Context, _ string, m bus.Message) (uint64, error) {
	if s.full > 0 && len(s.published) == s.full {
		return 0, errFull
	}
	s.published = append(s.published, m)
	if s.end++; len(s.published) <= len(s.places) {
		return s.places[len(s.published)-1], nil
	}
	return s.end, nil
}

func (s *stream) Last(context.Context, string) (bus.Stored, bool, error) {
	return bus.Stored{Sequence: s.end}, s.end > 0, nil
}

func (s *stream) Consumed(context.Context, string, ...string) (bus.Consumed, error) {
	return bus.Consumed{UpTo: map[string]uint64{"reader": s.end}}, nil
}
func (s *stream) Trim(context.Context, string, bus.Consumed, uint64) error { return nil }

func (s *stream) subjects() (all []string) {
	for _, m := range s.published {
		all = append(all, m.Subject)
	}
	return all
}

// erp knows partners by id, and answers some with an error.
type erp struct {
	partners map[string]metakocka.Partner
	fails    map[string]error
	asked    int
}

func (e *erp) Find(_ context.Context, q metakocka.Query) (found metakocka.Found, _ error) {
	for _, p := range e.partners {
		if q.Offset == 0 && (q.ID == "" || q.ID == p.MKID) && strings.Contains(strings.ToLower(p.Customer), q.Name) {
			found.Partners = append(found.Partners, p)
		}
	}
	found.Count = len(found.Partners)
	return found, nil
}

func (e *erp) Get(_ context.Context, id string) (metakocka.Partner, error) {
	e.asked++
	if err := e.fails[id]; err != nil {
		return metakocka.Partner{}, err
	}
	p, ok := e.partners[id]
	if !ok {
		return p, metakocka.ErrNotFound
	}
	return p, nil
}

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// diffing is a comparison with what was seen, with all that it comes to.
type diffing struct {
	*diff
	kept   *kept
	stream *stream
	erp    *erp
}

func partnerOf(id string) metakocka.Partner {
	return metakocka.Partner{MKID: id, Customer: "Oseba " + id}
}

func diffOf(t *testing.T, seen map[string]store.SeenPartner, there ...metakocka.Partner) diffing {
	t.Helper()
	d := diffing{kept: &kept{}, stream: &stream{}, erp: &erp{partners: map[string]metakocka.Partner{}, fails: map[string]error{}}}
	for _, p := range there {
		d.erp.partners[p.MKID] = p
	}
	p := NewPoller(PollerConfig{}, d.erp, d.kept, d.stream, slog.New(slog.DiscardHandler))
	require.Equal(t, 30*time.Minute, p.cfg.FullEvery)
	d.diff = &diff{poller: p, seen: seen, start: noon, after: noon.Add(-time.Minute)}
	return d
}
