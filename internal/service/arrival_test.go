package service_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// arrivesWithin is how soon behind an outage's end an edit arrives (docs/operations.md).
const arrivesWithin = 10 * time.Second

// answerWithin is how long a write whose answer the outage took may be waited for, with the
// usual settings: until it can no longer take effect.
const answerWithin = 75 * time.Second

// outage is a way in which what a service needs is away, and is there again.
type outage struct {
	w          *world.World
	begin, end func()
	closed     bool // to the CRM, too: nobody edits contacts meanwhile
}

// outages are those of the table in docs/operations.md.
var outages = []struct {
	name string
	of   func(t *testing.T) outage
}{
	{"Postgres refuses the password", passwordRefused},
	{"Postgres is stopped", postgresStopped},
	{"Postgres cannot be reached", on(databaseURL, cut)},
	{"Postgres does not answer", on(databaseURL, swallowed)},
	{"packets to Postgres are dropped", on(databaseURL, dropped)},
	{"NATS cannot be reached", on(natsURL, cut)},
	{"NATS does not answer", on(natsURL, swallowed)},
	{"packets to NATS are dropped", on(natsURL, dropped)},
	{"MetaKocka is down for maintenance", metaKockaDown},
	{"MetaKocka cannot be reached", on(metaKockaURL, cut)},
	{"MetaKocka does not answer", on(metaKockaURL, swallowed)},
	{"packets to MetaKocka are dropped", on(metaKockaURL, dropped)},
}

// TestEditsArriveSoonAfterAnOutage: once it is over, nothing of what was edited before and
// meanwhile waits for long, however long it took. MKSYNC_TEST_OUTAGES=5s,30s,120s says how
// long each takes, MKSYNC_TEST_ROUNDS=10 how often; what is printed is the table of
// docs/operations.md.
func TestEditsArriveSoonAfterAnOutage(t *testing.T) {
	t.Parallel()
	long.Only(t)
	lasting, rounds := asked(t)
	for _, kind := range outages {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			c := carry(kind.of(t))
			for _, d := range lasting {
				var took, unanswered []time.Duration
				for range rounds {
					last, cutOff := c.through(d)
					took, unanswered = append(took, last), append(unanswered, cutOff)
				}
				t.Logf("outage %-34s %6s | %s | %s", kind.name, d, seconds(took), seconds(unanswered))
			}
		})
	}
}

// asked is how long outages take, and how often.
func asked(t *testing.T) (lasting []time.Duration, rounds int) {
	t.Helper()
	rounds = 1
	if n := os.Getenv("MKSYNC_TEST_ROUNDS"); n != "" {
		rounds = world.Atoi(t, n)
	}
	texts := os.Getenv("MKSYNC_TEST_OUTAGES")
	if texts == "" {
		return []time.Duration{time.Duration(long.Or(8, 30)) * time.Second}, rounds
	}
	for text := range strings.SplitSeq(texts, ",") {
		d, err := time.ParseDuration(text)
		require.NoError(t, err)
		lasting = append(lasting, d)
	}
	return lasting, rounds
}

func seconds(all []time.Duration) string {
	var texts []string
	for _, d := range all {
		texts = append(texts, strconv.FormatFloat(d.Seconds(), 'f', 1, 64))
	}
	return strings.Join(texts, " ")
}

// carried are contacts that are edited before an outage, and one meanwhile.
type carried struct {
	outage
	contacts []string
	partners map[string]string
	number   int
}

// slowly is how MetaKocka answers, so that an outage finds work under way.
var slowly = sim.Faults{Latency: 20 * time.Millisecond}

// carry starts a service with the usual pace, and brings contacts over.
func carry(o outage) *carried {
	o.w.Pace = service.UsualPace
	o.w.Config.CheckInterval = 0 // one that runs just then would bring over what waits
	o.w.Exec(world.AuditSQL)
	s := o.w.Up()
	require.NoError(o.w.T, o.w.ERP.SetFaults(slowly))
	c := &carried{outage: o, contacts: o.w.Persons(30), partners: map[string]string{}}
	for _, id := range c.contacts {
		c.partners[id] = o.w.Partner(id).MKID
	}

	// A partner that a poll sees for the first time brings its contact over as well.
	o.w.Polls(1)
	o.w.Drained(s)
	return c
}

// edit gives all of the contacts another phone number.
func (c *carried) edit(contacts []string) {
	c.w.T.Helper()
	c.w.Exec("UPDATE contacts SET phone = $2 WHERE id::text = ANY ($1)", contacts, c.phone())
}

func (c *carried) phone() string { return fmt.Sprintf("041 %06d", 100000+c.number) }

// through is how long after an outage's end the last edit arrived, and of those whose write
// the outage cut off. Some of the edits are being worked on when it begins.
func (c *carried) through(lasting time.Duration) (last, cutOff time.Duration) {
	c.w.T.Helper()
	c.number++
	c.edit(c.contacts[1:])
	c.w.Eventually(func() error {
		if left := c.missing(c.contacts); len(left) > len(c.contacts)-3 {
			return errors.New("none has arrived yet")
		}
		return nil
	})

	c.begin()
	waits.Idle(c.w.T.Context(), lasting)
	if !c.closed {
		c.edit(c.contacts[:1])
	}
	c.end()
	began := time.Now()
	if c.closed {
		c.edit(c.contacts[:1])
	}

	waiting := c.unanswered()
	rest := slices.DeleteFunc(slices.Clone(c.contacts), func(id string) bool { return slices.Contains(waiting, id) })
	last = c.arrival(rest, began, arrivesWithin)
	return last, c.arrival(waiting, began, answerWithin)
}

