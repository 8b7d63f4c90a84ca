package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/syncer/operations"
)

// newUnclearCommand lists the matches that wait for a person.
func newUnclearCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "unclear",
		Short: "List the contacts whose match waits for a person, with their candidates",
		Long: "List the contacts whose match waits for a person, and below each those it may be, the likeliest first:\n" +
			"with a score up to 100, and what the two have in common and what not. The answers are mksync link,\n" +
			"mksync sync --new, mksync merge and mksync leave-out.",
		Example: "  mksync unclear\n  mksync unclear --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				all, err := collect(func(p operations.Page) (operations.List[operations.UnclearMatch], error) {
					return operations.OpUnclear.Ask(cmd.Context(), api, p)
				})
				switch {
				case err != nil:
					return err
				case asJSON:
					return app.printJSON(all)
				}
				return app.showUnclear(all)
			})
		},
	}

	jsonFlag(cmd, &asJSON)
	return cmd
}

func (app *cliEnv) showUnclear(all []operations.UnclearMatch) error {
	if len(all) == 0 {
		app.note("no match waits for a person")
	}
	var lines [][]string
	for _, m := range all {
		lines = append(lines, []string{m.ContactID, quote(m.Name), terminal.OneLine(m.Reason)})
		for _, c := range m.Candidates {
			lines = append(lines, candidateLine(c))
		}
	}
	return app.out().Table(lines)
}

func candidateLine(c operations.Candidate) []string {
	who := "partner " + c.MetaKockaID
	if c.ContactID != "" {
		who = "contact " + c.ContactID
	}
	var reasons []string
	for _, r := range c.Reasons {
		reasons = append(reasons, phrases.English.Sentence(r, time.Local))
	}
	return []string{fmt.Sprintf("  %s", strconv.Itoa(c.Score)), who, quote(c.Name), strings.Join(reasons, " ")}
}
