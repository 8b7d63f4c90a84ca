package bus

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus/embedded"
)

// BenchmarkPublisher publishes events of some 900 bytes to a real server in this process,
// over loopback: the in-process connection of nats.go is a pipe without a buffer, and slower.
func BenchmarkPublisher(b *testing.B) {
	s, err := embedded.Start(b.Context(), embedded.Config{Dir: b.TempDir()})
	require.NoError(b, err)
	defer s.Shutdown()
	nc, err := Connect(b.Context(), s.URL(), ConnectOptions{})
	require.NoError(b, err)
	defer nc.Close()
	bus, err := Open(b.Context(), nc, DefaultConfig(), nil)
	require.NoError(b, err)
	p, err := bus.Publisher(b.Context(), StreamContacts, PublisherConfig{})
	require.NoError(b, err)
	defer p.Close()
	m := Message{Header: nats.Header{
		"ce-specversion": {"1.0"}, "ce-type": {"contact.updated"}, "ce-source": {"/contacts"},
		"ce-time": {"2026-01-01T00:00:00Z"}, "ce-id": {"7301245678901234567-0/16B3748-1"},
	}, Data: make([]byte, 400)}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.ID = fmt.Sprint("7301245678901234567-0/16B3748-", i)
		m.Subject = ContactSubject("update", "2f1d9c3e-5b0a-4c58-9f0e-6a1f4f1f7f10")
		if err := p.Publish(b.Context(), m); err != nil {
			b.Fatal(err)
		}
		i++
	}
	require.NoError(b, p.Flush(b.Context()))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}
