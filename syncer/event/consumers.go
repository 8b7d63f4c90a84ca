package event

import (
	"fmt"

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

// NoKey says why a contact without a usable key is not synced.
var NoKey = fmt.Sprintf("the contact's key is empty, longer than %d bytes, or no text, so mksync cannot name it", bus.LongestID)

// readers are the consumers of a stream.
func readers(stream string) []string {
	if stream == bus.StreamContacts {
		return []string{ConsumerPusher, ConsumerPusherBulk}
	}
	return []string{ConsumerPuller}
}
