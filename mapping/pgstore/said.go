package pgstore

import "github.com/crmmind/mksync/coded"

// said is a text as two columns hold it: its words, and the record of what they are made of.
type said struct {
	words  *string
	record *coded.Record
}

// text is what was stored; a record of other words tells nothing.
func (s said) text() coded.Text { return coded.Stored(text(s.words), s.record) }
