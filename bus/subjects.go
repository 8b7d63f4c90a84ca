package bus

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The streams, and what their subjects begin with.
const (
	StreamContacts    = "CRM_CONTACTS"
	StreamPartners    = "METAKOCKA_PARTNERS"
	StreamDeadLetters = "MKSYNC_DEADLETTERS"

	contactsPrefix    = "crm.contacts."
	partnersPrefix    = "metakocka.partners."
	deadLettersPrefix = "mksync.deadletters."
	retrySuffix       = ".retry"

	// What is sent here is kept nowhere: it reaches who listens.
	jobsPrefix = "mksync.progress."
)

// StreamSubjects are the subjects that each of the streams takes.
func StreamSubjects() map[string]string {
	return map[string]string{
		StreamContacts: contactsPrefix + ">", StreamPartners: partnersPrefix + ">", StreamDeadLetters: deadLettersPrefix + ">",
		streamNote: subjectNote,
	}
}

// ContactSubject names the subject of a contact's event: op is snapshot, insert, update,
// delete or truncate; the last has no id.
func ContactSubject(op, id string) string {
	if id == "" {
		return contactsPrefix + op
	}
	return contactsPrefix + op + "." + escapeToken(id)
}

// PartnerSubject names the subject of a partner's event: kind is created, changed or missing.
func PartnerSubject(kind, id string) string {
	return partnersPrefix + kind + "." + escapeToken(id)
}

// DeadLetterSubject names the subject of the dead letter of one consumer's key.
func DeadLetterSubject(consumer, key string) string {
	return deadLettersPrefix + escapeToken(consumer) + "." + escapeToken(key)
}

// JobSubject names the subject on which a job's progress is told; "*" stands for
// all jobs.
func JobSubject(id string) string { return jobsPrefix + id }

// Key returns the key of a subject: its last token, unescaped; of a truncate, which is about
// no contact, "": a contact may be called that.
func Key(subject string) string {
	if subject == contactsPrefix+"truncate" {
		return ""
	}
	return unescapeToken(subject[strings.LastIndexByte(subject, '.')+1:])
}

// retrySubject carries a dead letter back to its consumer.
func retrySubject(consumer, key string) string {
	return DeadLetterSubject(consumer, key) + retrySuffix
}

// deadLetterKey returns consumer and key of a dead letter's or a retry's subject.
func deadLetterKey(subject string) (consumer, key string) {
	c, k, _ := strings.Cut(strings.TrimPrefix(subject, deadLettersPrefix), ".")
	k, _, _ = strings.Cut(k, ".") // the suffix of a retry; a key has no dot
	return unescapeToken(c), unescapeToken(k)
}

const hexDigits = "0123456789ABCDEF"

// escapeToken makes one subject token of any text: letters, digits, "-" and "_" stay, other
// bytes become =XX, and nothing at all becomes a lone "=". UUIDs and numbers are unchanged.
func escapeToken(s string) string {
	if s == "" {
		return "="
	}
	i := 0
	for i < len(s) && plain[s[i]] {
		i++
	}
	if i == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; plain[c] {
			b = append(b, c)
		} else {
			b = append(b, '=', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

// plain are the bytes that stay. It is a table because every byte of every id is looked up.
var plain = func() (is [256]bool) {
	for _, c := range []byte("-_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		is[c] = true
	}
	return is
}()

// unescapeToken undoes escapeToken. A token that it did not make is nobody's, and stays as it is.
func unescapeToken(s string) string {
	if strings.IndexByte(s, '=') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))

	for i := 0; i < len(s); i++ {
		if s[i] != '=' || i+2 >= len(s) {
			b = append(b, s[i])
			continue
		}
		c, err := hex.DecodeString(s[i+1 : i+3])
		if err != nil {
			return s
		}
		b = append(b, c[0])
		i += 2
	}

	// What is not written so by escapeToken stands for itself.
	if s == "=" {
		b = nil
	}
	if text := string(b); escapeToken(text) == s {
		return text
	}
	return s
}

// LongestID is how many bytes of a contact's id stand in a subject, where each may take
// three: NATS reads 4,096 of a command.
const LongestID = 512

// standIn begins what stands in subjects for an id that cannot.
const standIn = "=="

// ContactKey is the key of a contact's events: its id, or something that stands for one that
// is empty, longer than LongestID, or no text.
func ContactKey(id string) string {
	if id != "" && len(id) <= LongestID && utf8.ValidString(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return standIn + hex.EncodeToString(sum[:16])
}

var standInForm = regexp.MustCompile("^" + standIn + "[0-9a-f]{32}$")

// StandsIn tells a key that stands for an id from an id.
func StandsIn(key string) bool {
	return strings.HasPrefix(key, standIn) && standInForm.MatchString(key)
}
