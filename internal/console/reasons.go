package console

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/mapping"
)

// sameReason are the rows of one kind that wait for one reason.
type sameReason struct {
	Kind  string
	Said  coded.Text    // what all of them say; nothing: each says its own
	Field mapping.Field // of conflicts
	Rows  []row
	Every []everyChoice // of all of them at once
}

// Titled reports whether the reason is said once, for all of them.
func (s sameReason) Titled() bool { return len(s.Every) > 0 || len(s.Rows) > 1 }

// everyChoice leads to a look at what a choice would do with all rows of a reason, or of a kind.
type everyChoice struct{ Kind, Choice, Path string }

// because names the reason of a row, without anything that a contact holds: it stands in
// addresses.
func (r row) because() string {
	sum := sha256.Sum256([]byte(string(r.Field) + "\x00" + phrases.Kind(r.Said)))
	return hex.EncodeToString(sum[:8])
}

// byReason parts the rows of a kind, in the order of the first of each reason.
func (v *visit) byReason(k kindOf, g group) (all []sameReason) {
	places := map[string]int{}
	for _, r := range g.Rows {
		i, known := places[r.because()]
		if !known {
			i = len(all)
			places[r.because()] = i
			all = append(all, sameReason{Kind: g.Kind, Said: r.Said, Field: r.Field})
		}
		if all[i].Rows = append(all[i].Rows, r); all[i].Said.String() != r.Said.String() {
			all[i].Said = coded.Text{}
		}
	}
	for i, same := range all {
		if len(same.Rows) > 1 {
			all[i].Every = v.everyOf(k, same.Rows[0], same.Rows[0].because())
		}
	}
	return all
}

// everyOf are the choices that may be made of all rows of a reason, or, without one, of a kind.
func (v *visit) everyOf(k kindOf, of row, because string) (all []everyChoice) {
	for _, choice := range v.mayChoose(k, of) {
		q := url.Values{"kind": {k.name}, "choice": {choice}, "every": {"true"}}
		if because != "" {
			q.Set("because", because)
		}
		all = append(all, everyChoice{k.name, choice, root + "bulk?" + q.Encode()})
	}
	return all
}
