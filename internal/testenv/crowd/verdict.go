package crowd

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// sides is everything that both sides hold at one moment.
type sides struct {
	contacts map[string]mapping.Contact
	links    map[string]linked // by contact
	holders  map[string]string // contacts by partner
	partners map[string]metakocka.Partner
	numbers  map[int][]string  // partners by the number in their names
	disputed map[string]string // contacts that have a conflict in the journal: of what
}

type linked struct {
	partner, status, reason string
	intent                  bool
	base                    string
}

// look reads both sides.
func (c *Crowd) look(ctx context.Context) (s sides, err error) {
	w := c.w
	s = sides{
		links: map[string]linked{}, holders: map[string]string{},
		partners: map[string]metakocka.Partner{}, numbers: map[int][]string{}, disputed: map[string]string{},
	}
	if s.contacts, err = c.table.all(ctx, w.DB); err != nil {
		return s, err
	}

	rows, err := w.DB.Query(ctx, `SELECT contact_id::text, coalesce(metakocka_id, ''), sync_status, coalesce(last_error, ''), intent IS NOT NULL, concat(base::text, '; keys ', held_keys::text, ', stored by ', xmin, ' at ', updated_at, ' for ', updated_by)
		FROM metakocka_contact_mappings`)
	if err != nil {
		return s, err
	}
	var id string
	var l linked
	_, err = pgx.ForEachRow(rows, []any{&id, &l.partner, &l.status, &l.reason, &l.intent, &l.base}, func() error {
		s.links[id] = l
		if l.status != string(store.StatusDeleted) {
			s.holders[l.partner] = id
		}
		return nil
	})
	if err != nil {
		return s, err
	}

	rows, err = w.DB.Query(ctx, `SELECT m.contact_id::text, c.field, coalesce(c.crm_value, ''), coalesce(c.base_partner, ''),
		coalesce(c.base_crm, ''), coalesce(c.partner_value, ''), c.rule || ' ' || coalesce(c.winner, '')
		FROM mksync_conflicts c JOIN metakocka_contact_mappings m ON m.id = c.link_id`)
	if err != nil {
		return s, err
	}
	var field, crm, base, baseCRM, partner, decided string
	_, err = pgx.ForEachRow(rows, []any{&id, &field, &crm, &base, &baseCRM, &partner, &decided}, func() error {
		// What never reached MetaKocka is replaced by an edit there, and in the journal.
		if mapping.Withheld(mapping.Field(field), crm, base).IsZero() {
			s.disputed[id] = fmt.Sprintf("%s was %q and %q, became %q and %q: %s", field, baseCRM, base, crm, partner, decided)
		}
		return nil
	})

	for _, p := range w.ERP.Partners() {
		s.partners[p.MKID] = p
		n := numberIn(p.Customer)
		s.numbers[n] = append(s.numbers[n], p.MKID)
	}
	return s, err
}

var someNumber = regexp.MustCompile(`\d+`)

// numberIn is the number of a person in its partner's name.
func numberIn(name string) int {
	n, _ := strconv.Atoi(someNumber.FindString(name))
	return n
}

// Verdict is what is wrong in the end.
type Verdict struct {
	Losses     []string // an edit or a contact that is not there
	Duplicates []string // a second partner or contact
	Unsettled  []string // what should come to rest

	Held, Partial int // as the data demands
	LeftOut       int // by the filter, to the end
}

// Err is nil where nothing is wrong.
func (v *Verdict) Err() error {
	all := append(append(append([]string(nil), v.Duplicates...), v.Losses...), v.Unsettled...)
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%d lost, %d doubled, %d unsettled: %s", len(v.Losses), len(v.Duplicates), len(v.Unsettled), Some(all))
}

// Some are the first of many, a line each.
func Some(all []string) string {
	text := ""
	for i, s := range all {
		if i == 6 {
			return text + fmt.Sprintf("\n  … and %d more", len(all)-i)
		}
		text += "\n  " + s
	}
	return text
}

