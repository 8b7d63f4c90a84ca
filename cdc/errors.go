package cdc

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
)

var (
	// ErrSystemChanged means that the database is not the one the state or the
	// stream belongs to: another system, another timeline, or one that went back
	// in time. Run returns it, wrapped in a SetupError, and touches nothing.
	ErrSystemChanged = errors.New("database system changed")
	// ErrStandby means that the server follows another one. A connection to it would be there
	// still when it is promoted, with nobody having looked what it lacks.
	ErrStandby = errors.New("the server is a standby, and is not promoted")
	// ErrSlotLost means that the slot is gone or invalidated: changes were missed.
	// The listener repairs it with a new slot and a snapshot.
	ErrSlotLost = errors.New("replication slot lost")
	// ErrStreamBehind means that the sink no longer holds events whose LSN was
	// confirmed. The listener repairs it with a new slot and a snapshot.
	ErrStreamBehind = errors.New("stream is behind the confirmed position")
	// ErrPublicationLost means that the publication was gone, or changed for a
	// while: changes were missed. The listener repairs it with a new slot and a
	// snapshot.
	ErrPublicationLost = errors.New("publication lost")
	// ErrTableReplaced means that the table was dropped and made again under its
	// name. The listener repairs it with a snapshot; what is not in the new table
	// was not deleted row by row.
	ErrTableReplaced = errors.New("the table was dropped and made again")
	// ErrListening means that a listener runs.
	ErrListening = errors.New("a listener runs on this slot: stop it first")
	// ErrStalled means that published events did not become durable in time.
	ErrStalled = errors.New("events wait for the sink")
	// ErrSilent means that the server stopped answering.
	ErrSilent = errors.New("server does not answer")
	// ErrProtocol means that a message of the server could not be decoded.
	ErrProtocol = errors.New("malformed replication message")
	// ErrKeyUnknown means that the log does not tell which row was changed: the table
	// had another shape then. The listener repairs it as a lost slot.
	ErrKeyUnknown = errors.New("a change does not name its row")

	errSlotBusy           = errors.New("slot is held by another instance")
	errMakesRoom          = errors.New("somebody's statement waited for the table while the snapshot was read: the snapshot makes room and begins anew")
	errStreamEnded        = errors.New("server ended the stream")
	errLayoutChanged      = errors.New("partitions of the table were attached, detached, emptied or written anew")
	errPublicationChanged = fmt.Errorf("%w: it was changed, or made again", ErrPublicationLost)
)

// Reasons for a snapshot that are no repair.
var (
	errFirstStart  = errors.New("first start")
	errInterrupted = errors.New("earlier snapshot was interrupted")
	errAccepted    = errors.New("a restored database was accepted")
)

// SetupError is something a person has to change before the listener can work.
type SetupError struct {
	What coded.Text // what is wrong, without a secret
	Do   coded.Text // what to do about it
	Err  error      // what Postgres said; may be nil
}

// Error is one line: what is wrong, and what to do.
func (e *SetupError) Error() string { return e.Said().String() }

// Said implements the text of an error.
func (e *SetupError) Said() coded.Text { return e.What.And(e.Do) }

// Unwrap returns what Postgres said.
func (e *SetupError) Unwrap() error { return e.Err }

// SQLSTATE codes that are told apart.
const (
	codeNoPgHBA     = "28000"
	codeBadPassword = "28P01"
	codeNoDatabase  = "3D000"
	codeNoRight     = "42501"
	codeNoObject    = "42704"
	codeDuplicate   = "42710"
	codeConfigLimit = "53400"
	codeObjectInUse = "55006"
)

// pgCode is the SQLSTATE of an error from Postgres, empty for any other.
func pgCode(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
