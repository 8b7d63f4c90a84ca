package alerts_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/alerts"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/status"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// brisk is for whoever watches.
var brisk = alerts.Pace{
	Look: 20 * time.Millisecond, Stale: 300 * time.Millisecond, Patience: 100 * time.Millisecond, Calm: 50 * time.Millisecond, Remind: time.Hour,
	Send: 20 * time.Millisecond, Timeout: 300 * time.Millisecond, First: 10 * time.Millisecond, Last: 50 * time.Millisecond, Tries: 1000,
}

// office is what waits, and who is told: processes over one database.
type office struct {
	*world.World
	t       *testing.T
	cfg     alerts.Config
	kept    *pgstore.Store
	waiting atomic.Int64 // conflicts
	logged  keeper.Log
}

func newOffice(t *testing.T, cfg alerts.Config) *office {
	t.Helper()
	if cfg.Pace == (alerts.Pace{}) {
		cfg.Pace = brisk
	}
	w := world.New(t, sim.Options{})
	return &office{World: w, t: t, cfg: cfg, kept: w.Store()}
}

func (o *office) status(context.Context) status.Status {
	n := int(o.waiting.Load())
	if n == 0 {
		return status.Status{}
	}
	return status.Status{Waiting: []status.Waiting{{Code: status.WaitingConflict, Count: n}}}
}

// process runs until it is killed, or the test ends. What it was doing when it was killed is
// cut off.
func (o *office) process() (kill func()) {
	o.t.Helper()
	ctx, cancel := context.WithCancel(o.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = alerts.New(o.cfg, o.kept, o.status, slog.New(slog.NewTextHandler(&o.logged, nil))).Run(ctx)
	}()
	kill = sync.OnceFunc(func() { cancel(); <-ended })
	o.t.Cleanup(kill)
	return kill
}

// told waits until an inbox has n messages.
func (o *office) told(b *inbox, n int) []received {
	o.t.Helper()
	var once []received
	o.Eventually(func() error {
		if once, _ = b.messages(); len(once) < n {
			return fmt.Errorf("%d messages of %d", len(once), n)
		}
		return nil
	})
	require.Len(o.t, once, n)
	return once
}

// TestEachChangeIsToldOnce (invariant 29): by processes that are killed at any moment, to
// receivers that refuse, are slow, and break off, in order, and repeated only as the same
// message.
func TestEachChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	hooks, webhook := hook(t)
	mails, mail := postbox(t, post{})
	o := newOffice(t, alerts.Config{Webhook: webhook, Mail: mail, Language: "en", Console: "https://mksync.primer.si/console/"})
	slow := func() error { time.Sleep(waits.Stretch(brisk.Timeout + 50*time.Millisecond)); return nil } // takes it, and answers too late

	o.process()
	o.process()
	stop := make(chan struct{})
	var killers sync.WaitGroup
	killers.Go(func() {
		for {
			kill := o.process()
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(rand.IntN(60)) * time.Millisecond): // any moment
				kill()
			}
		}
	})

	const changes = 4
	var want []string
	for i := range changes {
		hooks.fail(refuse, slow, refuse)
		mails.fail(refuse, refuse)
		o.waiting.Store(int64((i + 1) % 2))
		want = append(want, []string{"attention.needed", "attention.over"}[i%2])
		o.told(hooks, i+1)
		o.told(mails, i+1)
	}
	close(stop)
	killers.Wait()

	once, all := hooks.messages()
	var types []string
	for i, m := range once {
		types = append(types, m.body.Type)
		for _, repeat := range all {
			require.Equal(t, m.id == repeat.id, m.text == repeat.text, "message %d", i)
		}
	}
	require.Equal(t, want, types)
	require.Equal(t, changes, o.Count("SELECT count(*) FROM mksync_alerts WHERE channel = 'mail'"))
	require.True(t, slices.IsSortedFunc(once, func(a, b received) int { return a.body.At.Compare(b.body.At) }))
	require.Empty(t, o.logged.String())
}

