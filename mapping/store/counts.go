package store

import "time"

// Counts are the store's figures.
type Counts struct {
	Links      map[Status]int
	Conflicts  Waits // parked
	Deletions  Waits // held, or approved and not applied yet
	Matches    Waits // contacts whose match is not clear, and waits for a person
	Proposals  Waits // first matches that wait for a person's approval, imports included
	Errors     Waits // contacts that were refused
	OpenMerges int   // merges of contacts that something keeps from being finished
	Differing  int   // links whose sides knowingly differ
	Unresolved int   // links with an intent
	LeftOut    int   // contacts that a person leaves out
}

// Waits are how many wait for a person, and since when the oldest does; nil: none does, or
// it is not known.
type Waits struct {
	Count int
	Since *time.Time
}
