package operations

import (
	"context"
	"encoding/json"
	"time"

	"github.com/crmmind/mksync/syncer"
)

// LogRequest asks for the last lines of the log; Limit is 200 where it is zero.
type LogRequest struct {
	Limit int `json:"limit,omitempty"`
}

// LogLine is a line of the log of the process that answers.
type LogLine struct {
	At         time.Time       `json:"at"`
	Level      string          `json:"level"`
	Message    string          `json:"message"`
	Attributes json.RawMessage `json:"attributes"`
}

// WithLog lets the API tell the last lines of the log.
func (a *API) WithLog(last func(n int) []LogLine) *API {
	a.log = last
	return a
}

// Log tells the last lines of the log, oldest first. They may quote what other systems said.
func (a *API) Log(_ context.Context, r LogRequest) (l List[LogLine], err error) {
	n, err := Page{Limit: r.Limit}.limit()
	switch {
	case err != nil:
		return l, err
	case a.log == nil:
		return l, syncer.Refuse(syncer.CodeUnavailable, "process_log", "this process keeps no lines of its log")
	}
	l.Items = orNone(a.log(n))
	return l, nil
}
