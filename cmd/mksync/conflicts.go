package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer/operations"
)

// newConflictsCommand lets a person decide what the rules did not.
func newConflictsCommand(app *cliEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "conflicts",
		Short: "List and decide fields that both sides changed",
		Long: "List, show and decide conflicts: fields that both sides changed to different values.\n" +
			"Those with the rule \"manual\" wait for a person; the others were decided by their rule and can be undone.\n" +
			"An ID is the conflict's own, or that of its mapping, contact or partner where that names one alone.",
		Example: "  mksync conflicts list\n  mksync conflicts resolve 12 --take crm",
	}
	return group(cmd, newConflictsList(app), newConflictsShow(app), newConflictsResolve(app), newConflictsUndo(app))
}

func newConflictsList(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.JournalRequest
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the conflicts that wait for a person",
		Example: "  mksync conflicts list\n  mksync conflicts list --all --of 228000046627 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return list(app, asJSON, "no conflict waits for a person", conflictLine, func(p operations.Page) (operations.List[operations.Conflict], error) {
					r.Page = p
					return operations.OpConflicts.Ask(cmd.Context(), api, r)
				})
			})
		},
	}
	journalFlags(cmd, &r, &asJSON, "those that were decided, resolved or undone too")
	return cmd
}

func journalFlags(cmd *cobra.Command, r *operations.JournalRequest, asJSON *bool, all string) {
	cmd.Flags().BoolVar(&r.All, "all", false, all)
	cmd.Flags().StringVar(&r.Of, "of", "", "only those of a mapping, contact or partner")
	jsonFlag(cmd, asJSON)
}

func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON")
}

func conflictLine(c operations.Conflict) []string {
	return []string{
		c.ID, conflictState(c), string(c.Field), "crm " + quote(c.CRMValue), "metakocka " + quote(c.MetaKockaValue),
		"contact " + c.ContactID, "partner " + or(c.MetaKockaID, "-"), stamp(c.CreatedAt),
	}
}

func conflictState(c operations.Conflict) string {
	if c.Winner == "" {
		return string(c.Status)
	}
	return fmt.Sprintf("%s for %s", c.Status, c.Winner)
}

func newConflictsShow(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "show ID",
		ValidArgsFunction: completeConflicts(app, operations.JournalRequest{All: true}),
		Short:             "Show a conflict with its values, times and outcome",
		Example:           "  mksync conflicts show 12\n  mksync conflicts show 228000046627 --json",
		Args:              oneID("conflict"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				c, err := operations.OpConflict.Ask(cmd.Context(), api, operations.EntryRequest{ID: args[0]})
				if err != nil {
					return err
				}
				if asJSON {
					return app.printJSON(c)
				}
				return app.out().Sheet(conflictSheet(c))
			})
		},
	}

	jsonFlag(cmd, &asJSON)
	return cmd
}

func conflictSheet(c operations.Conflict) (sheet []terminal.Pair) {
	line := func(name, text string) { sheet = append(sheet, terminal.Pair{name, text}) }
	line("conflict", c.ID)
	line("field", string(c.Field))
	line("state", conflictState(c))
	line("rule", ruleText(c))
	line("contact", c.ContactID)
	line("partner", c.MetaKockaID)
	line("mapping", c.MappingID)
	line("crm", fmt.Sprintf("%q, before %q", c.CRMValue, c.CRMBefore))
	line("metakocka", fmt.Sprintf("%q, before %q", c.MetaKockaValue, c.MetaKockaBefore))

	if c.CRMChangedAt != nil {
		line("crm changed", stamp(*c.CRMChangedAt))
	}
	if c.MetaKockaChangedAfter != nil && c.MetaKockaChangedBefore != nil {
		line("metakocka changed", "between "+stamp(*c.MetaKockaChangedAfter)+" and "+stamp(*c.MetaKockaChangedBefore))
	}

	line("found", stamp(c.CreatedAt))
	if c.ClosedAt != nil {
		line("closed", stamp(*c.ClosedAt)+" by "+or(c.ClosedBy, "mksync"))
	}
	return sheet
}

func ruleText(c operations.Conflict) string {
	if c.Undecidable {
		return string(c.Rule) + ", but the times did not tell"
	}
	return string(c.Rule)
}

func newConflictsResolve(app *cliEnv) *cobra.Command {
	var asJSON bool
	var take mapping.Side
	cmd := &cobra.Command{
		Use:               "resolve ID --take crm|metakocka",
		ValidArgsFunction: completeConflicts(app, operations.JournalRequest{}),
		Short:             "Decide a conflict: both sides get the value of one",
		Example:           "  mksync conflicts resolve 12 --take crm\n  mksync conflicts resolve 0b0c2a52-5a1c-4b57-9d51-0d8f7e5a3f11 --take metakocka",
		Args:              oneID("conflict"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return each(cmd.Context(), app, asJSON, args, func(id string) (operations.Decided[operations.Conflict], error) {
					r := operations.ResolveRequest{ID: id, Take: take, By: operator()}
					return operations.OpResolveConflict.Ask(cmd.Context(), api, r)
				}, decidedConflictLine)
			})
		},
	}

	choose(cmd, &take, "take", "", "whose value both sides get", mapping.SideCRM, mapping.SideMetaKocka)
	_ = cmd.MarkFlagRequired("take")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newConflictsUndo(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "undo ID",
		ValidArgsFunction: completeConflicts(app, operations.JournalRequest{All: true}),
		Short:             "Take a decided conflict back: both sides get the value that lost",
		Long: "Take a decided conflict back: both sides get the value that lost. It is refused when either side\n" +
			"changed the field since.",
		Example: "  mksync conflicts undo 12",
		Args:    oneID("conflict"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return each(cmd.Context(), app, asJSON, args, func(id string) (operations.Decided[operations.Conflict], error) {
					return operations.OpUndoConflict.Ask(cmd.Context(), api, operations.EntryRequest{ID: id, By: operator()})
				}, decidedConflictLine)
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func decidedConflictLine(d operations.Decided[operations.Conflict]) []string {
	return append([]string{d.Entry.ID, string(d.Entry.Field), conflictState(d.Entry)}, outcomeLine(d.Outcome)...)
}
