package store

import "time"

// Halt says that a person has stopped sending to MetaKocka, in every process, until it is
// resumed.
type Halt struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by,omitempty"`     // who; empty: not known
	Reason string    `json:"reason,omitempty"` // the person's words
}

// HaltKey is where a Halt is remembered.
const HaltKey = "halt"
