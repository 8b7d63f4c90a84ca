package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
)

// newJobsCommand looks after bulk requests that are worked on later.
func newJobsCommand(app *cliEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "List, show, watch, retry and cancel jobs",
		Long: "List, show, watch, retry and cancel jobs: bulk requests, and undos of several contacts, that the\n" +
			"service works on after it has answered. Jobs over the same contacts run one after another, others side\n" +
			"by side. A job that is done can be looked at for 30 days.",
		Example: "  mksync jobs list\n  mksync jobs watch 0f4e2c1a-6d8b-4b0e-a3ad-6c2b0b6a9d10",
	}
	return group(cmd, newJobsList(app), newJobsShow(app), newJobsWatch(app), newJobsRetry(app), newJobsCancel(app))
}

func newJobsList(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the jobs, newest first",
		Example: "  mksync jobs list\n  mksync jobs list --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return list(app, asJSON, "there are no jobs", jobLine, func(p operations.Page) (operations.List[operations.Job], error) {
					return operations.OpJobs.Ask(cmd.Context(), api, p)
				})
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func completeJobs(app *cliEnv) cobra.CompletionFunc {
	return completeIDs(app, operations.OpJobs, operations.Page{Limit: mostCompleted}, jobLine)
}

func jobLine(j operations.Job) []string {
	return []string{j.ID, string(j.Status), j.Operation, jobDone(j), stamp(j.CreatedAt), "by " + or(j.CreatedBy, "-"), jobWaits(j)}
}

// jobDone says how far a job is.
func jobDone(j operations.Job) string {
	switch {
	case j.Total == 0 && j.Status == store.JobDone:
		return "nothing to do"
	case j.Total == 0:
		return or(j.Doing, "-")
	}
	return fmt.Sprintf("%d of %d, %d failed", j.Done, j.Total, j.Failed)
}

// jobWaits says what is next of an open job, or why it failed.
func jobWaits(j operations.Job) string {
	switch {
	case j.Error != "":
		return j.Error
	case len(j.WaitsFor) > 0:
		return "waits for job " + strings.Join(j.WaitsFor, ", ") + ", over the same contacts"
	case j.Paused != "":
		return "waits: " + j.Paused
	case j.ExpectedAt != nil:
		return "done at about " + j.ExpectedAt.Local().Format(time.TimeOnly)
	}
	return ""
}

func newJobsShow(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "show ID",
		Short:             "Show how far a job is, and what failed with its reason",
		Example:           "  mksync jobs show 0f4e2c1a-6d8b-4b0e-a3ad-6c2b0b6a9d10",
		Args:              oneID("job"),
		ValidArgsFunction: firstOnly(completeJobs(app)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				shown, err := jobFailures(cmd.Context(), api, args[0])
				switch {
				case err != nil:
					return err
				case asJSON:
					return app.printJSON(shown)
				}
				if err := app.out().Sheet(jobSheet(shown.Job)); err != nil {
					return err
				}
				return app.printFailures(shown)
			})
		},
	}

	jsonFlag(cmd, &asJSON)
	return cmd
}

// shownJob is a job with what failed of it, so far where it runs.
type shownJob struct {
	operations.Job
	Failures []operations.BulkItem `json:"failures"`
}

// jobFailures reads a job and, page by page, what failed of it.
func jobFailures(ctx context.Context, api operations.Answerer, id string) (shown shownJob, err error) {
	shown.Failures, err = collect(func(p operations.Page) (l operations.List[operations.BulkItem], err error) {
		j, err := operations.OpJob.Ask(ctx, api, operations.JobRequest{ID: id, Failed: true, After: p.After, Limit: p.Limit})
		if err != nil {
			return l, err
		}
		l.Items, err = j.Items()
		l.Next = j.Next
		shown.Job = j
		return l, err
	})
	shown.Result = nil
	shown.Next = ""
	return shown, err
}

func jobSheet(j operations.Job) (sheet []terminal.Pair) {
	line := func(name, text string) {
		if text != "" {
			sheet = append(sheet, terminal.Pair{name, text})
		}
	}
	moment := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return stamp(*t)
	}

	line("job", j.ID)
	line("does", j.Operation)
	line("state", string(j.Status))
	line("doing", j.Doing)
	if j.Total > 0 {
		line("done", jobDone(j))
	}

	line("waits for", strings.Join(j.WaitsFor, ", "))
	line("waits", j.Paused)
	line("error", j.Error)

	line("created", stamp(j.CreatedAt)+" by "+or(j.CreatedBy, "-"))
	line("began", moment(j.StartedAt))
	line("likely done", moment(j.ExpectedAt))
	line("ended", moment(j.FinishedAt))
	line("cancelled by", j.FinishedBy)
	return sheet
}

