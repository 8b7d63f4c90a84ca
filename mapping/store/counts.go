package store

// Counts are the store's figures.
type Counts struct {
	Links         map[Status]int
	Conflicts     int // parked
	HeldDeletions int
	HeldMatches   int // contacts whose match waits for a person
	OpenMerges    int // merges of contacts that something keeps from being finished
	Differing     int // links whose sides knowingly differ
	Unresolved    int // links with an intent
}
