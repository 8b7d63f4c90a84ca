package syncer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// Matching a contact with partners that are there already: by tax number, then
// by e-mail. Exactly one candidate links; several, or one that another contact
// holds, wait for a person. Nothing is ever guessed (invariant 4).

// first finds the partner of a contact that has none, or makes it.
func (k *task) first(ctx context.Context) error {
	if err := mapping.Validate(k.outgoing()).Err(); err != nil {
		return k.reject(ctx, err.Error())
	}
	candidates, err := k.candidates(ctx)
	if err != nil {
		return err
	}
	match, held := choose(*k.st.Contact, candidates)
	switch {
	case held != "":
		return k.settle(ctx, mapping.StatusHeld, held, mapping.Change{})
	case match == nil:
		return k.create(ctx)
	}
	return k.claim(ctx, *match, mapping.Base{})
}

// claim links the contact with a partner and merges the two.
func (k *task) claim(ctx context.Context, p metakocka.Partner, base mapping.Base) error {
	k.link.MetaKockaID, k.link.Intent, k.link.Base = p.MKID, nil, &base
	k.link.Status, k.link.LastError = mapping.StatusPending, ""
	err := k.save(ctx, mapping.Change{})
	if isTaken(err) {
		k.link.MetaKockaID, k.link.Base = "", nil
		return k.settle(ctx, mapping.StatusHeld, k.takenBy(ctx, p), mapping.Change{})
	}
	if err != nil {
		return err
	}
	return k.update(ctx)
}

// takenBy says who holds a partner that this contact matches.
func (k *task) takenBy(ctx context.Context, p metakocka.Partner) string {
	holders, err := k.links.Holders(ctx, []string{p.MKID})
	if err != nil || holders[p.MKID] == "" {
		return fmt.Sprintf("matches partner %s, which another contact is linked with: merge the two contacts", p.MKID)
	}
	return fmt.Sprintf("matches partner %s, which contact %s is linked with: merge the two contacts, or give them different tax numbers and e-mails", p.MKID, holders[p.MKID])
}

// candidates are the partners that may be this contact's. MetaKocka is asked,
// but may find a key only as it is written there; a partner that was seen with
// the same key, written otherwise, is asked for by id. Of many contacts none is
// asked for: they are matched with the partners as last seen.
func (k *task) candidates(ctx context.Context) ([]metakocka.Partner, error) {
	seen, err := k.candidatesSeen(ctx)
	if err != nil || k.t.FromSnapshot && !k.st.SweptAt.IsZero() {
		return seen, err
	}
	found, err := k.search(ctx, keyQueries(*k.st.Contact))
	if err != nil {
		return nil, err
	}
	for _, p := range seen {
		if slices.ContainsFunc(found, func(f metakocka.Partner) bool { return f.MKID == p.MKID }) {
			continue
		}
		p, err := k.erp.Get(ctx, p.MKID)
		switch {
		case err == nil:
			found = append(found, p)
		case !errors.Is(err, metakocka.ErrNotFound):
			return nil, aboutAll(err)
		}
	}
	return found, nil
}

// candidatesSeen are the candidates as last seen.
func (k *task) candidatesSeen(ctx context.Context) ([]metakocka.Partner, error) {
	c := *k.st.Contact
	tax, email := mapping.Canonical(mapping.FieldTaxNumber, c.TaxNumber), mapping.Canonical(mapping.FieldEmail, c.Email)
	seen, err := k.links.MatchObserved(ctx, tax, email)
	if err != nil {
		return nil, err
	}
	partners := make([]metakocka.Partner, len(seen))
	for i := range seen {
		if err := json.Unmarshal(seen[i].Data, &partners[i]); err != nil {
			return nil, fmt.Errorf("read partner %s as last seen: %w", seen[i].MetaKockaID, err)
		}
	}
	return partners, nil
}

// keyQueries ask for a contact's keys; the tax number in both written forms,
// because MetaKocka may know it by either.
func keyQueries(c mapping.Contact) []metakocka.Query {
	var queries []metakocka.Query
	for _, form := range mapping.TaxForms(c.TaxNumber) {
		queries = append(queries, metakocka.Query{TaxNumber: form})
	}
	if c.Email != "" {
		queries = append(queries, metakocka.Query{Email: c.Email})
	}
	return queries
}

// search joins the answers to several queries, each partner once.
func (k *task) search(ctx context.Context, queries []metakocka.Query) ([]metakocka.Partner, error) {
	var partners []metakocka.Partner
	seen := map[string]bool{}
	for _, q := range queries {
		found, err := k.erp.Find(ctx, q)
		if err != nil {
			return nil, aboutAll(err)
		}
		for _, p := range found.Partners {
			if !seen[p.MKID] {
				seen[p.MKID] = true
				partners = append(partners, p)
			}
		}
	}
	return partners, nil
}

// choose applies the rules of the first match. held says why a person must
// decide; neither: there is no such partner.
func choose(c mapping.Contact, candidates []metakocka.Partner) (match *metakocka.Partner, held string) {
	key := "tax number"
	matches := filter(candidates, func(p metakocka.Partner) bool { return sameTax(c, p) })
	if len(matches) == 0 {
		key = "e-mail"
		matches = filter(candidates, func(p metakocka.Partner) bool { return anyEmail(c, p) && !otherTax(c, p) })
	}
	switch {
	case len(matches) == 0:
		return nil, ""
	case len(matches) > 1:
		return nil, fmt.Sprintf("several partners have its %s (%s): which one is it?", key, ids(matches))
	case key == "e-mail" && !mapping.Equal(mapping.FieldEmail, c.Email, view(matches[0]).Email):
		return nil, fmt.Sprintf("its e-mail is that of a further contact person of partner %s: is it that partner?", matches[0].MKID)
	}
	return &matches[0], ""
}

func sameTax(c mapping.Contact, p metakocka.Partner) bool {
	return c.TaxNumber != "" && mapping.Equal(mapping.FieldTaxNumber, c.TaxNumber, p.TaxIDNumber)
}

func otherTax(c mapping.Contact, p metakocka.Partner) bool {
	return c.TaxNumber != "" && p.TaxIDNumber != "" && !sameTax(c, p)
}

func anyEmail(c mapping.Contact, p metakocka.Partner) bool {
	for _, entry := range p.Contacts {
		if c.Email != "" && mapping.Equal(mapping.FieldEmail, c.Email, entry.Email) {
			return true
		}
	}
	return false
}

func filter(partners []metakocka.Partner, keep func(metakocka.Partner) bool) []metakocka.Partner {
	var kept []metakocka.Partner
	for _, p := range partners {
		if keep(p) {
			kept = append(kept, p)
		}
	}
	return kept
}

func ids(partners []metakocka.Partner) string {
	s := ""
	for i, p := range partners {
		if i > 0 {
			s += ", "
		}
		s += p.MKID
	}
	return s
}
