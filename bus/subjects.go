package bus

import (
	"encoding/hex"
	"strings"
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

// Key returns the key of a subject: its last token, unescaped.
func Key(subject string) string {
	return unescapeToken(subject[strings.LastIndexByte(subject, '.')+1:])
}

// retrySubject carries a dead letter back to its consumer.
func retrySubject(consumer, key string) string {
	return DeadLetterSubject(consumer, key) + retrySuffix
}

// deadLetterKey returns consumer and key of a dead letter's or a retry's subject.
func deadLetterKey(subject string) (consumer, key string) {
	rest := strings.TrimSuffix(strings.TrimPrefix(subject, deadLettersPrefix), retrySuffix)
	c, k, _ := strings.Cut(rest, ".")
	return unescapeToken(c), unescapeToken(k)
}

const hexDigits = "0123456789ABCDEF"

// escapeToken makes one subject token of any text: letters, digits, "-" and "_" stay, other
// bytes become %XX, and nothing at all becomes a lone "%". UUIDs and numbers are unchanged.
func escapeToken(s string) string {
	if s == "" {
		return "%"
	}
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	b := append(make([]byte, 0, len(s)+8), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// unescapeToken undoes escapeToken. A token it did not make is returned as it can be read.
func unescapeToken(s string) string {
	if s == "%" {
		return ""
	}
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := hex.DecodeString(s[i+1 : i+3]); err == nil {
				b = append(b, c[0])
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
