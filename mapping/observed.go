package mapping

import "time"

// ObservedPartner is a partner as last seen in MetaKocka.
type ObservedPartner struct {
	MetaKockaID string
	Hash        string // content hash of Data
	Name        string
	TaxNumber   string // canonical
	Email       string // canonical
	Keys        MatchKeys
	Data        []byte // the partner as JSON
	FirstSeenAt time.Time
	ObservedAt  time.Time
	// ChangedAfter is when the partner was last seen with other content; its last
	// change came later. Zero: not known.
	ChangedAfter time.Time
}

// SeenPartner is what a poll compares a partner with.
type SeenPartner struct {
	Hash    string
	Missing bool // it was not found when last looked for
	Linked  bool // a living link names it
	Held    bool // that it is gone is held for a person, or approved
}

// PollState is what the poller remembers between sweeps. Times are by the
// database's clock.
type PollState struct {
	SweptAt         time.Time `json:"sweptAt"`  // when the last complete sweep began
	EndedAt         time.Time `json:"endedAt"`  // when it ended
	DurationSeconds float64   `json:"duration"` // of the last try, complete or not
	Partners        int       `json:"partners"`
	Calls           int       `json:"calls"`
	Way             string    `json:"way,omitempty"`   // how the partners are enumerated; empty: not found out
	Error           string    `json:"error,omitempty"` // of the last try; empty: it was complete
	// LastEvent is the sequence of the last event in the partners' stream.
	LastEvent uint64 `json:"lastEvent,omitempty"`
	// EventsLost: the stream ended before LastEvent, or dropped events, and not all
	// that it lost is published again yet. What is not has a forgotten hash.
	EventsLost bool `json:"eventsLost,omitempty"`
}

// PollStateKey is where a PollState is remembered.
const PollStateKey = "poller"

// Counts are the store's figures.
type Counts struct {
	Links         map[Status]int
	Conflicts     int // parked
	HeldDeletions int
	HeldMatches   int // contacts whose match waits for a person
	OpenMerges    int // merges of contacts that something keeps from being finished
	Differing     int // links whose sides knowingly differ
	Unresolved    int // links with an intent
}

// Slot is a replication slot as the database shows it; zero when it is not there.
type Slot struct {
	Found        bool
	Active       bool
	ConfirmedLSN string
	LagBytes     uint64 // log written since ConfirmedLSN
	// RetainedBytes is how much log Postgres keeps for the slot: from the begin of the
	// oldest transaction that was open where it stands.
	RetainedBytes uint64
	WALStatus     string // reserved, extended, unreserved or lost
	// SafeBytes is how much more log may be written before Postgres gives the slot up;
	// nil: it never does, or has.
	SafeBytes *int64
}
