package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/syncer/operations"
)

// newDeletionsCommand lets a person decide held deletions.
func newDeletionsCommand(app *cliEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deletions",
		Short: "List, approve and reject deletions that are held",
		Long: "List, approve and reject deletions that are held: too many at once, a TRUNCATE, a contact that\n" +
			"is gone without a deletion having been seen, or more partners missing in a poll than is likely.\n" +
			"An ID is the deletion's own, or that of its mapping, contact or partner where that names one alone.",
		Example: "  mksync deletions list\n  mksync deletions approve 3 4 5",
	}

	return group(cmd, newDeletionsList(app),
		newDeletionsDecide(app, operations.OpApproveDeletion, &cobra.Command{
			Use:   "approve ID... | - | --all",
			Short: "Apply held deletions now",
			Long: "Apply held deletions now: to the partner as MKSYNC_DELETE_POLICY says, to a contact by deleting it.\n" +
				"What is there again, or was edited since, is left alone.",
			Example: "  mksync deletions approve 3 4 5\n  mksync deletions approve --all",
		}),
		newDeletionsDecide(app, operations.OpRejectDeletion, &cobra.Command{
			Use:   "reject ID... | - | --all",
			Short: "Keep what held deletions would take away",
			Long: "Keep what held deletions would take away; neither side is written. A contact's deletion leaves the\n" +
				"partner as it is and the mapping \"deleted\" (mksync import brings the contact back); a partner's\n" +
				"leaves the contact, and the mapping \"unlinked\" (mksync sync makes the partner anew).",
			Example: "  mksync deletions reject 3\n  mksync deletions reject 228000046627",
		}))
}

func newDeletionsList(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.JournalRequest
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the deletions that wait for a person",
		Example: "  mksync deletions list\n  mksync deletions list --all --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return list(app, asJSON, "no deletion waits for a person", deletionLine, func(p operations.Page) (operations.List[operations.Deletion], error) {
					r.Page = p
					return operations.OpDeletions.Ask(cmd.Context(), api, r)
				})
			})
		},
	}
	journalFlags(cmd, &r, &asJSON, "those that were applied, rejected or became void too")
	return cmd
}

func deletionLine(d operations.Deletion) []string {
	return []string{
		d.ID, string(d.Status), "deleted in " + string(d.Side), "contact " + d.ContactID, "partner " + or(d.MetaKockaID, "-"),
		stamp(d.CreatedAt), d.Reason,
	}
}

// heldDeletions are the ids of those that wait for a person.
func heldDeletions(ctx context.Context, api operations.Answerer) ([]string, error) {
	held, err := collect(func(p operations.Page) (operations.List[operations.Deletion], error) {
		return operations.OpDeletions.Ask(ctx, api, operations.JournalRequest{Page: p})
	})
	return idsOf(held, func(d operations.Deletion) string { return d.ID }), err
}

// newDeletionsDecide completes the command that asks for one decision.
func newDeletionsDecide(app *cliEnv, op operations.Operation[operations.EntryRequest, operations.Decided[operations.Deletion]], cmd *cobra.Command) *cobra.Command {
	var asJSON, all bool
	cmd.ValidArgsFunction = completeIDs(app, operations.OpDeletions, operations.JournalRequest{Page: operations.Page{Limit: mostCompleted}}, deletionLine)
	cmd.Args = idsOrAll("deletions", &all)
	cmd.Flags().BoolVar(&all, "all", false, "all that are held now")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
			ids, err := app.chosen(cmd.Context(), args, func() ([]string, error) { return heldDeletions(cmd.Context(), api) })
			if err != nil {
				return err
			}
			return each(cmd.Context(), app, asJSON, ids, func(id string) (operations.Decided[operations.Deletion], error) {
				return op.Ask(cmd.Context(), api, operations.EntryRequest{ID: id, By: operator()})
			}, func(d operations.Decided[operations.Deletion]) []string {
				return append([]string{d.Entry.ID, string(d.Entry.Status)}, outcomeLine(d.Outcome)...)
			})
		})
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}
