package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/bus"
)

// latencySeconds is how long each rate is kept up.
const latencySeconds = 10

// The columns of delays, in milliseconds.
const (
	colP50         = "p50 ms"
	colP99         = "p99 ms"
	colP999        = "p99.9 ms"
	colMax         = "max ms"
	colLost        = "lost"
	colUnconfirmed = "unconfirmed s"
)

// latency measures how long after a commit its event is seen by a reader of the
// stream, and how long after it MetaKocka is called.
func latency(ctx context.Context, l *lab) (r result, err error) {
	type run func(ctx context.Context, r *result, b *backlog, server *natsServer, rate int) error
	type place struct {
		run
		b      *backlog
		server *natsServer

		foreign string // whose listener it is, where it is somebody else's
	}
	var places []place
	for i, of := range l.builds(0) {
		server, err := l.startNATS(ctx)
		if err != nil {
			return r, err
		}
		defer server.stop() //nolint:revive // a few of them
		if err := makeStream(ctx, server.conn); err != nil {
			return r, err
		}

		b := &backlog{slot: fmt.Sprintf("bench_latency_%d", i)}
		if b.url, err = of.database(ctx, b.slot); err != nil {
			return r, err
		}
		defer func() { _ = l.pg.DropDatabase(context.WithoutCancel(ctx), b.slot) }() //nolint:revive // a few of them
		places = append(places, place{run: of.eventsOfMksync, b: b, server: server})
		if !of.ours() {
			continue
		}
		places = append(places, place{run: of.eventsOfRelay, b: b, server: server}, place{run: of.eventsOfLike, b: b, server: server})
		for _, c := range of.Listeners {
			places = append(places, place{run: of.eventsOf(c), b: b, server: server, foreign: c.Name})
		}
	}

	for round := range l.Rounds {
		for _, rate := range []int{100, 500} {
			for _, p := range rotate(places, round) {
				err := p.run(ctx, &r, p.b, p.server, rate)
				if err = r.unlessForeign(ctx, p.foreign != "", toEvent(rate)+", "+p.foreign, err); err != nil {
					return r, err
				}
			}
		}
		for _, of := range l.builds(round) {
			if err := of.callsOfService(ctx, &r, 100, round); err != nil {
				return r, err
			}
		}
	}

	latencyGoals(&r)
	return r, nil
}

// toEvent and toCall name the cases.
func toEvent(rate int) string { return fmt.Sprintf("commit to event, %d/s", rate) }
func toCall(rate int) string  { return fmt.Sprintf("commit to add_partner, %d/s", rate) }

func latencyGoals(r *result) {
	for _, rate := range []int{100, 500} {
		what := toEvent(rate)
		r.atMost(what+": p50 of the relay's", r.ratio(what, whoMksync, whoRelay, colP50), map[int]float64{100: 1.25, 500: 1.1}[rate])
		r.atMost(what+": p99 of the relay's", r.ratio(what, whoMksync, whoRelay, colP99), 1.5)
		r.atMost(what+": lost", r.worst(what, whoMksync, colLost), 0)
		r.atMost(what+": seconds of log unconfirmed", r.worst(what, whoMksync, colUnconfirmed), 3)
	}
	what := toCall(100)
	r.atMost(what+": p50 ms", r.median(what, whoMksync, colP50), 5)
	r.atMost(what+": p99 ms", r.median(what, whoMksync, colP99), 25)
	r.atMost(what+": lost", r.worst(what, whoMksync, colLost), 0)
}

// eventsOfMksync keeps its slot and stream from one time to the next, as a
// service that is started again. Its newest messages are left as a pattern.
func (l *lab) eventsOfMksync(ctx context.Context, r *result, b *backlog, server *natsServer, rate int) error {
	p, err := l.startMksync(b.variables(b.slot, server.url), "run", "--roles", "listener")
	if err != nil {
		return err
	}
	defer p.stop()
	err = l.events(ctx, r, b, server.conn, p, delayRun{
		what: toEvent(rate), who: l.mksync.Who, stream: bus.StreamContacts, slot: b.slot, rate: rate,
	})
	if err != nil {
		return err
	}

	s, err := stream(ctx, server.conn, bus.StreamContacts)
	if err != nil {
		return err
	}
	b.like, err = likenesses(ctx, s)
	return err
}

