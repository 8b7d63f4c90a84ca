package console

import (
	"context"
	"net/url"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// linkData is what linking a contact with a partner would do.
type linkData struct {
	ContactID, Name string
	PartnerID, Take string
	Preview         syncer.Preview
}

// linkPreview shows what a link would do. It writes nothing.
func linkPreview(ctx context.Context, v *visit) (view, error) {
	d := linkData{ContactID: v.r.FormValue("id"), PartnerID: v.r.FormValue("partner"), Take: v.r.FormValue("take")}
	linked, err := operations.OpLink.Ask(ctx, v.API, operations.LinkRequest{ContactID: d.ContactID, MetaKockaID: d.PartnerID, Take: syncer.Authority(d.Take), DryRun: true})
	if err != nil {
		return view{}, err
	}
	d.Preview = linked.Preview
	d.Name = v.called(ctx, d.ContactID)
	return view{Page: "link", Title: "console.link.title", Menu: "contacts", Name: d.Name, Data: d}, nil
}

func linkContact(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	request := operations.LinkRequest{ContactID: form.Get("id"), MetaKockaID: form.Get("partner"), Take: syncer.Authority(form.Get("take"))}
	done, err := operations.OpLink.Ask(ctx, v.API, request)
	if err != nil {
		return b, err
	}
	return linked("console.done.link", done.Outcome), nil
}

// linked says that a contact has its partner, and offers to part the two.
func linked(text string, done operations.Outcome) became {
	b := about(text, done.ContactID)
	b.Params = map[string]string{"partner": done.MetaKockaID}
	b.Undo = &button{Do: "unlink", Label: "console.do.unlink", Fields: map[string]string{"id": done.ContactID}}
	return b
}

// mergeData is what merging two contacts would do.
type mergeData struct {
	Merge         operations.Merge
	Loser, Winner string // what they are called
}

// mergePreview shows what a merge would do. It writes nothing.
func mergePreview(ctx context.Context, v *visit) (view, error) {
	request := operations.MergeRequest{LoserContactID: v.r.FormValue("loser"), WinnerContactID: v.r.FormValue("winner"), DryRun: true}
	m, err := operations.OpMerge.Ask(ctx, v.API, request)
	if err != nil {
		return view{}, err
	}
	d := mergeData{Merge: m, Loser: v.called(ctx, m.LoserContactID), Winner: v.called(ctx, m.WinnerContactID)}
	return view{Page: "merge", Title: "console.merge.title", Menu: "duplicates", Data: d}, nil
}

func mergeContacts(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	loser := v.called(ctx, form.Get("loser")) // who is gone afterwards
	m, err := operations.OpMerge.Ask(ctx, v.API, operations.MergeRequest{LoserContactID: form.Get("loser"), WinnerContactID: form.Get("winner")})
	if err != nil {
		return b, err
	}
	b = about("console.done.merge", m.WinnerContactID)
	b.Contacts["loser"] = m.LoserContactID
	b.said = map[string]string{"loser": loser}
	b.Lines = noted(m)
	if m.Status == store.MergeDone {
		b.Undo = &button{Do: "merge-undo", Label: "console.do.undo", Fields: map[string]string{"id": m.ID}}
	}
	return b, nil
}

// noted is what is not as it should be after a merge; nil: nothing.
func noted(m operations.Merge) []remark {
	if m.Note == "" {
		return nil
	}
	return []remark{{said: coded.Told(m.Note, m.Said)}}
}

func undoMerge(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	m, err := operations.OpUndoMerge.Ask(ctx, v.API, operations.EntryRequest{ID: form.Get("id")})
	if err != nil {
		return b, err
	}
	b = about("console.done.merge_undone", m.WinnerContactID)
	b.Contacts["loser"] = m.LoserContactID
	b.Lines = noted(m)
	return b, nil
}

func leaveOut(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	out, err := operations.OpLeaveOut.Ask(ctx, v.API, operations.LeaveOutRequest{ContactID: form.Get("id"), Reason: form.Get("reason")})
	if err != nil {
		return b, err
	}
	b = about("console.done.left_out", out.ContactID)
	b.Undo = &button{Do: "take-in", Label: "console.do.undo", Fields: map[string]string{"id": out.ContactID}}
	return b, nil
}

func takeIn(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	done, err := operations.OpTakeIn.Ask(ctx, v.API, operations.TakeInRequest{ContactID: form.Get("id")})
	if err != nil {
		return b, err
	}
	return about("console.done.taken_in", done.ContactID), nil
}
