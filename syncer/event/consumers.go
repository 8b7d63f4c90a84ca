package event

import (
	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
)

// Names of the durable consumers.
const (
	ConsumerPusher     = "pusher"      // live changes of contacts
	ConsumerPusherBulk = "pusher-bulk" // contacts of a snapshot
	ConsumerPuller     = "puller"
)

// SubjectTruncate is the one event of the contacts table without a contact.
var SubjectTruncate = bus.ContactSubject("truncate", "")

// NoKey says why a contact without a usable key is not synced.
var NoKey = coded.Say("note.event.no_key", "the contact's key is empty, longer than {count} bytes, or no text, so mksync cannot name it", bus.LongestID)

// readers are the consumers of a stream.
func readers(stream string) []string {
	if stream == bus.StreamContacts {
		return []string{ConsumerPusher, ConsumerPusherBulk}
	}
	return []string{ConsumerPuller}
}
