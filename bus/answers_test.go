package bus

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
)

// TestAcknowledgementsAreRead: the usual one and every other, of this stream; what is none is
// an error, never a message that counts as stored.
func TestAcknowledgementsAreRead(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]ack{
		`{"stream":"S", "seq":42}`:                           {stream: "S", sequence: 42},
		`{"stream":"S","seq":18446744073709551615}`:          {stream: "S", sequence: 1<<64 - 1},
		`{"stream":"S","seq":7,"duplicate":true}`:            {stream: "S", sequence: 7, duplicate: true},
		`{"stream":"S","domain":"d","seq":7}`:                {stream: "S", sequence: 7},
		`{"stream":"SX","seq":7}`:                            {stream: "SX", sequence: 7},
		`{"stream":"S","val":"x","seq":7,"duplicate":false}`: {stream: "S", sequence: 7},
		"{\"stream\":\"S\",\"seq\":7}\n":                     {stream: "S", sequence: 7},
	} {
		got, err := readAck(&nats.Msg{Data: []byte(data)}, "S")
		require.NoError(t, err, data)
		require.Equal(t, want, got, data)
	}
	for _, data := range []string{"", "+OK", `{"stream":"S"}`, `{"seq":7}`, `{"stream":"S","seq":-1}`, `{"stream":"S","seq":}`, `{"stream":"S","x":1}`} {
		_, err := readAck(&nats.Msg{Data: []byte(data)}, "S")
		require.ErrorIs(t, err, errBadAck, data)
	}

	_, err := readAck(&nats.Msg{Header: nats.Header{"Status": {"503"}}}, "S")
	require.ErrorIs(t, err, ErrNotStored)
	var refused *AckError
	_, err = readAck(&nats.Msg{Data: []byte(`{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 5"},"stream":"S","seq":0}`)}, "S")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, AckError{10071, "wrong last sequence: 5"}, *refused)
}

// TestWhatIsAskedAgain: a server that is away answers later; what it refuses, it refuses again.
func TestWhatIsAskedAgain(t *testing.T) {
	t.Parallel()
	for err, final := range map[error]bool{
		jetstream.ErrConsumerNotFound:                            true,
		fmt.Errorf("make it: %w", jetstream.ErrStreamNotFound):   true,
		&jetstream.APIError{Code: 400, ErrorCode: 10012}:         true,
		jetstream.ErrJetStreamNotEnabled:                         false, // nor when it has just begun
		&jetstream.APIError{Code: 500, Description: "no leader"}: false,
		nats.ErrTimeout:     false,
		errors.New("other"): false,
	} {
		require.Equal(t, final, refused(err), "%v", err)
	}

	require.EqualError(t, Retry(0, nil), "retry was asked for")
	require.ErrorIs(t, Retry(time.Second, nats.ErrTimeout), nats.ErrTimeout)
	require.EqualError(t, Retry(time.Second, nats.ErrTimeout), nats.ErrTimeout.Error())
	require.EqualError(t, Reject(coded.Words("no name")), "rejected: no name")
}

// TestAMessageThatIsHereAlreadyIsNotTakenTwice: a redelivery only brings the handle by which
// it is acknowledged now.
func TestAMessageThatIsHereAlreadyIsNotTakenTwice(t *testing.T) {
	t.Parallel()
	d, s := newDispatcher(10), &source{}
	message := func(sequence uint64) *taken {
		return &taken{msg: &nats.Msg{}, source: s, delivery: Delivery{Stored: Stored{Sequence: sequence}}, id: takenID{s, sequence, 1}}
	}
	later, first, again := message(2), message(1), message(1)
	d.add("k", later)
	d.add("k", first)
	d.add("k", again)
	require.Equal(t, 2, d.load(s).messages)
	require.Zero(t, d.longest())
	require.Equal(t, "k", <-d.ready)
	require.Empty(t, d.ready, "a key waits once")

	got := d.take("k")
	require.Equal(t, []uint64{1, 2}, []uint64{got[0].delivery.Sequence, got[1].delivery.Sequence})
	require.Same(t, again.msg, d.running("k")[0].msg)
	require.Positive(t, d.longest())
	require.Empty(t, d.take("other"))

	// What comes while a worker has the key is next, and not given to a second one.
	d.add("k", message(3))
	require.Empty(t, d.ready)
	require.Len(t, d.messages(), 3)
	d.finish("k")
	require.Equal(t, load{1, message(3).size()}, d.load(s))
	require.Equal(t, "k", <-d.ready)

	// Once it is closed, nobody gets anything.
	require.Len(t, d.close(), 1)
	require.Empty(t, d.take("k"))
	d.add("new", message(4))
	require.Empty(t, d.ready)
}
