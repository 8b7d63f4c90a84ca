package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// mergeFlags say how a merge, or its undoing, is asked for.
type mergeFlags struct{ dryRun, yes, asJSON bool }

// newMergeCommand merges contacts.
func newMergeCommand(app *cliEnv) *cobra.Command {
	var flags mergeFlags
	cmd := &cobra.Command{
		Use:   "merge LOSER_CONTACT_ID WINNER_CONTACT_ID",
		Short: "Merge two contacts and their partners' links",
		Long: "Merge two contacts: the winner takes over what it lacks, the loser is deleted. Where only the loser has\n" +
			"a partner it becomes the winner's; where both have one, MKSYNC_DELETE_POLICY says what becomes of the\n" +
			"loser's. Nothing brings the loser back by itself.\n\n" +
			"On a terminal the merge is shown and asked for first, unless --yes. A merge can be undone as long as\n" +
			"nothing that it touched has changed since.",
		Example: "  mksync merge --dry-run 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10 0b0c2a52-5a1c-4b57-9d51-0d8f7e5a3f11\n" +
			"  mksync merge list\n  mksync merge undo 3",
		Args: twoIDs("name two contacts: the one that goes, and the one that stays", "two contacts at a time"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error { return app.merge(cmd, api, args[0], args[1], flags) })
		},
	}

	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "show what the winner would hold and what happens to the rest; write nothing")
	cmd.Flags().BoolVar(&flags.yes, "yes", false, "do not ask")
	jsonFlag(cmd, &flags.asJSON)
	cmd.AddCommand(newMergeList(app), newMergeUndo(app))
	return cmd
}

func (app *cliEnv) merge(cmd *cobra.Command, api operations.Answerer, loser, winner string, flags mergeFlags) error {
	r := operations.MergeRequest{LoserContactID: loser, WinnerContactID: winner, DryRun: true, By: operator()}
	if flags.dryRun || !flags.yes && app.asks() {
		m, err := operations.OpMerge.Ask(cmd.Context(), api, r)
		if err != nil {
			return err
		}
		if err := app.showMerge(m, flags.dryRun && flags.asJSON); err != nil || flags.dryRun {
			return err
		}
		if err := app.confirm(cmd.Context(), "Merge them?", "nothing was merged"); err != nil {
			return err
		}
	}
	r.DryRun = false
	m, err := operations.OpMerge.Ask(cmd.Context(), api, r)
	if err != nil {
		return err
	}
	return app.oneMerge(m, flags.asJSON)
}

func (app *cliEnv) oneMerge(m operations.Merge, asJSON bool) error {
	if asJSON {
		return app.printJSON(m)
	}
	return printLines(app, "", []operations.Merge{m}, mergeLine)
}

// asks reports whether there is a person to ask.
func (app *cliEnv) asks() bool { return app.typing() && app.notes().IsTerminal() }

// confirm asks a question; what is not answered with yes is an error, which is the
// refusal.
func (app *cliEnv) confirm(ctx context.Context, question, refusal string) error {
	_, _ = fmt.Fprint(app.notes(), question+" [y/N] ")
	return app.input(ctx, func(from io.Reader) error {
		answer, _ := bufio.NewReader(from).ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return nil
		}
		return errors.New(refusal)
	})
}

// showMerge prints what a merge would do.
func (app *cliEnv) showMerge(m operations.Merge, asJSON bool) error {
	if asJSON {
		return app.printJSON(m)
	}
	var lines []terminal.Pair
	for _, f := range m.Fields {
		lines = append(lines, terminal.Pair{string(f.Field), quote(f.Holds) + fieldOrigin(f)})
	}
	name := "besides"
	for _, effect := range m.Effects {
		lines = append(lines, terminal.Pair{name, effect})
		name = ""
	}
	return app.out().Sheet(lines)
}

// fieldOrigin says where a field's value comes from, and what is given up.
func fieldOrigin(f syncer.MergedField) string {
	switch {
	case f.Taken:
		return ", taken over"
	case f.Loser == "" || mapping.Equal(f.Field, f.Loser, f.Winner):
		return ""
	}
	return ", given up: " + quote(f.Loser)
}

func newMergeList(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.MergesRequest
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the merges, newest first",
		Example: "  mksync merge list\n  mksync merge list --of 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return list(app, asJSON, "no contacts were merged", mergeLine, func(p operations.Page) (operations.List[operations.Merge], error) {
					r.Page = p
					return operations.OpMerges.Ask(cmd.Context(), api, r)
				})
			})
		},
	}
	cmd.Flags().StringVar(&r.Of, "of", "", "only those of a contact or a partner")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func mergeLine(m operations.Merge) []string {
	line := []string{m.ID, string(m.Status), "contact " + m.LoserContactID + " into " + m.WinnerContactID}
	switch {
	case m.MovedMetaKockaID != "":
		line = append(line, "partner "+m.MovedMetaKockaID+" moved")
	case m.SuperfluousMetaKockaID != "":
		line = append(line, "partner "+m.SuperfluousMetaKockaID+" "+m.Policy)
	default:
		line = append(line, "no partner")
	}
	if m.CreatedAt != nil {
		line = append(line, stamp(*m.CreatedAt))
	}
	if m.Note != "" {
		line = append(line, m.Note)
	}
	return line
}

func newMergeUndo(app *cliEnv) *cobra.Command {
	var flags mergeFlags
	cmd := &cobra.Command{
		Use:   "undo MERGE_ID",
		Short: "Take a merge back",
		Long: "Take a merge back: the contact is there again with all its columns, the winner gives back what it took\n" +
			"over, and links and partners are as they were. It is refused when the winner, the links or the partner\n" +
			"changed since.",
		Example:           "  mksync merge undo 3",
		Args:              oneID("merge"),
		ValidArgsFunction: firstOnly(completeIDs(app, operations.OpMerges, operations.MergesRequest{Page: operations.Page{Limit: mostCompleted}}, mergeLine)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				if !flags.yes && app.asks() {
					if err := app.confirm(cmd.Context(), "Undo merge "+args[0]+"?", "nothing was undone"); err != nil {
						return err
					}
				}
				m, err := operations.OpUndoMerge.Ask(cmd.Context(), api, operations.EntryRequest{ID: args[0], By: operator()})
				if err != nil {
					return err
				}
				return app.oneMerge(m, flags.asJSON)
			})
		},
	}

	cmd.Flags().BoolVar(&flags.yes, "yes", false, "do not ask")
	jsonFlag(cmd, &flags.asJSON)
	return cmd
}
