package cdc

import (
	"errors"
	"slices"
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/pgsession"
)

// errSynchronous means that commits would wait for the listener.
var errSynchronous = errors.New("the listener is a synchronous standby")

// synchronousProblem keeps the listener from a server that takes it for a synchronous
// standby: every commit would wait until its events are confirmed, the CRM's and mksync's
// own among them (invariant 25). Postgres counts whatever replicates and has one of the
// names, and * is each.
func synchronousProblem(_ Config, f facts) *SetupError {
	names := strings.FieldsFunc(f.server.standbys, func(r rune) bool { return strings.ContainsRune(`(), "`, r) })
	if !slices.ContainsFunc(names, func(name string) bool { return name == "*" || strings.EqualFold(name, pgsession.Name) }) {
		return nil
	}
	return &SetupError{
		What: coded.Say("doctor.synchronous.counts", "synchronous_standby_names is '{names}', so every commit on this server would wait for mksync as for a standby", f.server.standbys),
		Do: coded.Say("doctor.synchronous.counts_do", "name your standbys in it, by their application_name or cluster_name: as a superuser, "+
			"ALTER SYSTEM SET synchronous_standby_names = 'standby_1' ('' where there is none), then SELECT pg_reload_conf()"),
		Err: errSynchronous,
	}
}

// awayProblem tells that everything waits: the server gives out nothing that a standby of
// synchronized_standby_slots has not got, and mksync builds upon nothing (invariant 31).
func awayProblem(_ Config, f facts) *SetupError {
	if !f.slot.failover || f.server.away == "" {
		return nil
	}
	return &SetupError{
		What: coded.Say("doctor.standbys.away", "no standby uses the replication slot {slots} of synchronized_standby_slots: until one does, changes do not reach mksync, and it sends nothing", f.server.away),
		Do: coded.Say("doctor.standbys.away_do", "start the standby; where there is none any more, take its slot out, as a superuser: "+
			"ALTER SYSTEM SET synchronized_standby_slots = '' (or those that are left), then SELECT pg_reload_conf()"),
	}
}