// TestAMessageOutlivesWhoeverDecidedOnIt: killed between the change and the sending, another
// process sends it; killed while it is sent, another one repeats it.
func TestAMessageOutlivesWhoeverDecidedOnIt(t *testing.T) {
	t.Parallel()
	hooks, webhook := hook(t)
	never := brisk
	never.Send = time.Hour
	o := newOffice(t, alerts.Config{Webhook: webhook, Language: "en", Pace: never})
	o.waiting.Store(2)
	kill := o.process()
	o.Eventually(func() error {
		if n := o.Count("SELECT count(*) FROM mksync_alerts"); n != 1 {
			return fmt.Errorf("%d messages", n)
		}
		return nil
	})
	kill()

	entered, leave := make(chan struct{}, 1), make(chan struct{})
	release := sync.OnceFunc(func() { close(leave) })
	t.Cleanup(release)
	hooks.fail(func() error { entered <- struct{}{}; <-leave; return nil })
	o.cfg.Pace = brisk
	kill = o.process()
	_, ok := waits.Within(time.Minute, entered)
	require.True(t, ok)
	kill()
	release()
	o.process()

	o.Eventually(func() error {
		if n := o.Count("SELECT count(*) FROM mksync_alerts WHERE ended_at IS NOT NULL"); n != 1 {
			return fmt.Errorf("%d messages are sent", n)
		}
		return nil
	})
	once, all := hooks.messages()
	require.Len(t, once, 1)
	require.GreaterOrEqual(t, len(all), 2)
	require.Equal(t, "attention.needed", once[0].body.Type)
	require.Equal(t, "2 fields were changed on both sides and wait for a decision", once[0].body.Reasons[0].Text)
}

// TestAMessageIsGivenUp after many tries: said once in the log, and as a problem until
// another gets through.
func TestAMessageIsGivenUp(t *testing.T) {
	t.Parallel()
	hooks, webhook := hook(t)
	few := brisk
	few.Tries, few.Timeout = 3, time.Minute // each try is answered
	o := newOffice(t, alerts.Config{Webhook: webhook, Language: "en", Pace: few})
	unsent := func(n int) (all []store.Unsent) {
		t.Helper()
		o.Eventually(func() (err error) {
			if all, err = o.kept.Unsent(t.Context()); err == nil && len(all) != n {
				err = fmt.Errorf("%+v", all)
			}
			return err
		})
		return all
	}

	hooks.fail(refuse, refuse, refuse)
	o.waiting.Store(1)
	o.process()
	require.Equal(t, store.Unsent{Channel: "webhook", Error: "it answers 503 Service Unavailable"}, store.Unsent{Channel: unsent(1)[0].Channel, Error: unsent(1)[0].Error})
	require.Equal(t, 1, strings.Count(o.logged.String(), "is given up"))
	require.NotContains(t, o.logged.String(), "a-secret-path")

	s := o.Parts()
	s.Config.Alerts.WebhookURL, s.Config.Alerts.WebhookSecret = "https://primer.si", secret
	require.Contains(t, strings.Join(s.Monitor().Status(t.Context()).Problems, "\n"), "no alert gets through by webhook")

	o.waiting.Store(0)
	require.Equal(t, "attention.over", o.told(hooks, 1)[0].body.Type)
	unsent(0)
}

// TestAClockThatWentBack keeps no message waiting.
func TestAClockThatWentBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t, alerts.Config{})
	o.Exec("INSERT INTO mksync_alerts (channel, type, try_at) VALUES ('mail', 'attention.over', now() + interval '30 minutes'), ('webhook', 'attention.over', now() + interval '20 days')")
	rests, err := o.kept.TakeAlert(t.Context(), store.AlertMail, time.Minute)
	require.NoError(t, err)
	require.Nil(t, rests)
	due, err := o.kept.TakeAlert(t.Context(), store.AlertWebhook, time.Minute)
	require.NoError(t, err)
	require.NotNil(t, due)
	taken, err := o.kept.TakeAlert(t.Context(), store.AlertWebhook, time.Minute)
	require.NoError(t, err)
	require.Nil(t, taken, "somebody sends it")
}
