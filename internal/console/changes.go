package console

import (
	"net/url"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
)

// change is what an entry of the history tells of a field.
type change struct {
	Field    mapping.Field
	From, To string
	Written  bool // To was written; else it was so
	Scrubbed bool
}

// changes are those of an entry, in the order of the fields.
func changes(e operations.HistoryEntry) (all []change) {
	for _, f := range mapping.Fields() {
		v, named := e.Fields[f]
		if !named {
			continue
		}
		ch := change{Field: f, To: v.CRM, Scrubbed: v.Scrubbed}
		if e.Act == store.ActLink && v.CRM == "" {
			ch.To = v.MetaKocka
		}
		if v.Written != nil {
			ch.To = *v.Written
			ch.Written = e.Act != store.ActCreate
			ch.From = v.CRM
			if e.Side == mapping.SideMetaKocka {
				ch.From = v.MetaKocka
			}
		}
		all = append(all, ch)
	}
	return all
}

// contactPath is the page of a contact. Its id stands behind the question mark: an id may be
// any text, also one that is no part of a path.
func contactPath(id string) string { return root + "contact?id=" + url.QueryEscape(id) }
