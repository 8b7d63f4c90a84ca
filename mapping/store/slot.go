package store

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
