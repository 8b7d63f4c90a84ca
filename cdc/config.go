package cdc

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// UsualPositionInterval is how often at least a listener that reads on stores how far it is.
const UsualPositionInterval = 5 * time.Second

// Config says which table of which database to follow. Empty values take the
// defaults given here.
type Config struct {
	// DatabaseURL names a role with the REPLICATION attribute.
	DatabaseURL string
	Table       string // schema.table, "public.contacts"
	KeyColumn   string // "id"
	Slot        string // "mksync"
	Publication string // "mksync"
	// StateTable is the table in which the StateStore keeps the state, as the role's
	// search path finds it. Empty: it is not in the database.
	StateTable string

	// StatusInterval is how often the slot hears from the listener; it also does
	// at once when it asks. 1s.
	StatusInterval time.Duration
	// ConfirmDelay is how long an event has to be durable before its LSN is
	// confirmed. Choose more than the time the sink's server takes to sync to disk.
	ConfirmDelay time.Duration
	// StallAfter ends a connection on which published events wait for the sink
	// this long without one becoming durable. 30s.
	StallAfter time.Duration

	// PositionInterval is how often the slot, and the state, is told of a position that
	// only other tables' changes have moved: each costs a write of the state. 5s.
	PositionInterval time.Duration

	// Kept waits until what was committed before outlasts the server, and tells of an error
	// that it did not wait to the end: the slot is told of no position before the state that
	// holds it is kept. Nil: what is committed is kept.
	Kept func(ctx context.Context) error

	// WatchInterval is how often the server's log position is read, and whether
	// the table is still the same one. 5s.
	WatchInterval time.Duration

	// Heartbeat is how long after one heartbeat the next is sent: a message in the
	// server's log that comes back by way of the slot. 0 sends none; nor does a
	// server older than version 14, whose pgoutput does not pass messages on.
	Heartbeat time.Duration

	silence time.Duration

	BackoffMin time.Duration // 200ms
	BackoffMax time.Duration // 4s; half as long again at most, for the jitter
}

// silence ends a connection on which the server does not answer for this long. A
// server that reads a large transaction of other tables may not answer for half of
// its wal_sender_timeout, and would begin with it anew each time: so the next
// connection is given twice as long.
const silence = 2 * time.Minute

// standbyInterval is how often a standby asks whether the slot is free.
const standbyInterval = time.Second

// slotName is what Postgres allows as the name of a replication slot.
var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

func (c Config) withDefaults() Config {
	c.Table = defaultTo(c.Table, "public.contacts")
	if !strings.Contains(c.Table, ".") {
		c.Table = "public." + c.Table
	}
	c.KeyColumn = defaultTo(c.KeyColumn, "id")
	c.Slot = defaultTo(c.Slot, "mksync")
	c.Publication = defaultTo(c.Publication, "mksync")
	c.StatusInterval = defaultTo(c.StatusInterval, time.Second)
	c.StallAfter = defaultTo(c.StallAfter, 30*time.Second)
	c.PositionInterval = defaultTo(c.PositionInterval, UsualPositionInterval)
	c.WatchInterval = defaultTo(c.WatchInterval, 5*time.Second)
	c.silence = defaultTo(c.silence, silence)
	c.BackoffMin = defaultTo(c.BackoffMin, 200*time.Millisecond)
	c.BackoffMax = defaultTo(c.BackoffMax, 4*time.Second)
	return c
}

func defaultTo[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func (c Config) validate() error {
	var errs []error
	if c.DatabaseURL == "" {
		errs = append(errs, errors.New("DatabaseURL is empty"))
	} else if _, err := pgconn.ParseConfig(c.DatabaseURL); err != nil {
		errs = append(errs, fmt.Errorf("read DatabaseURL: %w", err))
	}
	if !slotName.MatchString(c.Slot) {
		errs = append(errs, fmt.Errorf("slot %q: only a-z, 0-9 and _ are allowed, 63 at most", c.Slot))
	}
	if c.ConfirmDelay < 0 || c.StatusInterval < 0 || c.StallAfter < 0 || c.PositionInterval < 0 || c.WatchInterval < 0 || c.Heartbeat < 0 || c.BackoffMin < 0 || c.BackoffMax < c.BackoffMin {
		errs = append(errs, errors.New("durations must not be negative, nor BackoffMax below BackoffMin"))
	}
	return errors.Join(errs...)
}

// schema and table are the two parts of Table, as Postgres stores them.
func (c Config) schema() string { s, _, _ := strings.Cut(c.Table, "."); return s }
func (c Config) table() string  { _, t, _ := strings.Cut(c.Table, "."); return t }

// quotedTable is Table as it is written in a statement.
func (c Config) quotedTable() string {
	return quoteIdent(c.schema()) + "." + quoteIdent(c.table())
}

func quoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// quoteLiteral writes s as a string constant, whatever standard_conforming_strings says.
func quoteLiteral(s string) string {
	q := `'` + strings.ReplaceAll(s, `'`, `''`) + `'`
	if strings.Contains(s, `\`) {
		q = ` E` + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}
