package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/syncer/operations"
)

// newDeadLettersCommand shows what could not be applied and tries it again.
func newDeadLettersCommand(app *cliEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deadletters",
		Short: "List and retry events that could not be applied",
		Long: "List and retry events that could not be applied, with the reason.\n" +
			"An ID is the dead letter's own, or that of its mapping, contact or partner where that names one alone.",
		Example: "  mksync deadletters list\n  mksync deadletters retry --all",
	}
	return group(cmd, newDeadLettersList(app), newDeadLettersRetry(app), newDeadLettersDiscard(app))
}

func newDeadLettersList(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the events that could not be applied",
		Example: "  mksync deadletters list\n  mksync deadletters list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return list(app, asJSON, "there are no dead letters", deadLetterLine, deadLetterPages(cmd.Context(), api))
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func deadLetterPages(ctx context.Context, api operations.Answerer) func(operations.Page) (operations.List[operations.DeadLetter], error) {
	return func(p operations.Page) (operations.List[operations.DeadLetter], error) {
		return operations.OpDeadLetters.Ask(ctx, api, p)
	}
}

func deadLetterLine(l operations.DeadLetter) []string {
	of := "contact " + l.ContactID
	if l.MetaKockaID != "" {
		of = "partner " + l.MetaKockaID
	}
	return []string{l.ID, l.Consumer, of, terminal.Amount(l.Count, "event", "events"), stamp(l.StoredAt), terminal.OneLine(l.Reason)}
}

func newDeadLettersRetry(app *cliEnv) *cobra.Command {
	var asJSON, all bool
	var reason string
	cmd := &cobra.Command{
		Use:   "retry ID... | - | --all | --reason TEXT",
		Short: "Try events again that could not be applied",
		Long: "Give events that could not be applied back to the service, which tries them again at once, or as\n" +
			"soon as it runs. What fails again becomes a dead letter again.",
		Example:           "  mksync deadletters retry 7\n  mksync deadletters retry --all",
		ValidArgsFunction: completeIDs(app, operations.OpDeadLetters, operations.Page{Limit: mostCompleted}, deadLetterLine),
		Args: func(cmd *cobra.Command, args []string) error {
			if reason != "" && !all {
				return noArgs(cmd, args)
			}
			return idsOrAll("dead letters", &all)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				if reason != "" {
					return app.retryGroup(cmd.Context(), api, reason, asJSON)
				}
				ids, err := app.chosen(cmd.Context(), args, func() ([]string, error) { return allDeadLetters(cmd.Context(), api) })
				if err != nil {
					return err
				}
				return each(cmd.Context(), app, asJSON, ids, func(id string) (operations.DeadLetter, error) {
					return operations.OpRetryDeadLetter.Ask(cmd.Context(), api, operations.EntryRequest{ID: id, By: operator()})
				}, givenBack)
			})
		},
	}

	cmd.Flags().BoolVar(&all, "all", false, "all of them")
	cmd.Flags().StringVar(&reason, "reason", "", "all that were put aside for this very reason")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func givenBack(l operations.DeadLetter) []string {
	return []string{l.ID, "given back to the " + l.Consumer}
}

func (app *cliEnv) retryGroup(ctx context.Context, api operations.Answerer, reason string, asJSON bool) error {
	g, err := operations.OpRetryDeadLetters.Ask(ctx, api, operations.DeadLetterGroupRequest{Reason: reason, By: operator()})
	switch {
	case err != nil:
		return err
	case asJSON:
		return app.printJSON(g)
	}
	return printLines(app, "", g.Items, givenBack)
}

// newDeadLettersDiscard throws one away.
func newDeadLettersDiscard(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.DiscardRequest
	cmd := &cobra.Command{
		Use:   "discard ID --reason TEXT",
		Short: "Throw away an event that could not be applied",
		Long: "Throw a dead letter away: its events are not applied. What the two sides differ in is seen with the next\n" +
			"event of either, and by the full check. Who did it and why is in the history.",
		Example:           "  mksync deadletters discard 7 --reason \"a test of the CRM's\"",
		ValidArgsFunction: firstOnly(completeIDs(app, operations.OpDeadLetters, operations.Page{Limit: mostCompleted}, deadLetterLine)),
		Args:              oneID("dead letter"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.ID = args[0]
			r.By = operator()
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				l, err := operations.OpDiscardDeadLetter.Ask(cmd.Context(), api, r)
				switch {
				case err != nil:
					return err
				case asJSON:
					return app.printJSON(l)
				}
				return app.out().Table([][]string{{l.ID, "thrown away", terminal.OneLine(l.Reason)}})
			})
		},
	}

	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for whoever asks later")
	_ = cmd.MarkFlagRequired("reason")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func allDeadLetters(ctx context.Context, api operations.Answerer) ([]string, error) {
	letters, err := collect(deadLetterPages(ctx, api))
	return idsOf(letters, func(l operations.DeadLetter) string { return l.ID }), err
}
