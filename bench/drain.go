package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"

	"github.com/crmmind/mksync/bus"
)

// backlogRows is how many rows a backlog changes.
const backlogRows = 200_000

// benchStream is where everybody but mksync publishes to.
const (
	benchStream  = "BENCH"
	benchSubject = "bench"
)

// drain measures how fast a backlog goes from a slot into a stream.
func drain(ctx context.Context, l *lab) (r result, err error) {
	n := l.count(backlogRows)
	amount := thousands(fmt.Sprint(n))
	for _, b := range []struct{ database, procedure, name string }{
		{"bench_singly", "bench_singly", amount + " transactions of one row"},
		{"bench_at_once", "bench_at_once", "one transaction of " + amount + " rows"},
	} {
		var readers []reader
		for i, of := range l.builds(0) {
			database := fmt.Sprintf("%s_%d", b.database, i)
			prepared, err := of.prepare(ctx, database, b.procedure, b.name, n)
			if err != nil {
				return r, err
			}
			defer func() { _ = l.pg.DropDatabase(context.WithoutCancel(ctx), database) }() //nolint:revive // a few of them
			readers = append(readers, of.readers(prepared)...)
		}
		for round := range l.Rounds {
			for _, reader := range rotate(readers, round) {
				err := l.drainOnce(ctx, &r, reader, round)
				if err = r.unlessForeign(ctx, reader.foreign, reader.of.name+", "+reader.who, err); err != nil {
					return r, fmt.Errorf("%s: %w", reader.who, err)
				}
			}
		}
	}

	drainGoals(&r, l.Listeners)
	return r, nil
}

func drainGoals(r *result, others []candidate) {
	cases := map[string]bool{}
	for _, w := range r.Rows {
		if w.Who != whoMksync || cases[w.Case] {
			continue
		}
		cases[w.Case] = true
		ratio := r.ratio(w.Case, whoMksync, whoAlone, colRate)
		r.add(w.Case, whoMksync, colOfAlone, ratio)
		r.atLeast(w.Case+": of the rows/s of publishing alone", ratio, 0.9)
		for _, o := range others {
			if ratio := r.ratio(w.Case, whoMksync, o.Name, colRate); !math.IsNaN(ratio) { // it did not fail
				r.atLeast(w.Case+": of the rows/s of "+o.Name, ratio, 1)
			}
		}
		r.atMost(w.Case+": peak MiB", r.worst(w.Case, whoMksync, colPeak), 64)
		r.atMost(w.Case+": missing, twice or out of order", r.worst(w.Case, whoMksync, colWrong), 0)
	}
}

// rotate lets another one be the first in each round.
func rotate[T any](s []T, n int) []T {
	n %= len(s)
	return append(append([]T{}, s[n:]...), s[:n]...)
}

// The competitors and columns that targets speak of.
const (
	whoMksync  = "mksync"
	whoRelay   = "relay that does nothing"
	whoLibrary = "the same, by nats.go's PublishAsync"
	whoAlone   = "publishing mksync's messages alone"
	whoLike    = "relay with mksync's messages"

	embeddedNATS = ", embedded NATS" // behind mksync's name

	colRate    = "rows/s"
	colOfAlone = "of publishing alone"
	colCPU     = "CPU s"
	colPeak    = "peak MiB"
	colBytes   = "bytes a message"
	colNATSCPU = "NATS CPU s"
	colNATSMiB = "NATS peak MiB"

	colPostgresCPU = "Postgres CPU s"
	colAllCPU      = "all CPU s"

	colWrong = "wrong"
)

// reader is a program that drains a backlog.
type reader struct {
	who    string
	stream string // where it publishes to; empty: nowhere
	own    bool   // it brings its NATS server with it
	of     *backlog
	start  func(b *backlog, slot, nats string) (*process, error)

	foreign bool // somebody else's: that it fails is a note
}

// readers are those of a backlog that one build of mksync has left: of another build than
// this, mksync alone.
func (l *lab) readers(b *backlog) []reader {
	relay := func(library bool) func(b *backlog, slot, nats string) (*process, error) {
		return func(b *backlog, slot, nats string) (*process, error) {
			return l.part("relay", relayConfig{
				Database: b.url, NATS: nats, Slot: slot, Publication: publication, Subject: benchSubject + ".row", Library: library,
			})
		}
	}

	mksync := []reader{
		{who: l.mksync.Who, of: b, stream: bus.StreamContacts, start: func(b *backlog, slot, nats string) (*process, error) {
			return l.startListener(b.variables(slot, nats))
		}},
		{who: l.mksync.Who + embeddedNATS, of: b, stream: bus.StreamContacts, own: true, start: func(b *backlog, slot, dir string) (*process, error) {
			v := b.variables(slot, "")
			v["MKSYNC_DATA_DIR"] = dir
			return l.startListener(v)
		}},
	}

	if !l.ours() {
		return mksync
	}

	readers := append([]reader{
		{who: whoRelay, of: b, stream: benchStream, start: relay(false)},
		{who: whoLibrary, of: b, stream: benchStream, start: relay(true)},
	}, mksync...)
	// Behind mksync, whose messages they imitate.
	alone := func(short bool) func(b *backlog, _, nats string) (*process, error) {
		return func(b *backlog, _, nats string) (*process, error) {
			return l.part("publish", publishConfig{NATS: nats, Count: b.n, Like: b.like, Short: short})
		}
	}
	readers = append(readers,
		reader{who: whoAlone, of: b, stream: benchStream, start: alone(false)},
		reader{who: "the same, with shorter ids", of: b, stream: benchStream, start: alone(true)})
	if path, err := exec.LookPath("pg_recvlogical"); err == nil {
		readers = append(readers, reader{who: "pg_recvlogical to /dev/null", of: b, start: func(b *backlog, slot, _ string) (*process, error) {
			return startProcess("pg_recvlogical", exec.Command(path, "-d", b.url, "--slot", slot, "--start", "-f", "/dev/null", //nolint:noctx // stop ends it
				"-o", "proto_version=1", "-o", "publication_names="+publication, "--endpos", b.end, "--no-loop"))
		}})
	}

	for _, c := range l.Listeners {
		readers = append(readers, reader{who: c.Name, of: b, stream: benchStream, foreign: true, start: func(b *backlog, slot, nats string) (*process, error) {
			return c.start(b.url, nats, slot, publication)
		}})
	}
	return readers
}

// start runs somebody else's listener.
func (c candidate) start(database, nats, slot, publication string) (*process, error) {
	cmd := exec.Command("sh", "-c", "exec "+c.Command) //nolint:gosec,noctx // the caller's own command; stop ends it
	cmd.Env = append(os.Environ(), "DATABASE_URL="+database, "NATS_URL="+nats, "SLOT="+slot, "PUBLICATION="+publication, "STREAM="+benchStream)
	return startProcess(c.Name, cmd)
}
