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
	cmd.AddCommand(newDismissCommand(app))
	return cmd
}

// newDismissCommand says that two likely duplicates are two.
func newDismissCommand(app *cliEnv) *cobra.Command {
	var asJSON, partners bool
	var r operations.DismissRequest
	cmd := &cobra.Command{
		Use:   "dismiss ID OTHER_ID",
		Short: "Say that two likely duplicates are two",
		Long: "Say that two likely duplicates are two, whichever is named first: they are not listed any more, until\n" +
			"either of them is gone. --undo takes that back.",
		Example: "  mksync duplicates dismiss 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10 2c8e0d0a-5a4c-4f5e-9d0b-0f2f3f7a8c11\n" +
			"  mksync duplicates dismiss 228000046627 228000046669 --partners",
		Args: twoIDs("name two contacts, or with --partners two partners, by their ids", "two at a time"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.ID = args[0]
			r.OtherID = args[1]
			r.By = operator()
			if partners {
				r.Kind = operations.DuplicatePartners
			}

			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				d, err := operations.OpDismiss.Ask(cmd.Context(), api, r)
				switch {
				case err != nil:
					return err
				case asJSON:
					return app.printJSON(d)
				}

				said := "are two"
				if !d.Dismissed {
					said = "may be one"
				}
				return app.out().Table([][]string{{d.ID, d.OtherID, said}})
			})
		},
	}

	cmd.Flags().BoolVar(&partners, "partners", false, "the two are partners, not contacts")
	cmd.Flags().BoolVar(&r.Undo, "undo", false, "they may be one after all")
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
