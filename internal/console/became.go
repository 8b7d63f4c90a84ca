package console

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// became is what became of a form, in codes and ids: the process that did it says it, and
// every other one to which the same form is sent. What is kept for those holds no value of a
// contact; names and values are looked up where they are said.
type became struct {
	ID       string            `json:"id"`                 // of the text
	Params   map[string]string `json:"params,omitempty"`   // of the text: ids
	Contacts map[string]string `json:"contacts,omitempty"` // parameters that are names, by the contacts' ids
	Partners map[string]string `json:"partners,omitempty"` // likewise
	Field    mapping.Field     `json:"field,omitempty"`    // the parameter "field"
	Holder   string            `json:"holder,omitempty"`   // the contact that holds the parameter "value" in it
	N        int               `json:"n,omitempty"`        // of a text that counts
	Counts   bool              `json:"counts,omitempty"`
	Failed   bool              `json:"failed,omitempty"`
	Lines    []remark          `json:"lines,omitempty"`
	Undo     *button           `json:"undo,omitempty"`
	To       string            `json:"to,omitempty"` // the page that shows what goes on; "": the one that the form came from

	said map[string]string // parameters that were known when it was done, and are not kept
}

// remark is one of those that say more.
type remark struct {
	Contact string        `json:"contact,omitempty"` // whose it is, said before it
	Partner string        `json:"partner,omitempty"` // where it is no contact's
	Refused coded.Text    `json:"refused,omitzero"`
	Left    syncer.Reason `json:"left,omitzero"`    // why a write was not taken back
	Stands  string        `json:"stands,omitempty"` // the contact whose mapping has the words

	said coded.Text // a note's, which is not kept: MetaKocka may have quoted a value
}

// about is what became of one contact.
func about(id, contactID string) became {
	return became{ID: id, Contacts: map[string]string{"name": contactID}}
}

// undoMany lets all of them be taken back at once, as long as a cookie can hold them.
func (b *became) undoMany(do string, ids []string) {
	if len(ids) > 0 && len(ids) <= mostUndoable {
		b.Undo = &button{Do: do, Label: "console.do.undo", Fields: map[string]string{"id": strings.Join(ids, ",")}}
	}
}

// undoes are the ids that its undo takes back by one action.
func (b became) undoes(do string) []string {
	if b.Undo == nil || b.Undo.Do != do {
		return nil
	}
	return []string{b.Undo.Fields["id"]}
}

// refusal is what became of a form that was refused.
func (c *Console) refusal(r *http.Request, err error) became {
	_, p := c.explain(r, err)
	b := became{ID: p.ID, Failed: true}
	if !p.Reason.IsZero() {
		b.Lines = []remark{{Refused: p.Reason}}
	}
	return b
}

// notice says it to whoever visits.
func (v *visit) notice(ctx context.Context, b became) notice {
	n := notice{ID: b.ID, Params: map[string]string{}, N: b.N, Counts: b.Counts, Failed: b.Failed, Undo: b.Undo, To: b.To}
	called := v.whoever(ctx, b)

	maps.Copy(n.Params, b.Params)
	for name, id := range b.Contacts {
		n.Params[name] = called.Contact(id)
	}
	for name, id := range b.Partners {
		n.Params[name] = called.Partner(id)
	}
	if b.Field != "" {
		n.Params["field"] = v.lang.Field(b.Field)
	}

	maps.Copy(n.Params, b.said)
	if b.Holder != "" {
		n.Params["value"] = v.value(ctx, b)
	}

	for _, l := range b.Lines {
		if words := v.words(ctx, l); words != "" {
			n.Words = append(n.Words, called.before(l)+words)
		}
	}
	return n
}

// whoever asks for the names of all whom it is about. Where they are not to be had, it is
// said with their ids.
func (v *visit) whoever(ctx context.Context, b became) names {
	contacts := slices.Collect(maps.Values(b.Contacts))
	partners := slices.Collect(maps.Values(b.Partners))
	for _, l := range b.Lines {
		contacts = append(contacts, l.Contact)
		partners = append(partners, l.Partner)
	}
	if len(contacts)+len(partners) == 0 {
		return names{}
	}
	called, _ := v.names(ctx, contacts, partners)
	return called
}

// before is whose line it is.
func (n names) before(l remark) string {
	switch {
	case l.Contact != "":
		return n.Contact(l.Contact) + ": "
	case l.Partner != "":
		return n.Partner(l.Partner) + ": "
	}
	return ""
}

// value is what the field holds.
func (v *visit) value(ctx context.Context, b became) string {
	value, known := b.said["value"]
	if !known {
		why, err := operations.OpWhy.Ask(ctx, v.API, operations.WhyRequest{ContactID: b.Holder, Field: b.Field})
		if err == nil && len(why.Fields) > 0 {
			value = why.Fields[0].CRM
		}
	}
	if value == "" {
		return v.lang.Text("console.value.none")
	}
	return value
}

// words are a line's; "": there are none any more.
func (v *visit) words(ctx context.Context, l remark) string {
	switch {
	case !l.Refused.IsZero():
		return v.lang.Said(l.Refused)
	case l.Left.Code != "":
		return v.lang.Sentence(l.Left, v.Zone)
	case l.said.IsZero() && l.Stands != "":
		why, err := operations.OpWhy.Ask(ctx, v.API, operations.WhyRequest{ContactID: l.Stands})
		if err != nil {
			return ""
		}
		l.said = coded.Told(why.Stands.Words, why.Stands.Said)
	}
	return v.lang.Said(l.said)
}

// keep lets other processes know what became of a form.
func (c *Console) keep(ctx context.Context, form string, b became) {
	text, err := json.Marshal(b)
	if err == nil {
		saving, cancel := syncer.Saving(ctx)
		defer cancel()
		err = c.Used.Keep(saving, form, text)
	}
	if err != nil {
		c.Log.Warn("keep what became of a form", "error", err)
	}
}

// elsewhere is what became of a form that another process does, or that it is under way.
func (v *visit) elsewhere(ctx context.Context, form string, since time.Time) notice {
	text, err := v.Used.Kept(ctx, form)
	var b became
	switch {
	case err == nil && text != nil && json.Unmarshal(text, &b) == nil:
		return v.notice(ctx, b)
	case time.Since(since) < longest:
		return notice{ID: "console.done.under_way", Form: form, Since: since.Unix()}
	}
	return notice{ID: "console.problem.sent", Failed: true}
}

// withoutValues is why a write was not taken back, as it may be kept.
func withoutValues(why syncer.Reason) syncer.Reason {
	if why.Code == syncer.UndoWithheld {
		why.Code = syncer.UndoUnsendable
	}
	why.Value = ""
	why.Given = ""
	why.CRM = ""
	why.MetaKocka = ""
	return why
}

// refusedAs is one of somebody of whom an operation was refused.
func refusedAs(err error) remark { return remark{Refused: syncer.AsRequestError(err).Reason} }
