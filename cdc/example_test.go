package cdc_test

import (
	"context"
	"fmt"
	"log/slog"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/crmmind/mksync/cdc"
)

// printer is a sink that has stored an event as soon as it is printed.
type printer struct {
	mu   sync.Mutex // guards these:
	last cdc.Last
	n    uint64
}

func (p *printer) Last(context.Context) (cdc.Last, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n = 0
	return p.last, nil
}

func (p *printer) Publish(_ context.Context, ev *cdc.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Println(ev.Pos, ev.Op, ev.Key)
	p.last = cdc.Last{Found: true, SystemID: ev.SystemID, Pos: ev.Pos}
	p.n++
	return nil
}

func (p *printer) Durable() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// memory keeps the listener's state for as long as the process lives; a real one writes it
// to the database that holds the events.
type memory struct {
	state cdc.State
	saved bool
}

func (m *memory) Load(context.Context) (cdc.State, bool, error) { return m.state, m.saved, nil }

func (m *memory) Save(_ context.Context, s cdc.State) error {
	m.state, m.saved = s, true
	return nil
}

// Every change of a table is printed, in commit order, beginning with a snapshot of it.
func ExampleListener() {
	listener, err := cdc.New(cdc.Config{
		DatabaseURL: "postgres://mksync@localhost/crm", Table: "public.contacts", KeyColumn: "id",
		Slot: "printer", Publication: "printer", ConfirmDelay: time.Second,
	}, &printer{}, &memory{}, slog.Default())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := listener.Run(ctx); err != nil {
		fmt.Println(err)
	}
}
