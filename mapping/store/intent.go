package store

import (
	"time"

	"github.com/crmmind/mksync/mapping"
)

// IntentKind says what a stored intent was about to do.
type IntentKind string

// What an intent may be about.
const (
	IntentCreate IntentKind = "create" // add_partner
	IntentUpdate IntentKind = "update" // update_partner
	IntentRetire IntentKind = "retire" // update_partner, because the contact is gone
)

// Intent is stored before a write to MetaKocka is sent. Until Deadline the write
// may still take effect; only after it may "not found" or "not changed" be read
// as "did not happen".
type Intent struct {
	Kind     IntentKind      `json:"kind"`
	SentAt   time.Time       `json:"sent_at"`
	Deadline time.Time       `json:"deadline"`
	SentHere time.Time       `json:"sent_here,omitzero"` // as SentAt, by the clock of the machine that sent it
	Seen     int64           `json:"seen,omitempty"`     // the number of the newest partner that was seen before
	Partner  mapping.Partner `json:"partner"`            // to create; for an update: as it was before
	CRM      mapping.Contact `json:"crm,omitzero"`       // the contact it was made of

	// Of an update: what is sent for which fields.
	Sent   mapping.Partner `json:"sent,omitzero"`
	Fields []mapping.Field `json:"fields,omitempty"`
	// Restored are the fields in which it takes an earlier write back, which the contact has
	// yet to follow.
	Restored []mapping.Field `json:"restored,omitempty"`
	// Decided are the conflicts whose losing values the update replaces. They belong in
	// the journal once it has taken effect.
	Decided []ConflictRecord `json:"decided,omitempty"`

	// Entry is what the history says once the write has taken effect; of a creation only
	// why it is made. nil: an older version stored the intent.
	Entry *Entry `json:"entry,omitempty"`
}

// Creates is the contact that the partner to create was made of, as far as it was sent. All
// of it can be read, for it was written here.
func (in Intent) Creates() mapping.Contact {
	c, _ := mapping.FromPartner(in.Partner)
	return c
}
