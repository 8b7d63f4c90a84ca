// Package syncer keeps contacts and partners one. Reconciler is its heart: the only
// writer to either side. Those who call it are rooms of their own: syncer/work for the
// events of both sides, syncer/check, syncer/replay and syncer/operations; how events
// travel is syncer/event, and syncer/poll makes those of MetaKocka.
//
// Events trigger, state decides: an event only says that something changed. What to do
// is decided from the contact, the link's base and the partner as they are now. So
// events may come twice, late or in any order.
package syncer
