package store

import (
	"time"

	"github.com/crmmind/mksync/coded"
)

// PollState is what the poller remembers between sweeps. Times are by the
// database's clock.
type PollState struct {
	SweptAt         time.Time  `json:"sweptAt"`  // when the last complete sweep began
	EndedAt         time.Time  `json:"endedAt"`  // when it ended
	DurationSeconds float64    `json:"duration"` // of the last try, complete or not
	Partners        int        `json:"partners"`
	Calls           int        `json:"calls"`
	Way             string     `json:"way,omitempty"`   // how the partners are enumerated; empty: not found out
	Error           string     `json:"error,omitempty"` // of the last try; empty: it was complete
	Reason          coded.Text `json:"reason,omitzero"` // the error, as a code with parameters
	// LastEvent is the sequence of the last event in the partners' stream.
	LastEvent uint64 `json:"lastEvent,omitempty"`
	// EventsLost: the stream ended before LastEvent, or dropped events, and not all
	// that it lost is published again yet. What is not has a forgotten hash.
	EventsLost bool   `json:"eventsLost,omitempty"`
	KeysForm   int    `json:"keysForm,omitempty"` // of the partners' keys; 0: not known
	InPart     InPart `json:"inPart,omitzero"`
}

// PollStateKey is where a PollState is remembered.
const PollStateKey = "poller"