// Judge compares what is with what must be.
func (c *Crowd) Judge(ctx context.Context) (v Verdict, err error) {
	s, err := c.look(ctx)
	if err != nil {
		return v, err
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hitch != nil {
		return v, c.hitch
	}

	for _, p := range c.people {
		switch {
		case p.kin == nil:
			c.person(&v, s, p)
		case p.kin.members[0] == p:
			c.kindred(&v, s, p.kin)
		}
	}

	seen := map[string]string{}
	for id, contact := range s.contacts {
		if other, double := seen[contact.Name]; double {
			v.Duplicates = append(v.Duplicates, fmt.Sprintf("contacts %s and %s are both %s", id, other, contact.Name))
		}
		seen[contact.Name] = id
	}
	return v, nil
}

func (c *Crowd) person(v *Verdict, s sides, p *citizen) {
	if partners := s.numbers[p.n]; len(partners) > 1 || p.never && len(partners) > 0 {
		v.Duplicates = append(v.Duplicates, fmt.Sprintf("%s has the partners %v", p.want.Name, partners))
	}

	id := p.id
	if id == "" {
		if id = s.holders[p.partner]; id == "" {
			v.Losses = append(v.Losses, fmt.Sprintf("partner %s (%s) was not imported", p.partner, p.want.Name))
			return
		}
	}

	l, isLinked := s.links[id]
	if l.intent && !p.out {
		v.Unsettled = append(v.Unsettled, fmt.Sprintf("contact %s (%s) has an intent", id, p.want.Name))
	}

	switch {
	case p.gone && isLinked && l.status != string(store.StatusDeleted):
		v.Losses = append(v.Losses, fmt.Sprintf("the deletion of contact %s (%s): its link is %s", id, p.want.Name, l.status))
	case p.gone:
	case p.out:
		c.leftAlone(v, s, p, l)
	case p.lost && l.status != string(store.StatusUnlinked):
		v.Losses = append(v.Losses, fmt.Sprintf("the deletion of partner %s (%s): its link is %s %s", l.partner, p.want.Name, l.status, l.reason))
	case p.lost:
	case l.partner == "":
		v.Unsettled = append(v.Unsettled, fmt.Sprintf("contact %s (%s) is %q %s", id, p.want.Name, l.status, l.reason))
	default:
		c.agreement(v, s, p, id, l)
	}

	if field := s.disputed[id]; field != "" && p.owner != ownerContested {
		v.Losses = append(v.Losses, fmt.Sprintf("contact %s (%s): a conflict, though one side alone edits: %s", id, p.want.Name, field))
	}
}

// agreement compares the two sides, and each with what it must hold.
func (c *Crowd) agreement(v *Verdict, s sides, p *citizen, id string, l linked) {
	crm, inCRM := s.contacts[id]
	at, inERP := s.partners[l.partner]
	if !inCRM || !inERP || numberIn(at.Customer) != p.n {
		v.Losses = append(v.Losses, fmt.Sprintf("%s: contact %s is there: %t; partner %s is there: %t, called %q", p.want.Name, id, inCRM, l.partner, inERP, at.Customer))
		return
	}

	erp, status := contactOf(at), store.StatusSynced
	for _, f := range mapping.Fields() {
		want := p.want.Get(f)
		if before, ok := p.unsendable[f]; p.owner == ownerContested || ok && before.holds(f, crm, erp) {
			want = crm.Get(f)
		}
		fits := mapping.Agree(f, crm, erp)
		if !mapping.Withheld(f, want, erp.Get(f)).IsZero() {
			status, fits = store.StatusPartial, p.owner == ownerContested || p.held(f, erp.Get(f))
		}
		if !fits || !mapping.Equal(f, want, crm.Get(f)) {
			v.Losses = append(v.Losses, fmt.Sprintf("contact %s (%s, partner %s, owner %d, %s): %s must be %q, the CRM has %q, MetaKocka has %q; its entries %+v %+v; base %s",
				id, p.want.Name, l.partner, p.owner, l.status, f, want, crm.Get(f), erp.Get(f), at.Contacts, at.Addresses, l.base))
		}
	}

	if liable := at.BusinessEntity && withLetters.MatchString(at.TaxIDNumber); at.Taxpayer != liable {
		v.Losses = append(v.Losses, fmt.Sprintf("partner %s (%s) with the number %q is liable for VAT: %t", l.partner, at.Customer, at.TaxIDNumber, at.Taxpayer))
	}

	if l.status != string(status) {
		v.Unsettled = append(v.Unsettled, fmt.Sprintf("contact %s (%s) is %q %s, not %s", id, p.want.Name, l.status, l.reason, status))
	}
	if status == store.StatusPartial {
		v.Partial++
	}
}

// withLetters is a tax number with the letters of its country before it.
var withLetters = regexp.MustCompile(`^(?i)(?:(?:SI|HR|DE|ATU|EL|GR|HU|GB|XI)[ -]?\d[\d ]*|CHE-\d{9}(?: MWST)?)$`)

// held reports whether a partner's value is one that the person had before, for it has
// one now that cannot be sent, or not whole: nothing else may take its place.
func (p *citizen) held(f mapping.Field, v string) bool {
	return holdsOneOf(f, append(slices.Clone(p.had[f]), p.want.Get(f), ""), v)
}

// holds reports whether the two hold what they held before.
func (a unsendable) holds(f mapping.Field, crm, erp mapping.Contact) bool {
	return mapping.Equal(f, a.crm, crm.Get(f)) && mapping.Equal(f, a.erp, erp.Get(f))
}

// holdsOneOf reports whether a partner's value is one of those; of an address the street,
// the city and the postal code may each be another's, for one that shows less leaves the
// rest as it is.
func holdsOneOf(f mapping.Field, had []string, v string) bool {
	whole := slices.ContainsFunc(had, func(h string) bool { return mapping.Equal(f, h, v) })
	if whole || f != mapping.FieldAddress {
		return whole
	}
	var all []mapping.Address
	for _, h := range had {
		all = append(all, mapping.ParseAddress(h))
	}
	for _, street := range all {
		for _, city := range all {
			for _, post := range all {
				mixed := mapping.Address{Street: street.Street, City: city.City, PostNumber: post.PostNumber}
				if mapping.Equal(f, mixed.String(), v) {
					return true
				}
			}
		}
	}
	return false
}

// Settled waits until everything is as it must be and returns how long that
// took. What a person would do where it takes long is done each third of the limit.
func Settled(t testing.TB, people *Crowd, limit time.Duration) (time.Duration, Verdict) {
	t.Helper()
	began, watch := time.Now(), waits.Start()
	for {
		v, err := people.Judge(t.Context())
		if err == nil {
			err = v.Err()
		}
		if err == nil {
			return time.Since(began), v
		}
		if watch.Elapsed() > limit {
			require.NoError(t, err, "not settled within %s", limit)
		}
		waits.Idle(t.Context(), 200*time.Millisecond)
	}
}

// Chronicled checks the history of all: replayed it gives what both sides hold.
func Chronicled(t testing.TB, people *Crowd) {
	t.Helper()
	w := people.w
	kept := w.Store()
	s, err := people.look(t.Context())
	require.NoError(t, err)
	var wrong []string
	for id := range s.links {
		contact, there := s.contacts[id]
		if !there {
			continue
		}
		if err := w.ChronicledAs(kept, id, func(string) mapping.Contact { return contact }); err != nil {
			text := fmt.Sprintf("%v; its link: %+v", err, s.links[id])
			for _, e := range w.History(kept, id) {
				text += fmt.Sprintf("\n    %+v", e)
			}
			wrong = append(wrong, text)
		}
	}
	require.Empty(t, wrong, "histories that do not give what both sides hold: %s", Some(wrong))
}

// Rowed checks that each write to a contact has its row, and no row tells of one that was
// not made, however a process ended.
func Rowed(t testing.TB, people *Crowd) {
	t.Helper()
	w := people.w
	written, told := w.Written(), w.Rowed()
	require.Equal(t, written.Contacts, told.Contacts, "writes to contacts, and rows that tell of them")
	require.Equal(t, len(w.ERP.Partners())+len(people.erased), told.Adds, "partners that were made, and rows that tell of them")
	require.LessOrEqual(t, told.Updates, written.Updates, "rows of updates that were not made")
}
