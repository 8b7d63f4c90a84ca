package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/syncer/operations"
)

// bulkFlags are those of the commands that do all there are.
type bulkFlags struct {
	all, dryRun, asJSON bool
	previews            bool // a dry run of one that is named shows what would be written
}

func (f *bulkFlags) add(cmd *cobra.Command, nouns, all, dryRun string) {
	cmd.Flags().BoolVar(&f.all, "all", false, all)
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, dryRun)
	jsonFlag(cmd, &f.asJSON)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch one := len(args) == 1 && args[0] != fromStdin; {
		case f.dryRun && !f.all && f.previews && !one:
			return errors.New("--dry-run goes with --all, or with one contact")
		case f.dryRun && !f.all && !f.previews:
			return errors.New("--dry-run goes with --all")
		}
		return idsOrAll(nouns, &f.all)(cmd, args)
	}
}

// newFlag is the answer that one is none of those there are.
func (f *bulkFlags) newFlag(cmd *cobra.Command, isNew *bool, usage string) {
	cmd.Flags().BoolVar(isNew, "new", false, usage)
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		if *isNew && (f.all || len(given) != 1 || given[0] == fromStdin) {
			return errors.New("--new answers for one alone: name it by its id")
		}
		return args(cmd, given)
	}
}

// several reports a request for more than those that are named one by one.
func (f *bulkFlags) several(args []string) bool { return f.all || args[0] == fromStdin }

// bulkKind is what is particular about a bulk sync or a bulk import.
type bulkKind struct {
	named, all string // what is brought over, as the summary says it
	id         func(contactID, metakockaID string) string
	ask        func(ctx context.Context, api operations.Answerer, ids []string, dryRun bool) (bulkAnswer, error)
	answer     func(bulkAnswer) any // as JSON has it
}

// bulkAnswer is what became of a bulk request, or of several that are one for
// the user.
type bulkAnswer struct {
	total, done, failed int
	stopped             bool
	counts              map[match.Verdict]int
	results             []operations.BulkItem
}

func (a *bulkAnswer) add(b bulkAnswer) {
	a.total += b.total
	a.done += b.done
	a.failed += b.failed
	a.stopped = a.stopped || b.stopped
	a.results = append(a.results, b.results...)
	for v, n := range b.counts {
		a.counts[v] += n
	}
}

var bulkSync = bulkKind{
	named: "contacts", all: "contacts",
	id: func(contact, _ string) string { return contact },
	ask: func(ctx context.Context, api operations.Answerer, ids []string, dryRun bool) (bulkAnswer, error) {
		r, err := operations.OpBulkSync.Ask(ctx, api, operations.BulkSyncRequest{ContactIDs: ids, SyncAll: ids == nil, DryRun: dryRun, By: operator()})
		return bulkAnswer{r.Total, r.Succeeded, r.Failed, r.Stopped, r.Counts, r.Results}, err
	},
	answer: func(a bulkAnswer) any {
		return operations.BulkSyncResult{Total: a.total, Succeeded: a.done, Failed: a.failed, Stopped: a.stopped, Counts: a.counts, Results: a.results}
	},
}

var bulkImport = bulkKind{
	named: "partners", all: "partners that no contact is linked with",
	id: func(_, partner string) string { return partner },
	ask: func(ctx context.Context, api operations.Answerer, ids []string, dryRun bool) (bulkAnswer, error) {
		r, err := operations.OpBulkImport.Ask(ctx, api, operations.BulkImportRequest{MetaKockaIDs: ids, ImportAll: ids == nil, DryRun: dryRun, By: operator()})
		return bulkAnswer{r.Total, r.Imported, r.Failed, r.Stopped, r.Counts, r.Results}, err
	},
	answer: func(a bulkAnswer) any {
		return operations.BulkImportResult{Total: a.total, Imported: a.done, Failed: a.failed, Stopped: a.stopped, Counts: a.counts, Results: a.results}
	},
}

// atOnce is how many ids go into one request: what comes back of them has to fit
// into one message.
const atOnce = 2000

// bulk brings over those that standard input names, or all.
func (app *cliEnv) bulk(ctx context.Context, api operations.Answerer, kind bulkKind, f bulkFlags) error {
	noun, parts := kind.all, [][]string{nil}
	if !f.all {
		ids, err := app.readIDs(ctx)
		if err != nil {
			return err
		}
		noun, parts = kind.named, slices.Collect(slices.Chunk(ids, atOnce))
	}

	follow := app.follow(f.asJSON)
	whole := bulkAnswer{counts: map[match.Verdict]int{}, results: []operations.BulkItem{}}

	for i, ids := range parts {
		part, err := kind.ask(operations.WithWatch(ctx, follow.watch), api, ids, f.dryRun)
		switch {
		case err != nil && ctx.Err() != nil && i == 0:
			follow.end()
			return stopped("before anything was written")
		case err != nil:
			follow.end()
			return fmt.Errorf("%s %d and following: %w", noun, i*atOnce+1, err)
		}
		whole.add(part)
	}

	follow.end()
	if f.dryRun {
		return app.printMatch(ctx, api, kind, f, whole, follow.decisions)
	}
	return app.printBulk(kind, noun, f.asJSON, whole, follow.failures)
}

