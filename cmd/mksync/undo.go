package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/syncer/operations"
)

// newUndoCommand takes writes back.
func newUndoCommand(app *cliEnv) *cobra.Command {
	var asJSON, yes bool
	var since, until, to string
	var r operations.UndoRequest

	cmd := &cobra.Command{
		Use:   "undo HISTORY_ID… | --contact ID --to TIME | --job ID | --since TIME --until TIME",
		Short: "Take writes of mksync back where nobody has changed the value since",
		Long: "Take writes back: both sides hold again what was there before them, where both still hold what was\n" +
			"written. The rest is listed with the reason. On a terminal it is shown and asked for first, unless --yes.\n" +
			"Writes of several contacts are taken back by a job: it is waited for, and Ctrl-C ends the waiting alone.\n" +
			"What is done is in the history as well, and can be undone by the ids that are printed.",
		Example: "  mksync undo 1201 1202\n  mksync undo --contact 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10 --to \"2026-08-31 14:00\" --dry-run\n" +
			"  mksync undo --side crm --since \"2026-08-31 10:00\" --until \"2026-08-31 10:20\"",
		Args: func(_ *cobra.Command, args []string) error { return undone(&r, args, since, until, to) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error { return app.undo(cmd, api, r, yes, asJSON) })
		},
	}

	cmd.Flags().StringVar(&r.ContactID, "contact", "", "only of this contact; with --to: which is to be as it was")
	cmd.Flags().StringVar(&to, "to", "", "the time that the contact is taken back to")
	chosenWrites(cmd, &since, &until, &r.By, &r.Side, &r.Job)
	cmd.Flags().BoolVar(&r.DryRun, "dry-run", false, "print what would be taken back, write nothing")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// undone reads what is to be undone.
func undone(r *operations.UndoRequest, ids []string, since, until, to string) error {
	if err := window(&r.Since, &r.Until, since, until); err != nil {
		return err
	}
	at, err := readTime(to, time.Now())
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if !at.IsZero() {
		r.To = at.Format(time.RFC3339Nano)
	}
	if len(ids) == 0 && r.To == "" && r.Job == "" && r.Since == "" && r.Until == "" {
		return errors.New("name the writes by their ids (mksync history), or say --contact with --to, --job, or --since with --until")
	}
	r.IDs = ids
	r.AskedBy = operator()
	return nil
}

func (app *cliEnv) undo(cmd *cobra.Command, api operations.Answerer, r operations.UndoRequest, yes, asJSON bool) error {
	if !r.DryRun && !yes && app.asks() {
		preview := r
		preview.DryRun = true
		res, err := operations.OpUndo.Ask(cmd.Context(), api, preview)
		if err != nil {
			return err
		}

		if err := app.showUndone(res, false); err != nil || res.Undone == 0 && res.Next == "" {
			return err
		}
		if res.Next != "" {
			app.note(fmt.Sprintf("these are the first of %d contacts: --dry-run lists all", res.Contacts))
		}
		if err := app.confirm(cmd.Context(), "Take them back?", "nothing was taken back"); err != nil {
			return err
		}
	}

	ask := operations.OpUndo.Ask
	if r.DryRun {
		ask = wholePreview
	}
	res, err := ask(cmd.Context(), api, r)
	switch {
	case err != nil:
		return err
	case res.Job != "":
		return app.undoJob(cmd.Context(), api, res.Job, asJSON)
	}
	return app.showUndone(res, asJSON)
}

// wholePreview asks for all pages of a dry run.
func wholePreview(ctx context.Context, api operations.Answerer, r operations.UndoRequest) (whole operations.UndoResult, err error) {
	items, err := collect(func(p operations.Page) (l operations.List[operations.Undone], err error) {
		r.After = p.After
		r.Limit = min(p.Limit, previewedAtOnce)
		res, err := operations.OpUndo.Ask(ctx, api, r)
		if err != nil {
			return l, err
		}
		res.Undone += whole.Undone
		res.Left += whole.Left
		whole = res
		return operations.List[operations.Undone]{Items: res.Items, Next: res.Next}, nil
	})
	whole.Items = items
	whole.Next = ""
	return whole, err
}

// previewedAtOnce is how many contacts a page of a preview has: each is read in MetaKocka.
const previewedAtOnce = 50

// undoJob waits for the job that takes writes of several contacts back. Where no service
// runs it is worked on here.
func (app *cliEnv) undoJob(ctx context.Context, api operations.Answerer, id string, asJSON bool) error {
	working, stop := context.WithCancel(ctx)
	defer stop()
	var g errgroup.Group
	own, here := api.(*operations.API)
	if here {
		g.Go(func() error { return own.WorkOff(working, id) })
	}

	err := app.watchJob(ctx, api, id, asJSON)
	stop()
	if failed := g.Wait(); err == nil && !errors.Is(failed, context.Canceled) {
		err = failed
	}

	if here && ctx.Err() != nil {
		app.note("no service is running: one that is started does the rest")
	}
	if ctx.Err() == nil && !asJSON {
		err = errors.Join(err, app.showStaying(ctx, api, id))
	}
	app.note("to have it as it was: mksync undo --job " + id)
	return err
}

func (app *cliEnv) showUndone(res operations.UndoResult, asJSON bool) error {
	if asJSON {
		return app.printJSON(res)
	}
	if err := printLines(app, "there is nothing to undo", res.Items, undoneLine); err != nil {
		return err
	}
	if res.KeptSince != nil {
		app.note("the contact's history is kept since " + stamp(*res.KeptSince) + " only: what it held before is not known")
	}
	if len(res.HistoryIDs) > 0 {
		slices.Sort(res.HistoryIDs)
		app.note("to have it as it was: mksync undo " + strings.Join(res.HistoryIDs, " "))
	}
	return nil
}

func undoneLine(u operations.Undone) []string {
	what := string(u.Field)
	if u.Deletes {
		what = "the contact is deleted"
	}
	if u.From != u.To {
		what += fmt.Sprintf(" %s → %s", quote(u.From), quote(u.To))
	}
	line := []string{strings.Join(u.HistoryIDs, ","), "contact " + u.ContactID, strings.TrimSpace(what)}
	if u.Left.Code != "" {
		line = append(line, "left: "+sentence(u.Left))
	}
	return line
}

// showStaying lists what of a job's contacts stays as it is, and is no failure.
func (app *cliEnv) showStaying(ctx context.Context, api operations.Answerer, id string) error {
	items, err := collect(func(p operations.Page) (l operations.List[operations.BulkItem], err error) {
		j, err := operations.OpJob.Ask(ctx, api, operations.JobRequest{ID: id, After: p.After, Limit: p.Limit})
		if err != nil {
			return l, err
		}
		l.Items, err = j.Items()
		l.Next = j.Next
		return l, err
	})
	if err != nil {
		return err
	}

	var rows [][]string
	for _, item := range items {
		if !item.Success {
			continue
		}
		for _, why := range item.Left {
			rows = append(rows, []string{item.ContactID, "left: " + sentence(why)})
		}
	}
	return app.out().Table(rows)
}
