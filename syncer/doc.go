// Package syncer keeps contacts and partners one. Reconciler is the heart: the
// only writer to either side. Pusher and Puller call it for events of the CRM
// and of MetaKocka; Poller makes the latter; Relay brings the former from the
// database's log to the stream.
//
// Events trigger, state decides: an event only says that something changed.
// What to do is decided from the contact, the link's base and the partner as
// they are now. So events may come twice, late or in any order.
package syncer
