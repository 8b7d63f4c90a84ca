package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/syncer"
)

// bulkFlags are those of the commands that do all there are.
type bulkFlags struct{ all, dryRun, asJSON bool }

func (f *bulkFlags) add(cmd *cobra.Command, all, dryRun string) {
	cmd.Flags().BoolVar(&f.all, "all", false, all)
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, dryRun)
	jsonFlag(cmd, &f.asJSON)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case f.all && len(args) > 0:
			return fmt.Errorf("%s: either name some or give --all", cmd.CommandPath())
		case f.dryRun && !f.all:
			return fmt.Errorf("%s: --dry-run goes with --all", cmd.CommandPath())
		case !f.all && len(args) == 0:
			return fmt.Errorf("%s: name some, or give --all", cmd.CommandPath())
		}
		return nil
	}
}

// syncAll syncs all contacts, or reports what that would do.
func (app *cliEnv) syncAll(ctx context.Context, desk syncer.Answerer, f bulkFlags) error {
	follow := app.follow(f.asJSON)
	ctx = syncer.WithWatch(ctx, follow.watch)
	res, err := syncer.OpBulkSync.Ask(ctx, desk, syncer.BulkSyncRequest{SyncAll: true, DryRun: f.dryRun, By: operator()})
	follow.end()
	if err != nil {
		return stoppedOr(ctx, err)
	}
	b := bulkOutcome{noun: "contacts", id: func(i syncer.BulkItem) string { return i.ContactID }, total: res.Total, done: res.Succeeded, failed: res.Failed, stopped: res.Stopped, counts: res.Counts, failures: follow.failures}
	if !f.dryRun {
		return b.print(app, f.asJSON, res)
	}
	orphans, err := collect(func(p syncer.Page) (syncer.List[syncer.Orphan], error) {
		return syncer.OpOrphans.Ask(ctx, desk, syncer.OrphansRequest{Page: p})
	})
	if err != nil {
		return err
	}
	if f.asJSON {
		return app.printJSON(matchReport{res.Total, res.Counts, orEmpty(follow.decisions), orphans})
	}
	if err := app.printDecisions(follow.decisions, func(d syncer.Decision) string { return d.ContactID }); err != nil {
		return err
	}
	app.summary(b, verdictWords)
	if len(orphans) > 0 {
		app.note(fmt.Sprintf("%d mappings have lost their contact or their partner: mksync mappings prune lists them", len(orphans)))
	}
	return nil
}

// importAll imports all partners that no contact is linked with, or reports what
// that would do.
func (app *cliEnv) importAll(ctx context.Context, desk syncer.Answerer, f bulkFlags) error {
	follow := app.follow(f.asJSON)
	ctx = syncer.WithWatch(ctx, follow.watch)
	res, err := syncer.OpBulkImport.Ask(ctx, desk, syncer.BulkImportRequest{ImportAll: true, DryRun: f.dryRun, By: operator()})
	follow.end()
	if err != nil {
		return stoppedOr(ctx, err)
	}
	b := bulkOutcome{noun: "partners that no contact is linked with", id: func(i syncer.BulkItem) string { return i.MetaKockaID }, total: res.Total, done: res.Imported, failed: res.Failed, stopped: res.Stopped, counts: res.Counts, failures: follow.failures}
	switch {
	case !f.dryRun:
		return b.print(app, f.asJSON, res)
	case f.asJSON:
		return app.printJSON(matchReport{Total: res.Total, Counts: res.Counts, Decisions: orEmpty(follow.decisions)})
	}
	if err := app.printDecisions(follow.decisions, func(d syncer.Decision) string { return d.MetaKockaID }); err != nil {
		return err
	}
	app.summary(b, verdictWords)
	return nil
}

// matchReport is the JSON of a dry run. Those that are linked are only counted.
type matchReport struct {
	Total     int                    `json:"total"`
	Counts    map[syncer.Verdict]int `json:"counts"`
	Decisions []syncer.Decision      `json:"decisions"`
	Orphans   []syncer.Orphan        `json:"orphans,omitempty"`
}

func orEmpty[T any](list []T) []T { return append([]T{}, list...) }

// stoppedOr says that it was the user who ended a request.
func stoppedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stopped before anything was written: %w", ctx.Err())
	}
	return err
}

// follower shows how far a bulk request is and keeps what it brings.
type follower struct {
	app       *cliEnv
	bar       *progressbar.ProgressBar // nil: plain lines
	terminal  bool
	doing     string
	said      time.Time
	failures  []syncer.BulkItem
	decisions []syncer.Decision
}

// sayEvery is how often a plain line says how far it is.
const sayEvery = 5 * time.Second

func (app *cliEnv) follow(asJSON bool) *follower {
	return &follower{app: app, terminal: !asJSON && app.notes().terminal()}
}

