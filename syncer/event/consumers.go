package event

import (
	"github.com/crmmind/mksync/bus"
)

// Names of the durable consumers.
const (
	ConsumerPusher     = "pusher"      // live changes of contacts
	ConsumerPusherBulk = "pusher-bulk" // contacts of a snapshot
	ConsumerPuller     = "puller"
)

// SubjectTruncate is the one event of the contacts table without a contact.
var SubjectTruncate = bus.ContactSubject("truncate", "")

// readers are the consumers of a stream.
func readers(stream string) []string {
	if stream == bus.StreamContacts {
		return []string{ConsumerPusher, ConsumerPusherBulk}
	}
	return []string{ConsumerPuller}
}
