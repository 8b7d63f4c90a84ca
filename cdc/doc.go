// Package cdc follows one table of a Postgres database through logical
// replication (pgoutput, protocol version 1, text format) and hands every
// committed change to a [Sink], in commit order.
//
// A [Listener] goes through these states:
//
//	connecting ──► standby ──► snapshot ──► streaming ──► stopped
//	     ▲            │            │            │
//	     └────────────┴────────────┴────────────┘  any error: back-off, then anew
//
// connecting: one replication connection is opened and the set-up is checked.
//
// standby: another instance holds the session lock or the slot; this one asks
// again every second and takes over when it is free.
//
// snapshot: there is no finished snapshot, or the slot or the stream lost
// events. A new slot is made and the table is read at the very point at which
// the slot begins, so that nothing is missed and nothing comes twice.
//
// streaming: changes are decoded out of reused buffers and published.
//
// What holds at every moment (invariants 9, 10, 14, 15 and 13 of
// docs/architecture.md):
//
//   - An LSN is confirmed to the slot only when every event up to it is durable
//     in the sink, for at least Config.ConfirmDelay, and State.LastEvent is saved.
//   - An event at or before the sink's last position is not published again.
//   - What cannot be decoded ends the connection with an error; it is never dropped. A
//     change that does not name its row counts as missed, like those of a lost slot.
//   - Memory does not grow with the size of a transaction, of the table or of
//     the backlog.
//   - Nothing is published, and no slot is touched, when the database is not the
//     one the state was made with.
package cdc
