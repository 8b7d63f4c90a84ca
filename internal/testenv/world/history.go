package world

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// History is what the history says of a contact, newest first.
func (w *World) History(kept *pgstore.Store, id string) []store.Entry {
	w.T.Helper()
	entries, err := kept.History(w.T.Context(), store.HistoryQuery{ContactID: id})
	require.NoError(w.T, err)
	return entries
}

// Chronicled checks what the history says of a contact: replayed, it gives what both sides
// hold of each field, or where a side was edited and that was not carried over, what the two
// last agreed on.
func (w *World) Chronicled(kept *pgstore.Store, id string) error {
	w.T.Helper()
	return w.ChronicledAs(kept, id, w.Contact)
}

// ChronicledAs is Chronicled of a contact that is read in another way.
func (w *World) ChronicledAs(kept *pgstore.Store, id string, read func(id string) mapping.Contact) error {
	w.T.Helper()
	links, err := kept.Links(w.T.Context(), store.LinkQuery{ContactID: id})
	require.NoError(w.T, err)
	if len(links) == 0 || links[0].Base == nil || !links[0].Status.Alive() || links[0].MetaKockaID == "" {
		return nil
	}

	base := *links[0].Base
	contact := read(id)
	p, _ := w.ERP.Partner(links[0].MetaKockaID)
	partner := syncer.ContactOf(p)
	entries := w.History(kept, id)

	for _, f := range mapping.Fields() {
		fits := func(crm, metakocka string) bool {
			is := func(c, m string) bool { return mapping.Unedited(f, c, crm) && mapping.Unedited(f, m, metakocka) }
			return is(base.CRM.Get(f), base.Partner.Get(f)) || is(contact.Get(f), partner.Get(f))
		}
		if crm, metakocka, ok := replayed(entries, f, fits); !ok {
			return fmt.Errorf("%s of contact %s: the history says %q and %q; agreed on are %q and %q, and the sides hold %q and %q",
				f, id, crm, metakocka, base.CRM.Get(f), base.Partner.Get(f), contact.Get(f), partner.Get(f))
		}
	}
	return nil
}

// replayed is what the entries, newest first, say of a field. Where that does not fit, and
// the newest tells of what the two may never have agreed on, the next one is asked.
func replayed(entries []store.Entry, f mapping.Field, fits func(crm, metakocka string) bool) (crm, metakocka string, ok bool) {
	for _, e := range entries {
		v, named := e.Fields[f]
		whole := e.Act == store.ActLink || e.Act == store.ActCreate
		if !named && !whole {
			continue
		}
		crm, metakocka = e.After(f)
		if ok = fits(crm, metakocka); ok || !undecided(e, v) {
			return crm, metakocka, ok
		}
	}
	return "", "", fits("", "")
}

// undecided reports whether an entry may tell of a field what the two do not agree on: both
// sides' values wait for a person, or for the merge behind a link, or the side that was
// written took nothing of it.
func undecided(e store.Entry, v store.EntryField) bool {
	before := v.CRM
	if e.Side == mapping.SideMetaKocka {
		before = v.MetaKocka
	}
	return e.Act == store.ActPark || e.Act == store.ActLink || v.Sent != nil && *v.Written == before
}

// Rowed counts the writes that the history tells of, as Written does.
func (w *World) Rowed() Written {
	w.T.Helper()
	rows := func(where string) int { return w.Count("SELECT count(*) FROM mksync_history WHERE " + where) }
	return Written{
		Adds:     rows("side = 'metakocka' AND act = 'create'"),
		Updates:  rows("side = 'metakocka' AND act <> 'create'"),
		Contacts: rows("side = 'crm' AND act NOT IN ('merge', 'unmerge')"),
	}
}
