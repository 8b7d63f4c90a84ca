package console

import (
	"context"
	"net/url"
	"strings"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// First matches that wait for a person's approval, before which nothing is written.

func listReviews(ctx context.Context, v *visit, p operations.Page) (operations.List[row], error) {
	found, err := operations.OpReview.Ask(ctx, v.API, operations.ReviewRequest{Page: p})
	return oldestFirst(rowsOf(operations.List[operations.FirstMatch]{Items: found.Items, Next: found.Next}, err, reviewRow))
}

// What a review's row is called by: of a contact or a partner, and the version that was
// shown. Many that are chosen are approved as they were shown, or not at all.
const (
	ofContact = "contact:"
	ofPartner = "partner:"
)

func reviewID(m operations.FirstMatch) string {
	if m.ContactID == "" {
		return ofPartner + m.MetaKockaID + ":" + m.Version
	}
	return ofContact + m.ContactID + ":" + m.Version
}

// findReview finds a first match by its row, or by its contact.
func findReview(ctx context.Context, v *visit, id string) (row, error) {
	r, version := operations.ReviewRequest{ContactID: id}, ""
	if i := strings.LastIndex(id, ":"); i > 0 {
		if contact, is := strings.CutPrefix(id[:i], ofContact); is {
			r, version = operations.ReviewRequest{ContactID: contact}, id[i+1:]
		} else if partner, is := strings.CutPrefix(id[:i], ofPartner); is {
			r, version = operations.ReviewRequest{MetaKockaID: partner}, id[i+1:]
		}
	}
	found, err := operations.OpReview.Ask(ctx, v.API, r)
	switch {
	case err != nil || len(found.Items) == 0:
		return row{}, syncer.OrNotFound(err, "review.none", "first match {id} does not wait any more", id)
	case version != "" && found.Items[0].Version != version:
		return row{}, syncer.Refuse(syncer.CodeConflict, "review.changed", "first match {id} is another since it was shown", id)
	}
	return reviewRow(found.Items[0]), nil
}

// reviewRow has a button for what is proposed, for each other partner that the contact may be,
// and for a new one.
func reviewRow(m operations.FirstMatch) row {
	r := row{
		Kind: "review", ID: reviewID(m), ContactID: m.ContactID, PartnerID: m.MetaKockaID, Since: m.Since, Does: m.Does,
		Match: &operations.UnclearMatch{ContactID: m.ContactID, Name: m.Name, Values: m.Values, Candidates: m.Candidates},
	}
	approve := button{Do: "approve", Label: "console.do.approve_match." + string(m.Does), First: true, Fields: map[string]string{"contact": m.ContactID, "version": m.Version}}
	if m.ContactID == "" {
		approve.Fields["partner"] = m.MetaKockaID
		r.Buttons = []choice{{"approve", approve}}
		return r
	}

	var others []choice
	for _, c := range m.Candidates {
		switch {
		case c.MetaKockaID != "" && c.MetaKockaID == m.MetaKockaID:
			approve.Value = called(c)
		case c.MetaKockaID != "" && c.LinkedWith == "":
			b := button{Do: "link", Label: "console.do.link", Value: called(c), Fields: map[string]string{"id": m.ContactID, "partner": c.MetaKockaID}}
			others = append(others, choice{"partner " + c.MetaKockaID, b})
		}
	}
	r.Buttons = append([]choice{{"approve", approve}}, others...)
	if m.Does == store.ProposeLink {
		r.Buttons = append(r.Buttons, choice{"new", button{Do: "make-new", Label: "console.do.make_new", Fields: map[string]string{"id": m.ContactID}}})
	}
	return r
}

// approveMatch lets one first match go on, as it was shown.
func approveMatch(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	request := operations.ApproveRequest{ContactID: form.Get("contact"), MetaKockaID: form.Get("partner"), Version: form.Get("version")}
	done, err := operations.OpApprove.Ask(ctx, v.API, request)
	if err != nil {
		return b, err
	}
	return linked("console.done.approved", done), nil
}

// approveAll lets all go on that were shown, as a job.
func approveAll(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	_, err = operations.OpStartApproveAll.Ask(ctx, v.API, operations.ApproveAllRequest{AsOf: form.Get("asof"), Does: store.Proposed(form.Get("does"))})
	return became{ID: "console.done.job_begun"}, err
}

// firstMatchData is what of the first matches waits: of one that would be done, or of all.
type firstMatchData struct {
	Of     string // link, create, import, unclear; "": all that wait for approval
	Rows   []row
	Next   string
	Counts counts
	Tiles  []tile
	// All is the button that approves all that are shown; no Do: there are none.
	All button
}

func (d firstMatchData) waiting() int { return d.Counts.Total() }

// tile is how many there are of one thing that a first match would do.
type tile struct {
	Of    string
	Count int
}

// firstMatch shows the first matches that wait, each contact beside those it may be.
func firstMatch(ctx context.Context, v *visit) (view, error) {
	s, err := v.status(ctx)
	if err != nil {
		return view{}, err
	}
	d := firstMatchData{Of: v.r.FormValue("of"), Counts: waitingOf(s)}

	r := operations.ReviewRequest{Does: store.Proposed(d.Of), Page: operations.Page{After: v.r.FormValue("after"), Limit: someRows}}
	if d.Of == "unclear" {
		r = operations.ReviewRequest{Page: operations.Page{Limit: 1}}
	}
	found, err := operations.OpReview.Ask(ctx, v.API, r)
	if err != nil {
		return view{}, err
	}
	all := 0
	for _, does := range store.AllProposed() {
		d.Tiles = append(d.Tiles, tile{string(does), found.Counts[does]})
		all += found.Counts[does]
	}
	d.Tiles = append(d.Tiles, tile{"unclear", d.Counts.Matches})
	d.Counts.Reviews = all

	if d.Of == "" && all == 0 { // nothing has to be approved
		d.Of = "unclear"
	}
	if d.Of == "unclear" {
		return d.unclear(ctx, v)
	}
	for _, m := range found.Items {
		d.Rows = append(d.Rows, reviewRow(m))
	}
	if found.Next != "" {
		d.Next = next("first-match", v.r.Form, found.Next)
	}
	d.All = button{Do: "approve-all", Label: "console.review.approve_all", Fields: map[string]string{"asof": found.AsOf, "does": d.Of}}
	return view{Page: "first-match", Title: "console.menu.first_match", Data: d}, v.name(ctx, d.Rows)
}

// unclear shows those of whom a person has to say who they are.
func (d firstMatchData) unclear(ctx context.Context, v *visit) (view, error) {
	g, err := v.group(ctx, kindNamed("match"), operations.Page{After: v.r.FormValue("after"), Limit: someRows})
	if d.Rows = g.Rows; g.Next != "" {
		d.Next = next("first-match", v.r.Form, g.Rows[len(g.Rows)-1].ContactID)
	}
	return view{Page: "first-match", Title: "console.menu.first_match", Data: d}, err
}

// Count is how many there are of what is shown.
func (d firstMatchData) Count() (n int) {
	for _, t := range d.Tiles {
		if t.Of == d.Of || d.Of == "" && t.Of != "unclear" {
			n += t.Count
		}
	}
	return n
}

// Later is the page that begins behind a row: what is decided later is left as it is.
func (d firstMatchData) Later(r row) string {
	after := ofContact[:len(ofContact)-1] + " " + r.ContactID
	switch {
	case r.Kind != "review":
		after = r.ContactID
	case r.ContactID == "":
		after = ofPartner[:len(ofPartner)-1] + " " + r.PartnerID
	}
	return root + "first-match?" + url.Values{"of": {d.Of}, "after": {after}}.Encode()
}
