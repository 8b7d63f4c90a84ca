package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// newReviewCommand lets a person approve first matches.
func newReviewCommand(app *cliEnv) *cobra.Command {
	return group(&cobra.Command{
		Use:   "review",
		Short: "List and approve first matches, with MKSYNC_FIRST_SYNC=review",
		Long: "List and approve first matches. With MKSYNC_FIRST_SYNC=review nothing is written to either side for a\n" +
			"contact or a partner that is not linked yet before a person has approved what its first match would do.\n" +
			"Another partner is chosen by mksync link, a new one by mksync sync --new; later is to do nothing.",
		Example: "  mksync review list\n  mksync review approve --all --dry-run",
	}, newReviewList(app), newReviewApprove(app))
}

func doesFlag(cmd *cobra.Command, does *string) {
	cmd.Flags().StringVar(does, "does", "", "only those that would do this: link, create (a partner), import (make a contact)")
}

func newReviewList(app *cliEnv) *cobra.Command {
	var asJSON bool
	var does string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the first matches that wait for approval",
		Long: "List the first matches that wait for approval: by the contact's id, or the partner's where a contact would\n" +
			"be made of it. The last line says how to approve just what is listed.",
		Example: "  mksync review list\n  mksync review list --does link --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				all, err := firstMatches(cmd.Context(), api, operations.ReviewRequest{Does: store.Proposed(does)})
				switch {
				case err != nil:
					return err
				case asJSON:
					return app.printJSON(all)
				}
				return app.showFirstMatches(all, does)
			})
		},
	}

	doesFlag(cmd, &does)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// firstMatches are all of a request, as of the beginning of the first page.
func firstMatches(ctx context.Context, api operations.Answerer, r operations.ReviewRequest) (all operations.FirstMatches, err error) {
	for first := true; first || r.After != ""; first = false {
		page, err := operations.OpReview.Ask(ctx, api, r)
		if err != nil {
			return all, err
		}
		if first {
			all = page
		} else {
			all.Items = append(all.Items, page.Items...)
		}
		r.After = page.Next
	}
	all.Next = ""
	return all, nil
}

func (app *cliEnv) showFirstMatches(all operations.FirstMatches, does string) error {
	if len(all.Items) == 0 {
		app.note("no first match waits for approval")
		return nil
	}
	lines := make([][]string, len(all.Items))
	for i, m := range all.Items {
		lines[i] = firstMatchLine(m)
	}
	if err := app.out().Table(lines); err != nil {
		return err
	}
	command := "mksync review approve --all --as-of " + all.AsOf
	if does != "" {
		command += " --does " + does
	}
	app.note(countsText(all.Counts) + ". To approve what is listed: " + command)
	return nil
}

func firstMatchLine(m operations.FirstMatch) []string {
	switch m.Does {
	case store.ProposeImport:
		return []string{m.MetaKockaID, "import", quote(m.Name), "a contact is made of the partner"}
	case store.ProposeCreate:
		return []string{m.ContactID, "create", quote(m.Name), "a partner is made of the contact"}
	case store.ProposeLink:
	}
	with := "partner " + m.MetaKockaID
	for _, c := range m.Candidates {
		if c.MetaKockaID == m.MetaKockaID {
			with += " " + quote(c.Name)
			for _, r := range c.Reasons {
				with += " " + phrases.English.Sentence(r, time.Local)
			}
		}
	}
	return []string{m.ContactID, "link", quote(m.Name), with}
}

// countsText says how many there are.
func countsText(counts map[store.Proposed]int) string {
	n := 0
	var parts []string
	for _, does := range store.AllProposed() {
		if c := counts[does]; c > 0 {
			n += c
			parts = append(parts, fmt.Sprintf("%d to %s", c, does))
		}
	}
	if n == 0 {
		return "no first match waits"
	}
	return terminal.Amount(n, "first match waits", "first matches wait") + ": " + strings.Join(parts, ", ")
}

