// Package bus carries events over NATS JetStream: it owns the streams and their subjects,
// publishes in order behind acknowledgements, and hands events to handlers key by key.
//
// Publishing: a [Publisher] keeps a bounded window of messages in flight. Each message names
// its predecessor, the first one by its sequence in the stream and the others by its message
// id, so the server refuses whatever does not follow directly: nothing is left out, doubled
// or re-ordered, even when another publisher writes to the stream in between. A publisher
// whose message was refused, or whose acknowledgement went missing, is broken for good; a
// new one goes on from the last message of the stream.
//
//	open ──publish/ack──► open ──refusal, time-out, lost connection──► broken
//	open ──Close──► closed
//
// Consuming: [Bus.Consume] runs a durable pull consumer. A message is
//
//	waiting ─► running ─► acknowledged
//	                   └► given back with a delay (Retry) ─► waiting
//	                   └► dead letter stored (Reject), then acknowledged
//
// Messages that wait or run are kept in progress, so the server gives them to nobody else
// while this process lives. All that waits for one key goes to the handler in one call.
package bus
