package bus

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// TestEachMessageNamesItsPredecessor, and nothing else: whoever publishes many has them in
// one header, where the name of an earlier one would still stand.
func TestEachMessageNamesItsPredecessor(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 500) // a header counts for the size as well
	for copied, want := range map[bool]nats.Header{
		false: {nats.ExpectedLastMsgIdHdr: {"1"}},
		true:  {nats.ExpectedLastSeqHdr: {"42"}},
	} {
		h := nats.Header{"ce-id": {long}}
		p := &Publisher{last: Stored{Sequence: 41}, cfg: PublisherConfig{copied: copied}, id: make([]string, 1), prev: make([]string, 1)}
		for range 2 { // another publisher has what the one before it left in the header
			p.prev[0], p.sent = "", 0
			size := p.prepare(Message{Subject: ContactSubject("update", "a"), ID: "1", Header: h, Data: []byte("{}")})
			require.GreaterOrEqual(t, size, p.msg.Size())
			require.Equal(t, nats.Header{"ce-id": {long}, nats.MsgIdHdr: {"1"}, nats.ExpectedLastSeqHdr: {"41"}}, h)

			p.prev[0], p.sent = "1", 1
			p.prepare(Message{Subject: ContactSubject("update", "a"), ID: "2", Header: h})
			want["ce-id"], want[nats.MsgIdHdr] = []string{long}, []string{"2"}
			require.Equal(t, want, h)
		}
	}
}

// TestWhatAnAcknowledgementSays of messages 42 to 44, the first three of a publisher.
func TestWhatAnAcknowledgementSays(t *testing.T) {
	t.Parallel()
	at := func(sequence uint64) ack { return ack{stream: "S", sequence: sequence} }
	twice := func(sequence uint64) ack { return ack{stream: "S", sequence: sequence, duplicate: true} }
	for name, tc := range map[string]struct {
		copied bool
		acks   []ack
		acked  uint64
		want   error
	}{
		"one after another":                  {false, []ack{at(42), at(43), at(44)}, 3, nil},
		"the last one says it of all":        {false, []ack{at(44)}, 3, nil},
		"an earlier one comes late":          {false, []ack{at(44), at(42)}, 3, nil},
		"each for itself where copies are":   {true, []ack{at(42), at(43), at(44)}, 3, nil},
		"no other where copies are":          {true, []ack{at(42), at(44)}, 1, errBadAck},
		"one that was there before":          {false, []ack{at(41)}, 0, errBadAck},
		"one that was not sent":              {false, []ack{at(45)}, 0, errBadAck},
		"a duplicate in its place":           {false, []ack{at(42), twice(43)}, 2, nil},
		"a duplicate of another":             {false, []ack{twice(43)}, 0, ErrDuplicate},
		"a duplicate of what is stored":      {false, []ack{at(42), twice(42)}, 1, ErrDuplicate},
		"a duplicate of what was before all": {false, []ack{twice(7)}, 0, ErrDuplicate},
		"another stream's":                   {false, []ack{{stream: "T", sequence: 42}}, 0, errBadAck},
	} {
		p := &Publisher{name: "S", last: Stored{Sequence: 41}, sent: 3, win: newWindow(3), cfg: PublisherConfig{copied: tc.copied}}
		for range 3 {
			p.win.push(10)
		}
		var err error
		for _, a := range tc.acks {
			err = p.advance(a)
		}
		if tc.want == nil {
			require.NoError(t, err, name)
		}
		require.ErrorIs(t, err, tc.want, name)
		require.Equal(t, tc.acked, p.Acked(), name)
		require.Equal(t, int(3-tc.acked), p.win.count, name)
	}
}
