package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
)

// pairFlags are those of `mappings import`.
type pairFlags struct {
	table          string
	columns        pairColumns
	dryRun, asJSON bool
}

// newMappingsImport takes over pairs that another integration has linked.
func newMappingsImport(app *cliEnv) *cobra.Command {
	var f pairFlags
	cmd := &cobra.Command{
		Use:   "import FILE.csv | - | --from-table NAME",
		Short: "Take over pairs that another integration has linked",
		Long: "Take over pairs of contacts and partners that another integration has linked, from a CSV or from a table\n" +
			"of the CRM's database. All partners are enumerated anew; a pair is taken over where both are there and\n" +
			"neither is linked elsewhere, as mksync link would: where the two agree nothing is written, else they are\n" +
			"merged by the usual rules. What stands against a pair is reported, and nothing is done about it.\n\n" +
			"Do it before the first mksync run: what is taken over is matched no more, and gets no second partner.\n" +
			"Stopped or killed, the same command does the rest: what is taken over already counts as linked.\n\n" +
			"The first line of a CSV names the columns; they are separated by commas, semicolons or tabs.",
		Example: "  mksync mappings import --from-table public.metakocka_contact_mappings --dry-run\n" +
			"  mksync mappings import pairs.csv --contact-column crm_id --partner-column mk_id",
		Args: func(_ *cobra.Command, args []string) error { return f.oneSource(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			list, err := app.pairsOf(ctx, args, f)
			if err != nil {
				return err
			}
			return app.withAPI(ctx, func(api operations.Answerer) error {
				return app.importPairs(ctx, api, list, f)
			})
		},
	}

	cmd.Flags().StringVar(&f.table, "from-table", "", "the table that holds the pairs, as schema.table (default: beside the contacts)")
	cmd.Flags().StringVar(&f.columns.contact, "contact-column", "", "the column of the contact's id (default: by its name)")
	cmd.Flags().StringVar(&f.columns.partner, "partner-column", "", "the column of the partner's id in MetaKocka (default: by its name)")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be taken over, and what stands against it; write nothing")
	jsonFlag(cmd, &f.asJSON)
	return cmd
}

func (f *pairFlags) oneSource(args []string) error {
	switch {
	case f.table == "" && len(args) == 0:
		return errors.New("name a CSV file, or a table with --from-table")
	case f.table != "" && len(args) > 0:
		return errors.New("either a file or --from-table")
	case len(args) > 1:
		return fmt.Errorf("one file at a time: got %d", len(args))
	}
	return nil
}

func (app *cliEnv) pairsOf(ctx context.Context, args []string, f pairFlags) (list pairList, err error) {
	if f.table != "" {
		list, err = app.pairsOfTable(ctx, f.table, f.columns)
	} else {
		list, err = app.pairsOfFile(ctx, args[0], f.columns)
	}
	if err != nil {
		return list, err
	}
	if list.blank > 0 {
		first := ""
		if list.first > 0 {
			first = fmt.Sprintf(", line %d first", list.first)
		}
		app.note(terminal.Amount(list.blank, "row names", "rows name") + " no contact or no partner, and no pair" + first)
	}
	if len(list.pairs) == 0 {
		return list, errors.New("there is no pair")
	}
	return list, nil
}

// pairImport is a list of pairs that is being taken over.
type pairImport struct {
	app    *cliEnv
	api    operations.Answerer
	follow *follower
	list   pairList
	items  []operations.PairItem // of the whole list
}

// importPairs takes a list over in two rounds. The first links all pairs and calls nobody
// about any: so none of them is left to a first match while MetaKocka is slow. The second
// merges those that differ.
func (app *cliEnv) importPairs(ctx context.Context, api operations.Answerer, list pairList, f pairFlags) error {
	m := pairImport{app: app, api: api, follow: app.follow(f.asJSON), list: list, items: make([]operations.PairItem, len(list.pairs))}
	all := make([]int, len(list.pairs))
	twice := operations.Twice(list.pairs)
	for i := range all {
		all[i] = i
		list.pairs[i].Twice = twice[i] >= 0
	}

	err := m.round(ctx, all, operations.ImportPairsRequest{DryRun: f.dryRun, LinkOnly: !f.dryRun, By: operator()})
	if rest := m.unmerged(); err == nil && !f.dryRun && len(rest) > 0 {
		err = m.round(ctx, rest, operations.ImportPairsRequest{Further: true, By: operator()})
	}
	m.follow.end()
	switch {
	case err != nil && ctx.Err() != nil:
		return stopped("the same command does the rest")
	case err != nil:
		return err
	}
	return m.report(f, twice)
}

// round asks for some of the pairs, part by part.
func (m *pairImport) round(ctx context.Context, places []int, r operations.ImportPairsRequest) error {
	done := 0
	for part := range slices.Chunk(places, operations.MostPairs) {
		r.Pairs = nil
		for _, i := range part {
			r.Pairs = append(r.Pairs, m.list.pairs[i])
		}

		watch := func(ctx context.Context, p operations.Progress) error {
			if p.Total > 0 {
				p.Done += done
				p.Total = len(places)
			}
			return m.follow.watch(ctx, p)
		}
		res, err := operations.OpImportPairs.Ask(operations.WithWatch(ctx, watch), m.api, r)
		if err != nil {
			return err
		}

		for n, i := range part {
			m.keep(i, res.Results[n])
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		done += len(part)
		r.Further = true
	}
	return nil
}

// keep notes what a round says of a pair: one that the round before has linked stays taken.
func (m *pairImport) keep(i int, item operations.PairItem) {
	was := m.items[i]
	if item.Verdict == operations.PairLinked && was.Verdict != "" {
		item.Verdict = was.Verdict
		item.Strangers = was.Strangers
	}
	m.items[i] = item
}

// unmerged are the places of the pairs that are linked and no more.
func (m *pairImport) unmerged() (places []int) {
	for i, item := range m.items {
		if item.SyncStatus == store.StatusPending || item.SyncStatus == store.StatusError {
			places = append(places, i)
		}
	}
	return places
}

// pairsReport is the JSON of `mappings import`.
type pairsReport struct {
	operations.ImportPairsResult
	Blank int `json:"blank"` // rows that name no pair
}

// report prints what stands against pairs, and the figures.
func (m *pairImport) report(f pairFlags, twice []int) error {
	res := operations.CountPairs(m.items)

	if f.asJSON {
		if err := m.app.printJSON(pairsReport{res, m.list.blank}); err != nil {
			return err
		}
	} else {
		var rows [][]string
		for i, item := range m.items {
			if row := m.row(i, item, twice[i]); row != nil {
				rows = append(rows, row)
			}
		}
		if err := m.app.out().Table(rows); err != nil {
			return err
		}
		m.app.note(pairSummary(res, f.dryRun))
	}

	if f.dryRun {
		return nil
	}
	return partly(failedPairs(res), res.Total)
}

// row is the line of a pair that something is to be said of; nil: nothing is.
func (m *pairImport) row(i int, item operations.PairItem, other int) []string {
	reason := item.Reason
	switch {
	case item.Verdict == operations.PairLeftOut, item.Verdict.Done() && reason == "" && !item.Strangers:
		return nil
	case item.Strangers && reason == "":
		reason = "taken over, though nothing says that the two are one: mksync link " + item.ContactID + " " + item.MetaKockaID + " --dry-run shows how they differ"
	case item.Verdict == operations.PairTwice && m.list.lines != nil:
		reason = fmt.Sprintf("line %d has its contact or its partner, too: mksync link the two that are one", m.list.lines[other])
	}
	row := []string{item.ContactID, "partner " + item.MetaKockaID, pairWords[item.Verdict], reason}
	if m.list.lines != nil {
		row = append(row, fmt.Sprintf("line %d", m.list.lines[i]))
	}
	return row
}

// pairWords are the verdicts as the report has them.
var pairWords = map[operations.PairVerdict]string{
	operations.PairTaken: "taken over", operations.PairLinked: "linked already",
	operations.PairContactMissing: "contact missing", operations.PairPartnerMissing: "partner missing",
	operations.PairPartnerLinked: "partner linked elsewhere", operations.PairContactLinked: "contact linked already with another",
	operations.PairTwice: "twice in the list", operations.PairParted: "parted by a person",
	operations.PairLeftOut: "left out by the filter", operations.PairFailed: "failed", operations.PairOpen: "not done",
}

func failedPairs(res operations.ImportPairsResult) (failed int) {
	for v, n := range res.Counts {
		if !v.Done() {
			failed += n
		}
	}
	return failed
}

// pairSummary is what became of all.
func pairSummary(res operations.ImportPairsResult, dryRun bool) string {
	var parts []string
	for _, v := range operations.PairVerdicts() {
		words := pairWords[v]
		if v == operations.PairTaken && dryRun {
			words = "to take over"
		}
		if n := res.Counts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words))
		}
	}
	text := terminal.Amount(res.Total, "pair", "pairs") + ": " + strings.Join(parts, ", ")

	if res.Strangers > 0 {
		text += fmt.Sprintf("\nof %d nothing says that the two are one", res.Strangers)
	}
	var states []string
	for _, s := range store.Statuses() {
		if n := res.Statuses[s]; n > 0 && s != store.StatusSynced {
			states = append(states, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(states) > 0 {
		text += "\nof those that are linked " + strings.Join(states, ", ") + " (mksync mappings --status …)"
	}
	return text
}
