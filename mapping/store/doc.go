// Package store says what mksync remembers: links with their bases, what was about
// to be written, the partners as last seen, conflicts, deletions, merges and jobs, and
// what the poller and the full check remember of their last runs.
//
// It holds records and the interface of a session on one contact, and no storage of
// its own: mapping/pgstore keeps them in Postgres. A record stored by an older version
// can be read by a newer one.
package store
