// Package work brings events to the reconciler: Pusher those of contacts, Puller those
// of partners, each one contact at a time and several contacts at once. How a piece of
// work ended decides what becomes of its events: done, tried again, or a dead letter. An
// outage dead-letters nothing (invariant 7); the Redriver tries again what was put aside
// before a refusal turned out to be about every write.
package work
