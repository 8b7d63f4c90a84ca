package syncer

import (
	"sync"
	"time"

	"github.com/crmmind/mksync/coded"
)

// One "not found" says little of a partner: a proxy, a maintenance or a restored copy
// may have said it. It is taken for gone where it is not found a second time, some time
// after the first.

// absences remembers when partners were first not found.
type absences struct {
	mu    sync.Mutex
	since map[string]time.Time // by partner
}

// absenceKept is how long a first "not found" counts, and mostAbsences how many are
// remembered. What is forgotten is asked for once more.
const (
	absenceKept  = 10 * time.Minute
	mostAbsences = 10_000
)

// missed notes that a partner was not found, and returns how much later it is to be
// asked for again; 0: it was not found before either, and is gone.
func (a *absences) missed(metakockaID string, apart time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	first, known := a.since[metakockaID]
	age := time.Since(first)
	if known && age < absenceKept {
		return max(apart-age, 0)
	}
	if a.since == nil || len(a.since) >= mostAbsences {
		a.since = map[string]time.Time{}
	}
	a.since[metakockaID] = time.Now()
	return apart
}

// found notes that a partner is there.
func (a *absences) found(metakockaID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.since, metakockaID)
}

// UnlikelyError says that a poll missed too many partners to be believed.
type UnlikelyError struct{ Absent, Linked int }

func (e *UnlikelyError) Error() string { return e.Said().String() }

// Said implements the text of an error.
func (e *UnlikelyError) Said() coded.Text {
	return coded.Say("refusal.unlikely", "{missing} of {linked} linked partners are missing in MetaKocka, which is unlikely; none is taken for gone: check the company and the key. If they were deleted there: mksync deletions list", e.Absent, e.Linked)
}

// Reason is what the error says without what to do.
func (e *UnlikelyError) Reason() coded.Text {
	return coded.Say("note.held.unlikely", "{count} of {all} linked partners are missing in MetaKocka, which is unlikely; none is taken for gone", e.Absent, e.Linked)
}

// Unlikely tells that so many of the linked partners are not found, more than ten and more
// than a fifth, that the poll is rather wrong than the partners gone.
func Unlikely(absent, linked int) bool { return absent > 10 && absent*5 > linked }
