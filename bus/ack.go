package bus

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
)

// ack is what the server says of one published message.
type ack struct {
	stream    string
	sequence  uint64
	duplicate bool
}

var (
	ackStart = []byte(`{"stream":"`)
	ackSeq   = []byte(`"seq":`)
)

// readAck reads an acknowledgement. Nearly all are {"stream":"S","seq":N}: these are read
// without the JSON package, for they come once for each message.
func readAck(m *nats.Msg, stream string) (ack, error) {
	if n, ok := fastAck(m.Data, stream); ok {
		return ack{stream: stream, sequence: n}, nil
	}
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return ack{}, ErrNotStored
	}
	return slowAck(m.Data)
}

func fastAck(data []byte, stream string) (uint64, bool) {
	rest, ok := bytes.CutPrefix(data, ackStart)
	if !ok || len(rest) <= len(stream) || string(rest[:len(stream)]) != stream || rest[len(stream)] != '"' {
		return 0, false
	}
	end := len(rest) - 1
	if rest[end] != '}' {
		return 0, false
	}
	i, n := end, uint64(0)
	for pow := uint64(1); i > 0 && rest[i-1] >= '0' && rest[i-1] <= '9'; i-- {
		n += pow * uint64(rest[i-1]-'0')
		pow *= 10
	}
	return n, i < end && bytes.HasSuffix(rest[:i], ackSeq)
}

func slowAck(data []byte) (ack, error) {
	var a struct {
		Stream    string `json:"stream"`
		Seq       uint64 `json:"seq"`
		Duplicate bool   `json:"duplicate"`
		Error     *struct {
			Code        int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return ack{}, fmt.Errorf("%w: %w", errBadAck, err)
	}
	if a.Error != nil {
		return ack{}, &AckError{Code: a.Error.Code, Description: a.Error.Description}
	}
	if a.Stream == "" || a.Seq == 0 {
		return ack{}, errBadAck
	}
	return ack{stream: a.Stream, sequence: a.Seq, duplicate: a.Duplicate}, nil
}
