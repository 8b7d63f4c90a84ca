// Package syncer keeps contacts and partners one. The Reconciler is the heart: the only
// writer to either side (invariant 1), with all that it decides by: the first match, the
// update over a three-way merge, creations and their intents, deletions, merges of
// contacts.
//
// Events trigger, state decides: an event only says that something changed. What to do
// is decided from the contact, the link's base and the partner as they are now. So
// events may come twice, late or in any order.
//
// Who calls the reconciler, and where events come from, it does not know: that is in the
// rooms below (event, work, poll, check, replay, status, operations), which import it.
// It declares the few interfaces that it needs of the store and of MetaKocka.
package syncer
