package pgstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
)

// TableError says that the contacts table cannot be worked with at all.
type TableError struct {
	What coded.Text
	Do   coded.Text // what to do about it; nothing: the configuration names what is not there
}

// Error is one line: what is wrong, and what to do.
func (e *TableError) Error() string {
	if e.Do.IsZero() {
		return e.What.String()
	}
	return e.What.String() + ": " + e.Do.String()
}

// Said implements the text of an error.
func (e *TableError) Said() coded.Text { return e.What.And(e.Do).In(e.Error()) }

// tableFaultError is a store.ErrTable with what the database said, or what was found when the
// table was looked up again.
type tableFaultError struct{ cause error }

func (e *tableFaultError) Error() string { return e.Said().String() }

// Said implements the text of an error.
func (e *tableFaultError) Said() coded.Text {
	return coded.Say("refusal.table", "the contacts table cannot be worked with: {cause}", coded.Of(e.cause))
}

func (e *tableFaultError) Unwrap() []error { return []error{store.ErrTable, e.cause} }

// swallowed is what a write is told that the database neither does nor refuses.
var swallowed = coded.Say("note.refused.swallowed", "the table does not let it be written: a trigger, a rule or row level security swallows the write")

func (c *contacts) refusalReason(pg *pgconn.PgError) coded.Text {
	constraint := strconv.Quote(pg.ConstraintName)
	switch {
	case pg.Code == "23502":
		return coded.Say("note.refused.required", "column {column} is required and the partner has no value for it", strconv.Quote(pg.ColumnName))
	case pg.Code == "23505":
		return coded.Say("note.refused.unique", "another contact has the same {about} (constraint {constraint})", c.about(pg.ConstraintName), constraint)
	case pg.Code == "23503":
		return coded.Say("note.refused.unknown", "the {about} is none that the table knows to which it refers (constraint {constraint})", c.about(pg.ConstraintName), constraint)
	case pg.Code[:2] == "23" && pg.ConstraintName != "":
		return coded.Say("note.refused.constraint", "constraint {constraint} does not allow the {about}", constraint, c.about(pg.ConstraintName))
	case raisedBy(pg) != "":
		return coded.Say("note.refused.raised", "function {function}, of a trigger of the contacts table, raised an error (SQLSTATE {state})", raisedBy(pg), pg.Code)
	case pg.Code == "22P05":
		return coded.Say("note.refused.encoding", "a value has characters that the database's encoding lacks")
	case pg.Code == "22001":
		return coded.Say("note.refused.long", "a value is too long for its column")
	case pg.Code[:2] == "22":
		return coded.Say("note.refused.type", "a value does not fit its column's type")
	case pg.Code == "42501":
		return coded.Say("note.refused.right", "mksync's role has no right to write it, or row level security does not allow it: see mksync doctor")
	case pg.Code == "428C9":
		return coded.Say("note.refused.computed", "a column is computed by the database and cannot be written: set its field's direction to to_metakocka")
	case pg.Code == "0A000":
		return coded.Say("note.refused.rule", "a rule of the contacts table replaces the write")
	}

	return coded.Say("note.refused.state", "the database does not let it be written (SQLSTATE {state})", pg.Code)
}

// errLockLost says that a change was not stored, because it was made under a lock that
// another process may have by now.
var errLockLost = fmt.Errorf("%w: the connection that held the locks of this process was lost, and what it worked on is done again", store.ErrStoreAway)

// functionName is how an error's context names a function in PL/pgSQL.
var functionName = regexp.MustCompile(`(?m)^PL/pgSQL [^\n]*?([\w."$]+)\([^)\n]*\)`)

// raisedBy names the function that an error came from; "" where none is known.
// The error's own words may hold somebody's data.
func raisedBy(pg *pgconn.PgError) string {
	if m := functionName.FindStringSubmatch(pg.Where); m != nil {
		return m[1]
	}
	return ""
}

// passing: the error is about the connection (08), the transaction (25, 40), the
// server's resources (53), locks (55006, 55P03), operator (57), or the server
// itself (58, F0, XX).
func passing(pg *pgconn.PgError) bool {
	switch pg.Code[:2] {
	case "08", "25", "40", "53", "57", "58", "F0", "XX":
		return true
	}
	return pg.Code == "55P03" || pg.Code == "55006"
}

// ofTable: the table is not as it was when the statement was made, or row level security
// may hide rows of it. A function of its triggers may miss a column or table just as well.
func ofTable(pg *pgconn.PgError) bool {
	switch {
	case raisedBy(pg) != "":
		return false
	case pg.Code == "0A000": // a changed result type; a rule that cannot return rows has the same code
		return pg.Routine == "RevalidateCachedQuery"
	}
	return pg.Code == "42703" || pg.Code == "42P01" || pg.Routine == "check_enable_rls" // a missing right has the same code
}

// away: nothing can be had from the database now, whichever contact is asked for.
func away(err error) bool {
	var call interface{ Elsewhere() }
	if errors.As(err, &call) { // MetaKocka is asked under a contact's lock, and has a network of its own
		return false
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) { // whatever the server said: a password that was changed, a database that is being restored
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "08", "53", "58":
			return true
		}
		return pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "57P03" || pg.Code == "25006"
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

// told marks an error that is about the database, not about a contact.
func told(err error) error {
	if err == nil || !away(err) || errors.Is(err, store.ErrStoreAway) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrStoreAway, err)
}

// hiddenSQL names those of the contacts table and mksync's own whose row level security
// applies to this role, and the role. Postgres's own words depend on the language.
const hiddenSQL = `SELECT current_user, coalesce(array_agg(c.oid::regclass::text ORDER BY 1), '{}') FROM pg_class c
	WHERE (c.oid = to_regclass($1) OR c.oid = ANY (ARRAY(SELECT o.oid FROM pg_class o JOIN pg_class m ON m.oid = to_regclass('metakocka_contact_mappings')
		AND m.relnamespace = o.relnamespace WHERE o.relkind = 'r' AND (o.oid = m.oid OR o.relname LIKE 'mksync\_%'))))
	AND row_security_active(c.oid)`

// hidden is a *mapping.HiddenError where row level security applies to this role, and
// nil where it does not.
func (s *Store) hidden(ctx context.Context) error {
	var hidden store.HiddenError
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
	defer cancel()
	err := s.pool.QueryRow(ctx, hiddenSQL, s.table().table).Scan(&hidden.Role, &hidden.Tables)
	if err != nil || len(hidden.Tables) == 0 {
		return nil // it is another right that is missing
	}
	return &hidden
}
