package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/syncer/operations"
)

// newDuplicatesCommand lists likely duplicates.
func newDuplicatesCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.DuplicatesRequest
	cmd := &cobra.Command{
		Use:   "duplicates",
		Short: "List contacts and partners that are likely the same",
		Long: "List pairs of contacts, and of partners as last seen, that are likely the same, the likeliest first,\n" +
			"with a score up to 100, the command that merges them, and what they share. Two with different tax numbers\n" +
			"are never among them; an e-mail or a phone that more than ten share says nothing.\n" +
			"Look before you merge: what is alike need not be the same.",
		Example: "  mksync duplicates --limit 20\n  mksync duplicates --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				found, err := operations.OpDuplicates.Ask(cmd.Context(), api, r)
				if err != nil {
					return err
				}
				if asJSON {
					return app.printJSON(found.Items)
				}
				if found.Total > len(found.Items) {
					app.note(fmt.Sprintf("the %d likeliest of %d; --limit shows more", len(found.Items), found.Total))
				}
				return printLines(app, "no likely duplicates", found.Items, duplicateLine)
			})
		},
	}

	cmd.Flags().IntVar(&r.Limit, "limit", 50, "how many pairs to list, 1000 at most")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func duplicateLine(d operations.Duplicate) []string {
	merge := "merge them in MetaKocka"
	if d.LoserContactID != "" {
		merge = "mksync merge " + d.LoserContactID + " " + d.WinnerContactID
	}
	return []string{
		d.ID, d.OtherID, strconv.Itoa(d.Score), d.Kind, merge, quote(d.Name), quote(d.Other), strings.Join(d.Reasons, ", "),
	}
}