func (app *cliEnv) printFailures(shown shownJob) error {
	if len(shown.Failures) == 0 {
		return nil
	}
	return printLines(app, "", shown.Failures, func(i operations.BulkItem) []string {
		if shown.Operation == operations.OpBulkImport.Name {
			return failureLine(i.MetaKockaID, i)
		}
		return failureLine(i.ContactID, i)
	})
}

func newJobsCancel(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "cancel ID...",
		Short: "Stop jobs",
		Long: "Stop jobs. What of a job is under way comes to its end, and what is done stays done; the rest is left\n" +
			"as it is.",
		Example:           "  mksync jobs cancel 0f4e2c1a-6d8b-4b0e-a3ad-6c2b0b6a9d10",
		Args:              someIDs("jobs"),
		ValidArgsFunction: completeJobs(app),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return each(cmd.Context(), app, asJSON, args, func(id string) (operations.Job, error) {
					return operations.OpCancelJob.Ask(cmd.Context(), api, operations.EntryRequest{ID: id, By: operator()})
				}, jobLine)
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newJobsRetry(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "retry ID...",
		Short:             "Try again what of jobs failed, as jobs of their own",
		Example:           "  mksync jobs retry 0f4e2c1a-6d8b-4b0e-a3ad-6c2b0b6a9d10",
		Args:              someIDs("jobs"),
		ValidArgsFunction: completeJobs(app),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return each(cmd.Context(), app, asJSON, args, func(id string) (operations.Job, error) {
					return operations.OpRetryJob.Ask(cmd.Context(), api, operations.EntryRequest{ID: id, By: operator()})
				}, jobLine)
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newJobsWatch(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "watch ID",
		Short: "Follow a job until it ends",
		Long: "Follow a job until it ends: with a progress bar on a terminal, with plain lines elsewhere. Then what\n" +
			"failed is listed. Ctrl-C ends the watching, not the job. The exit status is 3 when a part of the job failed\n" +
			"or it was cancelled.",
		Example:           "  mksync jobs watch 0f4e2c1a-6d8b-4b0e-a3ad-6c2b0b6a9d10",
		Args:              oneID("job"),
		ValidArgsFunction: firstOnly(completeJobs(app)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return app.watchJob(cmd.Context(), api, args[0], asJSON)
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// lookEvery is how often a job that is watched is looked at.
const lookEvery = 500 * time.Millisecond

func (app *cliEnv) watchJob(ctx context.Context, api operations.Answerer, id string, asJSON bool) error {
	if err := app.followJob(ctx, api, id, asJSON); err != nil {
		return err
	}
	shown, err := jobFailures(ctx, api, id)
	if err == nil && asJSON {
		err = app.printJSON(shown)
	} else if err == nil {
		err = app.printFailures(shown)
		app.note(strings.TrimSuffix(fmt.Sprintf("job %s is %s: %s; %s", id, shown.Status, jobDone(shown.Job), jobWaits(shown.Job)), "; "))
	}
	switch {
	case err != nil:
		return err
	case shown.Status == store.JobDone:
		return partly(shown.Failed, shown.Total)
	case shown.Done > 0:
		return errInPart
	}
	return errReported
}

// followJob shows how far a job is until it ended.
func (app *cliEnv) followJob(ctx context.Context, api operations.Answerer, id string, asJSON bool) error {
	follow := app.follow(asJSON)
	defer follow.end()

	tick := time.NewTicker(lookEvery)
	defer tick.Stop()

	for {
		j, err := operations.OpJob.Ask(ctx, api, operations.JobRequest{ID: id, Brief: true})
		switch {
		case ctx.Err() != nil:
		case err != nil:
			return err
		case !j.Status.Open():
			return nil
		default:
			_ = follow.watch(ctx, jobProgress(j))
		}

		select {
		case <-ctx.Done():
			return stopped("but the job goes on: mksync jobs watch %s shows how far it is, mksync jobs cancel %s ends it", id, id)
		case <-tick.C:
		}
	}
}

// jobProgress is how far a job is, as of a request that is waited for.
func jobProgress(j operations.Job) operations.Progress {
	p := operations.Progress{Doing: or(j.Doing, string(j.Status)), Done: j.Done, Total: j.Total, Failed: j.Failed, Paused: j.Paused, ExpectedAt: j.ExpectedAt}
	if len(j.WaitsFor) > 0 {
		p.Doing = jobWaits(j)
		p.Total = 0
	}
	return p
}
