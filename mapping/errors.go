package mapping

import (
	"errors"

	"github.com/crmmind/mksync/coded"
)

// Errors of Policy.Validate; the message names the field.
var (
	// ErrUnknownField says that the name is none of Fields.
	ErrUnknownField = errors.New("unknown field")
	// ErrUnknownRule says that the rule is none of newest, crm, metakocka, manual.
	ErrUnknownRule = errors.New("unknown conflict rule")
	// ErrUnknownDirection says that the direction is none of both, to_metakocka, to_crm, off.
	ErrUnknownDirection = errors.New("unknown direction")
	// ErrUnknownSide says that the side is neither crm nor metakocka.
	ErrUnknownSide = errors.New("unknown side")
)

// FieldError says what is wrong with one field. Reason does not quote the value,
// except for a country's name.
type FieldError struct {
	Field  Field
	Reason coded.Text
}

// Error returns "field: reason".
func (e FieldError) Error() string { return e.Said().String() }

// Said is the error as a code with parameters.
func (e FieldError) Said() coded.Text { return OfField(e.Field, e.Reason) }

// OfField is a text about a field.
func OfField(f Field, said coded.Text) coded.Text {
	return coded.Say("note.field", "{field}: {cause}", f, said)
}

// FieldErrors are the problems of one contact, in the order of Fields. An empty
// list is no error: use Err where an error is to be returned.
type FieldErrors []FieldError

// Error joins the problems with "; ".
func (e FieldErrors) Error() string { return e.Said().String() }

// Said is all of them as codes with parameters.
func (e FieldErrors) Said() coded.Text {
	all := coded.Text{}
	for _, fe := range e {
		all = all.And(fe.Said())
	}
	return all
}

// Err returns nil for an empty list and the list itself otherwise.
func (e FieldErrors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Has reports whether the field has a problem.
func (e FieldErrors) Has(f Field) bool {
	for _, fe := range e {
		if fe.Field == f {
			return true
		}
	}
	return false
}

// Fields lists the fields that have a problem.
func (e FieldErrors) Fields() []Field {
	out := make([]Field, len(e))
	for i, fe := range e {
		out[i] = fe.Field
	}
	return out
}
