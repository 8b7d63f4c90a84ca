// Package event is how the changes of both sides travel: contacts' changes from the
// listener into their stream (Relay), what the poller saw of partners (PartnerEvent),
// who consumes them, and what is remembered of the streams: the listener's state, the
// database's epochs, and how far the consumers are through.
package event