// printMatch prints what a dry run made of all.
func (app *cliEnv) printMatch(ctx context.Context, api operations.Answerer, kind bulkKind, f bulkFlags, a bulkAnswer, decisions []match.Decision) error {
	orphans, err := lostMappings(ctx, api)
	if err != nil {
		return err
	}
	if f.asJSON {
		return app.printJSON(matchReport{a.total, a.counts, orEmpty(decisions), orphans})
	}
	rows := make([][]string, len(decisions))
	for i, d := range decisions {
		rows[i] = []string{kind.id(d.ContactID, d.MetaKockaID), string(d.Verdict), decisionDetail(d)}
	}
	if err := app.out().Table(rows); err != nil {
		return err
	}
	app.summary(kind.all, a, verdictWords)
	if len(orphans) > 0 {
		app.note(terminal.Amount(len(orphans), "mapping has", "mappings have") + " lost the contact or the partner: mksync mappings prune lists them")
	}
	return nil
}

// matchReport is the JSON of a dry run. Those that are linked are only counted.
type matchReport struct {
	Total     int                   `json:"total"`
	Counts    map[match.Verdict]int `json:"counts"`
	Decisions []match.Decision      `json:"decisions"`
	Orphans   []operations.Orphan   `json:"orphans,omitempty"`
}

func orEmpty[T any](list []T) []T { return append([]T{}, list...) }

// printBulk prints what did not succeed, and the figures.
func (app *cliEnv) printBulk(kind bulkKind, noun string, asJSON bool, a bulkAnswer, failures []operations.BulkItem) error {
	if asJSON {
		if err := app.printJSON(kind.answer(a)); err != nil {
			return err
		}
	} else {
		rows := make([][]string, len(failures))
		for i, item := range failures {
			rows[i] = failureLine(kind.id(item.ContactID, item.MetaKockaID), item)
		}
		slices.SortFunc(rows, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
		if err := app.out().Table(rows); err != nil {
			return err
		}
		app.summary(noun, a, doneWords)
	}
	if a.stopped {
		return errInPart
	}
	return partly(a.failed, a.total)
}

// failureLine says why one of many did not succeed.
func failureLine(id string, item operations.BulkItem) []string {
	word := "failed"
	if item.Verdict == match.VerdictAmbiguous {
		word = "held"
	}
	return []string{id, word, item.Error}
}

// summary is one line with the figures.
func (app *cliEnv) summary(noun string, a bulkAnswer, words map[match.Verdict]string) {
	var parts []string
	for _, v := range match.Verdicts() {
		if n := a.counts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words[v]))
		}
	}
	if len(a.counts) == 0 && a.done > 0 {
		parts = append(parts, fmt.Sprintf("%d done", a.done))
	}
	if a.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", a.failed))
	}
	if a.stopped {
		parts = append(parts, fmt.Sprintf("stopped after %d: nothing goes on by itself, the same command does the rest", a.done+a.failed))
	}
	app.note(fmt.Sprintf("%d %s", a.total, noun) + map[bool]string{true: ": "}[len(parts) > 0] + strings.Join(parts, ", "))
}

// verdictWords are the verdicts as the summary counts them; doneWords once they
// are carried out.
var (
	verdictWords = map[match.Verdict]string{
		match.VerdictLinked: "linked already", match.VerdictLink: "to link", match.VerdictCreate: "to create",
		match.VerdictAmbiguous: "ambiguous", match.VerdictInvalid: "invalid", match.VerdictUnlinked: "left unlinked",
	}
	doneWords = map[match.Verdict]string{
		match.VerdictLinked: "linked already", match.VerdictLink: "linked now", match.VerdictCreate: "created",
		match.VerdictUnlinked: "left unlinked",
	}
)

func decisionDetail(d match.Decision) string {
	switch {
	case d.Reason != "":
		return d.Reason
	case d.Verdict == match.VerdictLink:
		return fmt.Sprintf("contact %s %q, partner %s %q", d.ContactID, d.Name, d.MetaKockaID, d.Partner)
	}
	return fmt.Sprintf("%q", or(d.Name, d.Partner))
}