func (l *lab) eventsOfRelay(ctx context.Context, r *result, b *backlog, server *natsServer, rate int) error {
	return l.eventsOfOther(ctx, r, b, server, rate, whoRelay, func(slot string) (*process, error) {
		return l.part("relay", relayConfig{Database: b.url, NATS: server.url, Slot: slot, Publication: slot, Subject: benchSubject + ".row"})
	})
}

// eventsOfLike tells apart what mksync's messages cost and what making them does. It comes
// behind mksync, whose messages it imitates.
func (l *lab) eventsOfLike(ctx context.Context, r *result, b *backlog, server *natsServer, rate int) error {
	return l.eventsOfOther(ctx, r, b, server, rate, whoLike, func(slot string) (*process, error) {
		return l.part("relay", relayConfig{Database: b.url, NATS: server.url, Slot: slot, Publication: slot, Subject: benchSubject + ".row", Like: b.like})
	})
}

// eventsOf is the like of somebody else's listener.
func (l *lab) eventsOf(c candidate) func(ctx context.Context, r *result, b *backlog, server *natsServer, rate int) error {
	return func(ctx context.Context, r *result, b *backlog, server *natsServer, rate int) error {
		return l.eventsOfOther(ctx, r, b, server, rate, c.Name, func(slot string) (*process, error) {
			return c.start(b.url, server.url, slot, slot)
		})
	}
}

// eventsOfOther measures a listener with a slot of its own and a publication of its name.
func (l *lab) eventsOfOther(ctx context.Context, r *result, b *backlog, server *natsServer, rate int, who string, start func(slot string) (*process, error)) (err error) {
	const slot = "bench_other"
	if err := execute(ctx, b.url, "CREATE PUBLICATION "+slot+" FOR TABLE contacts"); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, execute(context.WithoutCancel(ctx), b.url, "DROP PUBLICATION "+slot))
	}()
	if err := execute(ctx, b.url, "SELECT pg_create_logical_replication_slot($1, 'pgoutput')", slot); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.dropSlot(ctx, slot)) }()

	p, err := start(slot)
	if err != nil {
		return err
	}
	defer p.stop()
	return l.events(ctx, r, b, server.conn, p, delayRun{what: toEvent(rate), who: who, stream: benchStream, slot: slot, rate: rate})
}

// delayRun says what delays are measured of.
type delayRun struct {
	what, who    string
	stream, slot string
	rate         int
}

// events measures from the commit of an insert to its message at a reader of the stream.
func (l *lab) events(ctx context.Context, r *result, b *backlog, nc *nats.Conn, p *process, d delayRun) error {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	times := newTimes()
	if err := warmUp(ctx, b.url, p, nc, d.stream); err != nil {
		return err
	}

	stop, err := watchStream(ctx, nc, d.stream, times)
	if err != nil {
		return err
	}
	defer stop()

	log := watchLog(ctx, b.url, d.slot)
	err = l.insert(ctx, b.url, d.rate, times)
	age := log.stop()
	if err != nil {
		return err
	}

	if d.who == l.mksync.Who {
		r.add(d.what, d.who, colUnconfirmed, age.Seconds())
	}
	return l.addDelays(ctx, r, d.what, d.who, p, times)
}

// addDelays waits until everything has arrived, or nothing comes any more.
func (l *lab) addDelays(ctx context.Context, r *result, what, who string, p *process, times *times) error {
	patient, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	err := p.await(patient, 10*time.Millisecond, func() (bool, error) { return times.missing() == 0, nil })
	if err != nil && patient.Err() == nil {
		return err
	}
	delays := times.delays()
	for _, c := range []struct {
		name  string
		share float64
	}{{colP50, 0.5}, {colP99, 0.99}, {colP999, 0.999}, {colMax, 1}} {
		r.add(what, who, c.name, percentile(delays, c.share))
	}
	r.add(what, who, colLost, float64(times.missing()))
	l.say("   %s, %s: p50 %.2f ms, p99 %.2f ms, max %.2f ms, %d lost", what, who,
		percentile(delays, 0.5), percentile(delays, 0.99), percentile(delays, 1), times.missing())
	return nil
}
