package bus_test

import (
	"context"
	"fmt"
	"os"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
)

// Events are published in order and worked off key by key, oldest first: what waits for one
// contact comes to the handler together.
func Example() {
	if err := publishAndConsume(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// c1 crm.contacts.insert.c1
	// c1 crm.contacts.update.c1
}

func publishAndConsume(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bus")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, err := embedded.Start(ctx, embedded.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	nc, err := bus.Connect(ctx, server.URL(), bus.ConnectOptions{})
	if err != nil {
		return err
	}
	defer nc.Close()
	b, err := bus.Open(ctx, nc, bus.DefaultConfig(), nil)
	if err != nil {
		return err
	}

	p, err := b.Publisher(ctx, bus.StreamContacts, bus.PublisherConfig{})
	if err != nil {
		return err
	}
	defer p.Close()
	for i, op := range []string{"insert", "update"} {
		event := bus.Message{Subject: bus.ContactSubject(op, "c1"), ID: fmt.Sprint("event ", i), Data: []byte(`{}`)}
		if err := p.Publish(ctx, event); err != nil {
			return err
		}
	}
	if err := p.Flush(ctx); err != nil { // both are stored
		return err
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	seen := 0
	return b.Consume(ctx, bus.ConsumerConfig{Stream: bus.StreamContacts, Durable: "printer"}, func(_ context.Context, w *bus.Work) error {
		for _, d := range w.Deliveries {
			fmt.Println(w.Key, d.Subject)
		}
		if seen += len(w.Deliveries); seen == 2 {
			stop()
		}
		return nil
	})
}