// unanswered are the contacts with a write whose answer is not known.
func (c *carried) unanswered() []string {
	return strings.Fields(c.w.One("SELECT string_agg(contact_id::text, ' ') FROM metakocka_contact_mappings WHERE intent IS NOT NULL"))
}

// arrival is how long it took, since it began, until the edits of the contacts have arrived:
// the limit at most.
func (c *carried) arrival(contacts []string, began time.Time, limit time.Duration) time.Duration {
	c.w.T.Helper()
	if len(c.missing(contacts)) == 0 {
		return 0
	}
	waits.Eventually(c.w.T, limit, func() error {
		if left := c.missing(contacts); len(left) > 0 {
			return errors.New("not arrived: " + strings.Join(left, ", "))
		}
		return nil
	})
	return time.Since(began)
}

// missing are those of the contacts whose edit has not arrived.
func (c *carried) missing(contacts []string) (left []string) {
	want := mapping.Canonical(mapping.FieldPhone, c.phone())
	for _, id := range contacts {
		if p, _ := c.w.ERP.Partner(c.partners[id]); mapping.Canonical(mapping.FieldPhone, phoneOf(p)) != want {
			left = append(left, id)
		}
	}
	return left
}

func phoneOf(p metakocka.Partner) string {
	if len(p.Contacts) == 0 {
		return ""
	}
	return p.Contacts[0].GSM + p.Contacts[0].Phone
}

// usual gives a world the settings that are not set.
func usual(w *world.World) *world.World {
	w.Pool = 0
	w.Config.MetaKockaTimeout = config.Default().MetaKockaTimeout
	w.Config.MetaKockaSettle = config.Default().MetaKockaSettle
	return w
}

func passwordRefused(t *testing.T) outage {
	t.Helper()
	w := usual(world.New(t, sim.Options{}))
	w.AsGuest()
	guest, err := url.Parse(w.Config.DatabaseURL.Reveal())
	require.NoError(t, err)
	role := guest.User.Username()
	return outage{
		w: w,
		begin: func() {
			w.Exec("ALTER ROLE " + role + " PASSWORD 'another'")
			w.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role)
		},
		end: func() { w.Exec("ALTER ROLE " + role + " PASSWORD 'x'") },
	}
}

func postgresStopped(t *testing.T) outage {
	t.Helper()
	server, address := world.OwnServer(t)
	w := usual(world.NewIn(t, address, sim.Options{}))
	return outage{
		w: w, closed: true,
		begin: func() { require.NoError(t, server.Crash()) },
		end:   func() { require.NoError(t, server.Restart(t.Context())); w.DB.Reset() },
	}
}

func metaKockaDown(t *testing.T) outage {
	t.Helper()
	w := usual(world.New(t, sim.Options{}))
	return outage{
		w:     w,
		begin: func() { require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true})) },
		end:   func() { require.NoError(t, w.ERP.SetFaults(slowly)) },
	}
}

// The addresses of a world that a wire is put before.
func databaseURL(w *world.World) (string, func(string)) {
	return w.Config.DatabaseURL.Reveal(), func(url string) { w.Config.DatabaseURL = config.Secret(url) }
}

func natsURL(w *world.World) (string, func(string)) {
	w.Sharing()
	return w.Config.NATSURL.Reveal(), func(url string) { w.Config.NATSURL = config.Secret(url) }
}

func metaKockaURL(w *world.World) (string, func(string)) {
	return w.Config.MetaKockaURL, func(url string) { w.Config.MetaKockaURL = url }
}

// on is an outage on the way to one of a world's addresses.
func on(address func(w *world.World) (string, func(string)), bad func(t *testing.T, at string) (through string, o outage)) func(t *testing.T) outage {
	return func(t *testing.T) outage {
		t.Helper()
		w := usual(world.New(t, sim.Options{}))
		at, lead := address(w)
		through, o := bad(t, at)
		lead(through)
		o.w = w
		return o
	}
}

func cut(t *testing.T, at string) (string, outage) {
	t.Helper()
	line, through := wire.New(t, "wire", at)
	return through, outage{begin: line.Cut, end: func() { line.Mend(t) }}
}

// swallowed: connections are taken, nobody answers, and at the end all are closed.
func swallowed(t *testing.T, at string) (string, outage) {
	t.Helper()
	line, through := wire.New(t, "wire", at)
	silent := wire.Toxic{Kind: "timeout", Attributes: map[string]int{"timeout": 0}}
	return through, outage{
		begin: func() { line.Spoil(t, silent, "upstream", 1); line.Spoil(t, silent, "downstream", 1) },
		end:   func() { line.Heal(t) },
	}
}

func dropped(t *testing.T, at string) (string, outage) {
	t.Helper()
	line, through := wire.NewDropping(t, at)
	return through, outage{begin: func() { line.Drop(t) }, end: func() { line.Pass(t) }}
}
