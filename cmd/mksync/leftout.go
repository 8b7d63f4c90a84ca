package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/syncer/operations"
)

// newLeaveOutCommand leaves one contact out of the sync.
func newLeaveOutCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.LeaveOutRequest
	cmd := &cobra.Command{
		Use:   "leave-out CONTACT_ID --reason TEXT",
		Short: "Leave one contact out of the sync",
		Long: "Leave one contact out of the sync, whatever the filter says: neither side is written any more, until\n" +
			"mksync take-in takes it in again. mksync why gives the reason.",
		Example: "  mksync leave-out 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10 --reason \"a private person, not a customer\"",
		Args:    oneID("contact"),
		ValidArgsFunction: firstOnly(completeIDs(app, operations.OpMappings, operations.MappingsRequest{Page: operations.Page{Limit: mostCompleted}},
			func(m operations.Mapping) []string { return []string{m.ContactID, string(m.SyncStatus)} })),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.ContactID = args[0]
			r.By = operator()
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				l, err := operations.OpLeaveOut.Ask(cmd.Context(), api, r)
				switch {
				case err != nil:
					return err
				case asJSON:
					return app.printJSON(l)
				}
				return app.out().Table([][]string{leftOutLine(l)})
			})
		},
	}

	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for whoever asks later")
	_ = cmd.MarkFlagRequired("reason")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// newTakeInCommand takes a contact in again.
func newTakeInCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "take-in CONTACT_ID",
		Short: "Take a contact in again that was left out",
		Long: "Take a contact in again that mksync leave-out left out, and bring it over: what happened on either side\n" +
			"meanwhile is seen now.",
		Example:           "  mksync take-in 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10",
		Args:              oneID("contact"),
		ValidArgsFunction: firstOnly(completeIDs(app, operations.OpLeftOut, operations.Page{Limit: mostCompleted}, leftOutLine)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				o, err := operations.OpTakeIn.Ask(cmd.Context(), api, operations.TakeInRequest{ContactID: args[0], By: operator()})
				if err != nil {
					return err
				}
				return app.showOutcome(o, asJSON)
			})
		},
	}

	jsonFlag(cmd, &asJSON)
	return cmd
}

// newLeftOutCommand lists who is left out.
func newLeftOutCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "left-out",
		Short:   "List the contacts that are left out by hand, with the reasons",
		Example: "  mksync left-out\n  mksync left-out --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return list(app, asJSON, "no contact is left out by hand", leftOutLine, leftOutPages(cmd.Context(), api))
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func leftOutPages(ctx context.Context, api operations.Answerer) func(operations.Page) (operations.List[operations.LeftOut], error) {
	return func(p operations.Page) (operations.List[operations.LeftOut], error) {
		return operations.OpLeftOut.Ask(ctx, api, p)
	}
}

func leftOutLine(l operations.LeftOut) []string {
	return []string{l.ContactID, quote(l.Name), "left out by " + or(l.By, "somebody"), stamp(l.At), terminal.OneLine(l.Reason)}
}
