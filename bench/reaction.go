package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// simulator is a MetaKocka without latency, in this process.
type simulator struct {
	*sim.Server
	url    string
	server *http.Server
	done   chan struct{}
}

func startSimulator() (*simulator, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return nil, fmt.Errorf("start the simulator: %w", err)
	}
	s := &simulator{Server: sim.New(sim.Options{}), url: "http://" + ln.Addr().String() + "/rest/eshop/v1", done: make(chan struct{})}
	s.server = &http.Server{Handler: s.Server, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(ln) // ends when stop closes it
	}()
	return s, nil
}

func (s *simulator) stop() {
	_ = s.server.Close()
	<-s.done
	s.Close()
}

// variables are mksync's configuration for this MetaKocka.
func (s *simulator) variables(v map[string]string) map[string]string {
	v["MKSYNC_METAKOCKA_URL"] = s.url
	v["MKSYNC_METAKOCKA_COMPANY_ID"], v["MKSYNC_METAKOCKA_SECRET_KEY"] = sim.DefaultCompanyID, sim.DefaultSecretKey
	v["MKSYNC_HTTP_ADDR"] = "127.0.0.1:0"
	return v
}

// callsOfService measures from a contact's commit to MetaKocka's add_partner,
// with the whole service in one process.
func (l *lab) callsOfService(ctx context.Context, r *result, rate, round int) error {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()

	own, err := l.startNATS(ctx)
	if err != nil {
		return err
	}
	defer own.stop()

	b := &backlog{slot: fmt.Sprintf("bench_calls_%d", round)}
	if b.url, err = l.database(ctx, b.slot); err != nil {
		return err
	}
	defer func() { _ = l.pg.DropDatabase(context.WithoutCancel(ctx), b.slot) }()

	erp, err := startSimulator()
	if err != nil {
		return err
	}
	defer erp.stop()
	times := newTimes()
	erp.OnCall(func(c sim.Call) { times.call(c) })

	p, err := l.startMksync(erp.variables(b.variables(b.slot, own.url)), "run")
	if err != nil {
		return err
	}
	defer p.stop()

	if err := l.awaitFirstCall(ctx, b.url, p, times); err != nil {
		return err
	}
	if err := l.insert(ctx, b.url, rate, times); err != nil {
		return err
	}
	return l.addDelays(ctx, r, toCall(rate), l.mksync.Who, p, times)
}

// call notes a partner that is added; its name tells which contact it is of.
func (t *times) call(c sim.Call) {
	if c.Endpoint != metakocka.EndpointAdd {
		return
	}
	var args struct {
		Partner struct {
			Customer string `json:"customer"`
		} `json:"partner"`
	}
	_ = json.Unmarshal(c.Arguments, &args)
	if id, ok := strings.CutPrefix(args.Partner.Customer, "Oseba "); ok {
		t.see(id, c.Time)
	}
}

// awaitFirstCall inserts contacts until one of them has reached MetaKocka.
func (l *lab) awaitFirstCall(ctx context.Context, url string, p *process, t *times) error {
	return withConn(ctx, url, func(conn *pgx.Conn) error {
		first := newTimes()
		var next time.Time

		return p.await(ctx, 10*time.Millisecond, func() (bool, error) {
			if now := time.Now(); now.After(next) {
				next = now.Add(time.Second)
				id := newID()
				first.commit(id, now)
				if err := insertOne(ctx, conn, id); err != nil {
					return false, err
				}
			}

			t.mu.Lock()
			defer t.mu.Unlock()
			n := 0
			for id := range first.committed {
				if _, ok := t.seen[id]; ok {
					n++
				}
			}
			return n == len(first.committed) && n > 1, nil
		})
	})
}
