package pgstore

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/mapping"
)

// TableError says that the contacts table cannot be worked with at all.
type TableError struct{ Reason string }

func (e *TableError) Error() string { return e.Reason }

// refusal turns an error of a write to the contacts table into a
// mapping.ContactRefusedError when the database refused the values (classes 22 data, 23 integrity, P0001
// raised by a trigger), and leaves every other error as it is.
func refusal(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch {
	case pg.Code == "23502":
		return &mapping.ContactRefusedError{Reason: fmt.Sprintf("column %q is required and the partner has no value for it", pg.ColumnName)}
	case pg.Code == "23505":
		return &mapping.ContactRefusedError{Reason: fmt.Sprintf("another contact has the same value (constraint %q)", pg.ConstraintName)}
	case pg.Code[:2] == "23":
		return &mapping.ContactRefusedError{Reason: fmt.Sprintf("constraint %q does not allow the value", pg.ConstraintName)}
	case pg.Code == "22001":
		return &mapping.ContactRefusedError{Reason: "a value is too long for its column"}
	case pg.Code[:2] == "22":
		return &mapping.ContactRefusedError{Reason: "a value does not fit its column's type"}
	case pg.Code == "P0001":
		return &mapping.ContactRefusedError{Reason: "a trigger of the contacts table raised an error"}
	}
	return err
}

// deleteRefusal is refusal for a contact's deletion.
func deleteRefusal(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code[:2] == "23" {
		return &mapping.ContactRefusedError{Reason: fmt.Sprintf("constraint %q keeps it", pg.ConstraintName)}
	}
	return refusal(err)
}

func hasCode(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}