func newReviewApprove(app *cliEnv) *cobra.Command {
	var r operations.ApproveAllRequest
	var does string
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "approve ID... | - | --all",
		Short: "Carry out what first matches would do",
		Long: "Carry out what first matches would do: of a contact by its id, of a partner that becomes a contact by its\n" +
			"own. What is another since it was listed is not done and is named.\n\n" +
			"--all is of what waits now, or with --as-of of what a list showed: the list ends with the command. With a\n" +
			"service running, POST /api/metakocka/review/approve-all can do it as a job.",
		Example: "  mksync review approve 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10\n  mksync review approve --all --does link --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Does = store.Proposed(does)
			r.By = operator()

			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				if all {
					return app.approveAll(cmd.Context(), api, r, asJSON)
				}

				ids, err := app.chosen(cmd.Context(), args, nil)
				if err != nil {
					return err
				}
				return each(cmd.Context(), app, asJSON, ids, func(id string) (operations.Outcome, error) {
					return approveOne(cmd.Context(), api, id, r.Does)
				}, func(o operations.Outcome) []string { return append([]string{o.ContactID}, outcomeLine(o)...) })
			})
		},
	}

	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if !all && (r.DryRun || r.AsOf != "") {
			return fmt.Errorf("--dry-run and --as-of go with --all")
		}
		return idsOrAll("contacts or partners", &all)(cmd, args)
	}

	cmd.Flags().BoolVar(&all, "all", false, "all that wait")
	cmd.Flags().StringVar(&r.AsOf, "as-of", "", "with --all: only what the list showed that ends with this")
	cmd.Flags().BoolVar(&r.DryRun, "dry-run", false, "with --all: say how many there are; write nothing")
	doesFlag(cmd, &does)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// approveOne approves what an id names as it stands now: a contact's, else a partner's.
func approveOne(ctx context.Context, api operations.Answerer, id string, does store.Proposed) (o operations.Outcome, err error) {
	asked := []operations.ReviewRequest{{ContactID: id}, {MetaKockaID: id}}
	switch does {
	case store.ProposeImport:
		asked = asked[1:]
	case store.ProposeLink, store.ProposeCreate:
		asked = asked[:1]
	}

	for _, r := range asked {
		found, err := operations.OpReview.Ask(ctx, api, r)
		if err != nil && (!syncer.IsCode(err, syncer.CodeMalformed) || len(asked) == 1) {
			return o, err
		}

		for _, m := range found.Items {
			approve := operations.ApproveRequest{ContactID: m.ContactID, Version: m.Version, By: operator()}
			if m.ContactID == "" {
				approve.MetaKockaID = m.MetaKockaID
			}
			return operations.OpApprove.Ask(ctx, api, approve)
		}
	}

	return o, syncer.Refuse(syncer.CodeNotFound, "review.none_of", "no first match of {id} waits for approval: mksync review list", id)
}

// approveAll approves all that a list showed, or that waits now.
func (app *cliEnv) approveAll(ctx context.Context, api operations.Answerer, r operations.ApproveAllRequest, asJSON bool) error {
	if r.AsOf == "" {
		now, err := operations.OpReview.Ask(ctx, api, operations.ReviewRequest{Page: operations.Page{Limit: 1}})
		if err != nil {
			return err
		}
		r.AsOf = now.AsOf
	}

	follow := app.follow(asJSON)
	done, err := operations.OpApproveAll.Ask(operations.WithWatch(ctx, follow.watch), api, r)
	follow.end()

	switch {
	case err != nil:
		return err
	case asJSON:
		if err := app.printJSON(done); err != nil {
			return err
		}
	case r.DryRun:
		text := countsText(done.Counts)
		if done.Changed > 0 {
			text += fmt.Sprintf("; %d came or changed since, and would not be done", done.Changed)
		}
		app.note(text)
	default:
		rows := make([][]string, len(follow.failures))
		for i, f := range follow.failures {
			rows[i] = failureLine(or(f.ContactID, f.MetaKockaID), f)
		}
		if err := app.out().Table(rows); err != nil {
			return err
		}
		app.summary("first matches", bulkAnswer{total: done.Total, done: done.Approved, failed: done.Failed, stopped: done.Stopped}, nil)
	}

	if done.Stopped && !r.DryRun {
		return errInPart
	}
	return partly(done.Failed, done.Total)
}