func (f *follower) watch(_ context.Context, p syncer.Progress) error {
	f.decisions = append(f.decisions, p.Decisions...)
	f.failures = append(f.failures, p.Results...)
	if f.terminal {
		f.draw(p)
		return nil
	}
	line := p.Doing
	if p.Total > 0 {
		line = fmt.Sprintf("%s: %d of %d, %d failed", p.Doing, p.Done, p.Total, p.Failed)
	}
	if p.Paused != "" {
		line += "; waiting: " + oneLine(p.Paused)
	}
	if p.ExpectedAt != nil {
		line += ", done at about " + p.ExpectedAt.Local().Format(time.TimeOnly)
	}
	if p.Doing != f.doing || time.Since(f.said) >= sayEvery {
		f.doing, f.said = p.Doing, time.Now()
		f.app.note(line)
	}
	return nil
}

// draw moves the progress bar.
func (f *follower) draw(p syncer.Progress) {
	if f.bar == nil || p.Doing != f.doing {
		f.end()
		f.doing = p.Doing
		total := p.Total
		if total == 0 {
			total = -1 // a spinner
		}
		f.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(f.app.notes().raw), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	text := p.Doing
	if p.Failed > 0 {
		text += fmt.Sprintf(", %d failed", p.Failed)
	}
	if p.Paused != "" {
		text += ", waiting for MetaKocka"
	}
	if p.ExpectedAt != nil {
		text += ", done at about " + p.ExpectedAt.Local().Format(time.TimeOnly)
	}
	f.bar.Describe(text)
	_ = f.bar.Set(p.Done)
}

// end takes the bar away.
func (f *follower) end() {
	if f.bar != nil {
		_ = f.bar.Clear()
		f.bar = nil
	}
}

// bulkOutcome is how a bulk request ended.
type bulkOutcome struct {
	noun                string
	id                  func(syncer.BulkItem) string
	total, done, failed int
	stopped             bool
	counts              map[syncer.Verdict]int
	failures            []syncer.BulkItem
}

// print lists what failed; that, or a stop, makes the exit status 1.
func (b bulkOutcome) print(app *cliEnv, asJSON bool, res any) error {
	if asJSON {
		if err := app.printJSON(res); err != nil {
			return err
		}
	} else {
		slices.SortFunc(b.failures, func(a, c syncer.BulkItem) int { return cmp.Compare(b.id(a), b.id(c)) })
		rows := make([][]string, len(b.failures))
		for i, item := range b.failures {
			rows[i] = failureLine(b.id(item), item)
		}
		if err := app.out().table(rows); err != nil {
			return err
		}
		app.summary(b, doneWords)
	}
	if b.failed > 0 || b.stopped {
		return errReported
	}
	return nil
}

// failureLine says why one of many did not succeed.
func failureLine(id string, item syncer.BulkItem) []string {
	word := "failed"
	if item.Verdict == syncer.VerdictAmbiguous {
		word = "held"
	}
	return []string{id, word, item.Error}
}

// summary is one line with the figures.
func (app *cliEnv) summary(b bulkOutcome, words map[syncer.Verdict]string) {
	var parts []string
	for _, v := range syncer.Verdicts() {
		if n := b.counts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, words[v]))
		}
	}
	if b.failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", b.failed))
	}
	if b.stopped {
		parts = append(parts, fmt.Sprintf("stopped after %d", b.done+b.failed))
	}
	app.note(fmt.Sprintf("%d %s", b.total, b.noun) + map[bool]string{true: ": "}[len(parts) > 0] + strings.Join(parts, ", "))
}

// verdictWords are the verdicts as the summary counts them; doneWords once they
// are carried out.
var (
	verdictWords = map[syncer.Verdict]string{
		syncer.VerdictLinked: "linked already", syncer.VerdictLink: "to link", syncer.VerdictCreate: "to create",
		syncer.VerdictAmbiguous: "ambiguous", syncer.VerdictInvalid: "invalid", syncer.VerdictUnlinked: "left unlinked",
	}
	doneWords = map[syncer.Verdict]string{
		syncer.VerdictLinked: "linked already", syncer.VerdictLink: "linked now", syncer.VerdictCreate: "created",
		syncer.VerdictUnlinked: "left unlinked",
	}
)

// printDecisions prints the match report.
func (app *cliEnv) printDecisions(decisions []syncer.Decision, id func(syncer.Decision) string) error {
	rows := make([][]string, len(decisions))
	for i, d := range decisions {
		rows[i] = []string{id(d), string(d.Verdict), decisionDetail(d)}
	}
	return app.out().table(rows)
}

func decisionDetail(d syncer.Decision) string {
	switch {
	case d.Reason != "":
		return d.Reason
	case d.Verdict == syncer.VerdictLink:
		return fmt.Sprintf("contact %s %q, partner %s %q", d.ContactID, d.Name, d.MetaKockaID, d.Partner)
	}
	return fmt.Sprintf("%q", or(d.Name, d.Partner))
}
