package crowd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// Writes counts the calls that arrived at MetaKocka and write a partner: by
// the partner's id, or by the name of one that is to be made.
type Writes struct {
	erp *sim.Server

	mu sync.Mutex
	of map[string]*written
}

// written is what was written of one partner.
type written struct {
	calls   []sim.Call
	arrived int               // calls that are no second half
	spoilt  int               // the ERP gave no answer, or did nothing
	again   int               // the same as the one before
	last    string            // the newest, where it was not spoilt
	sent    map[string]string // what that sent, by attribute
}

// WatchWrites counts the writes from now on.
func WatchWrites(erp *sim.Server) *Writes {
	w := &Writes{erp: erp, of: map[string]*written{}}
	erp.OnCall(w.note)
	return w
}

// note counts a call that writes.
func (w *Writes) note(c sim.Call) {
	if c.Endpoint != metakocka.EndpointAdd && c.Endpoint != metakocka.EndpointUpdate {
		return
	}

	var args struct {
		Partner struct {
			ID       string `json:"mk_id"`
			Customer string `json:"customer"`
		} `json:"partner"`
	}
	_ = json.Unmarshal(c.Arguments, &args) // what has neither is counted together
	who := args.Partner.ID
	if c.Endpoint == metakocka.EndpointAdd {
		who = args.Partner.Customer
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of[who] == nil {
		w.of[who] = &written{}
	}
	w.of[who].note(c, c.Fault != sim.NoFault || w.erp.Faults().Down)
}

// note counts a call. One with the remove marker is the second half of the write right
// before it, where that was to empty all that it marks: a whole value, or a part of an
// address.
func (w *written) note(c sim.Call, spoilt bool) {
	text, sent := string(c.Arguments), textsOf(c)
	if !w.half(sent) {
		w.arrived++
	}
	if text == w.last {
		w.again++
	}

	w.calls = append(w.calls, c)
	w.last = text
	w.sent = sent
	if spoilt {
		w.spoilt++
		w.last = ""
		w.sent = nil
	}
}

// half tells whether a call that sends texts follows on the newest, to empty what that did
// not.
func (w *written) half(texts map[string]string) bool {
	marks := false
	for attribute, text := range texts {
		if text != metakocka.RemoveValue {
			continue
		}
		marks = true
		if before, sent := w.sent[attribute]; !sent || before != "" {
			return false
		}
	}
	return marks
}

// textsOf are the texts that a call sends, by attribute; there is one entry of each kind.
func textsOf(c sim.Call) map[string]string {
	texts := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case string:
			texts[path] = v
		case []any:
			for _, entry := range v {
				walk(path, entry)
			}
		case map[string]any:
			for key, value := range v {
				walk(path+"."+key, value)
			}
		}
	}
	var args any
	_ = json.Unmarshal(c.Arguments, &args) // it was one of the simulator's
	walk("", args)
	return texts
}

// Failed counts the writes that the ERP itself made fail.
func (w *Writes) Failed() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, of := range w.of {
		n += of.spoilt
	}
	return n
}

// InExcess are the writes that there were, of all persons' partners, beyond one for each edit
// of the person in the CRM and one for each that the ERP spoilt, with what led to each; none
// for what was edited of who is left out. One person's idle edits do not make up for
// another's writes. A write that repeats the one before is always too many, but for contested
// persons, whom the ERP's users edit back.
func (w *Writes) InExcess(t testing.TB, people *Crowd) (all []string) {
	t.Helper()
	s, err := people.look(t.Context())
	require.NoError(t, err)
	numbers := people.numbers(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	people.mu.Lock()
	defer people.mu.Unlock()

	spare, again := map[int]int{}, map[int]int{}
	for who, of := range w.of {
		number, known := numbers[who]
		if !known {
			number = numberIn(who)
		}
		spare[number] += of.spoilt - of.arrived
		if !people.contested(number) {
			again[number] += of.again
		}
	}

	// A write that is both, beyond the edits and the same as the one before, counts once.
	for _, p := range people.people {
		beyond := -(spare[p.n] + p.edits - p.unsent)
		for i := range max(beyond, again[p.n]) {
			text := fmt.Sprintf("a write of %s (owner %d): %d more than its %d edits and %d edits unsent allow, %d the same as the one before",
				p.want.Name, p.owner, beyond, p.edits, p.unsent, again[p.n])
			if i == 0 {
				text += w.trail(t, people.w, p, numbers)
			}
			all = append(all, text)
		}
	}
	for range max(-spare[0], again[0]) {
		all = append(all, "a write of nobody")
	}
	return all
}

// trail is what MetaKocka was sent of a person, and what the history says why, a line each.
func (w *Writes) trail(t testing.TB, of *world.World, p *citizen, numbers map[string]int) string {
	t.Helper()
	type line struct {
		at   time.Time
		text string
	}
	var lines []line
	var partners []string
	for who, written := range w.of {
		if n, known := numbers[who]; n != p.n && (known || numberIn(who) != p.n) {
			continue
		}
		partners = append(partners, who)
		for _, c := range written.calls {
			lines = append(lines, line{c.Time, fmt.Sprintf("%s %s %s", c.Endpoint, c.Fault, c.Arguments)})
		}
	}

	rows, err := of.DB.Query(t.Context(), `SELECT at, concat_ws(' ', 'history:', act, side, cause, event_id, changed_at, fields)
		FROM mksync_history WHERE contact_id::text = $1 OR metakocka_id = ANY($2) ORDER BY id`, p.id, partners)
	require.NoError(t, err)
	var row line
	_, err = pgx.ForEachRow(rows, []any{&row.at, &row.text}, func() error {
		lines = append(lines, row)
		return nil
	})
	require.NoError(t, err)

	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	var trail strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&trail, "\n    %s %s", l.at.UTC().Format("15:04:05.000"), l.text)
	}
	return trail.String()
}

// contested is whether both sides edit the same of a person.
func (c *Crowd) contested(number int) bool {
	return number < 1 || number > len(c.people) || c.people[number-1].owner == ownerContested
}

// numbers are the persons' numbers by their partners' ids.
func (c *Crowd) numbers(s sides) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	numbers := map[string]int{}
	for _, p := range c.people {
		if l := s.links[p.id]; p.id != "" && l.partner != "" {
			numbers[l.partner] = p.n
		}
	}
	for id, p := range s.partners {
		numbers[id] = numberIn(p.Customer)
	}
	return numbers
}
