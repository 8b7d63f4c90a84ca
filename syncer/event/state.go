package event

import (
	"context"
	"strconv"
	"time"

	"github.com/crmmind/mksync/cdc"
)

// Where the listener's state is remembered, and which epoch of the database the
// events belong to.
const (
	ListenerStateKey = "listener"
	EpochKey         = "listener-life"
	HeartbeatKey     = "heartbeat"
)

// States remembers small values; *pgstore.Store does.
type States interface {
	LoadState(ctx context.Context, key string, v any) (bool, error)
	SaveState(ctx context.Context, key string, v any) error
}

// ListenerStates keeps the listener's state; it is a cdc.StateStore.
type ListenerStates struct{ States States }

// Load implements cdc.StateStore.
func (l ListenerStates) Load(ctx context.Context) (s cdc.State, ok bool, err error) {
	ok, err = l.States.LoadState(ctx, ListenerStateKey, &s)
	return s, ok, err
}

// Save implements cdc.StateStore.
func (l ListenerStates) Save(ctx context.Context, s cdc.State) error {
	return l.States.SaveState(ctx, ListenerStateKey, s)
}

// Epoch names the database's epoch since it was last accepted after a restore; ""
// before any. Positions in the log mean something within one epoch only.
func (l ListenerStates) Epoch(ctx context.Context) (string, error) {
	var v Epoch
	_, err := l.States.LoadState(ctx, EpochKey, &v)
	return v.Epoch, err
}

// Epoch is what is remembered under EpochKey.
type Epoch struct {
	Epoch string `json:"life"`
}

// AcceptDatabase makes the listener go on with a database that was restored: it
// begins a new epoch, to which no event of the stream belongs, and then anew.
func (l ListenerStates) AcceptDatabase(ctx context.Context, cfg cdc.Config) (cdc.Accepted, error) {
	return cdc.Accept(ctx, cfg, newEpoch{l})
}

// newEpoch begins a new epoch with the state it saves.
type newEpoch struct{ ListenerStates }

// Save implements cdc.StateStore. The epoch comes first: cut off in between, the
// old state still stops the listener.
func (n newEpoch) Save(ctx context.Context, s cdc.State) error {
	epoch := strconv.FormatInt(time.Now().UnixMilli(), 36)
	if err := n.States.SaveState(ctx, EpochKey, Epoch{epoch}); err != nil {
		return err
	}
	return n.ListenerStates.Save(ctx, s)
}

// Database is what tells the events of the database as it is now from those of another.
type Database struct {
	System string // its identifier; empty: not known
	Epoch  string
	// Published: events of this epoch are in the stream, or were.
	Published bool
}

// Database is the one whose system has the identifier.
func (l ListenerStates) Database(ctx context.Context, system string) (d Database, err error) {
	d.System = system
	if d.Epoch, err = l.Epoch(ctx); err != nil {
		return d, err
	}
	state, _, err := l.Load(ctx)
	d.Published = state.LastEvent != cdc.Position{}
	return d, err
}

// Another is the system that an event is of, by its id, where that is the event of another
// installation's database; else empty. A database that was accepted finds those of the one
// before it, until it has published itself.
func (d Database) Another(eventID string) string {
	source, _, err := parseEventID(eventID)
	system, _ := sameEpoch(source, d.Epoch)
	if err != nil || d.System == "" || system == d.System || d.Epoch != "" && !d.Published {
		return ""
	}
	return system
}
