package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/status"
)

// leastInterval keeps a watch from being all that a service does.
const leastInterval = 100 * time.Millisecond

// newStatusCommand shows how the sync stands.
func newStatusCommand(app *cliEnv) *cobra.Command {
	var asJSON, watch bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the sync stands",
		Long: "Show lag, queues, the last poll and the mappings by status. The running service is asked;\n" +
			"where none runs, the database is, and the output says so.\n\n" +
			"With --watch it is shown again and again: redrawn on a terminal, elsewhere a line for each change; with\n" +
			"--json a line of JSON each time. Ctrl-C ends it.",
		Example: "  mksync status\n  mksync status --json\n  mksync status --watch --interval 5s",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case cmd.Flags().Changed("interval") && !watch:
				return errors.New("--interval goes with --watch")
			case every < leastInterval:
				return fmt.Errorf("--interval: at least %s", leastInterval)
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := app.load(config.NeedDatabase)
			if err != nil {
				return err
			}
			ask := func(ctx context.Context) (status.Status, string, error) {
				return service.Status(ctx, cfg, buildVersion())
			}
			if watch {
				return (&statusWatch{app: app, every: every, asJSON: asJSON, ask: ask}).run(cmd.Context())
			}
			status, by, err := ask(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				app.note("as told by " + by)
				return app.printJSON(status)
			}
			return app.out().Sheet(statusSheet(status, by))
		},
	}

	cmd.Flags().BoolVar(&watch, "watch", false, "show it again and again")
	cmd.Flags().DurationVar(&every, "interval", 2*time.Second, "how often with --watch")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func statusSheet(s status.Status, by string) (sheet []terminal.Pair) {
	line := func(name, format string, args ...any) {
		sheet = append(sheet, terminal.Pair{name, fmt.Sprintf(format, args...)})
	}

	line("mksync", "%s, as told by %s", s.Version, by)
	line("listener", "%s, slot %s at %s, %s behind, last event %s", s.Listener.State, s.Listener.Slot,
		or(s.Listener.LSN, "-"), bytesText(s.Listener.LagBytes), ago(s.Listener.LastEventAt))
	// Of a database that does not answer nothing is known, least of all that there is nothing.
	known := func(name, text string) { line(name, "%s", text) }
	if s.DatabaseAway() {
		known = func(name, _ string) { line(name, "not known: the CRM's database does not answer") }
	}
	known("slot", slotText(s.Listener))
	line("heartbeat", "%s", ago(s.Listener.LastHeartbeatAt))

	for _, st := range s.Streams {
		line(st.Name, "%s (%d to %d)", terminal.Amount(st.Messages, "message", "messages"), st.FirstSeq, st.LastSeq)
	}

	line("pusher", "%s", workText(s.Pusher))
	line("puller", "%s", workText(s.Puller))
	known("poller", pollText(s.Poller))
	known("full check", checkText(s.Check))
	known("mappings", mappingsText(s.Mappings))
	known("differing", terminal.Amount(s.Differing, "link", "links"))
	known("waiting for you", waitingText(s.Waiting))

	if s.LeftOut > 0 {
		line("left out", "%s by hand: mksync left-out", terminal.Amount(s.LeftOut, "contact", "contacts"))
	}
	if len(s.NotKept) > 0 {
		line("not kept", "%v: the MetaKocka installation drops it; it is tried again once a day", s.NotKept)
	}

	if len(s.Problems) == 0 {
		line("problems", "none")
	}
	for _, p := range s.Problems {
		line("PROBLEM", "%s", p)
	}
	return sheet
}

func slotText(l status.ListenerStatus) string {
	if l.WALStatus == "" {
		return "not there"
	}
	text := fmt.Sprintf("keeps %s of log (%s)", bytesText(l.RetainedBytes), l.WALStatus)
	if l.SafeBytes != nil {
		text += fmt.Sprintf(", given up after %s more", bytesText(uint64(max(*l.SafeBytes, 0))))
	}
	return text
}

func workText(w status.WorkStatus) string {
	text := fmt.Sprintf("%d pending, %d in flight", w.Pending, w.InFlight)
	if w.Paused {
		text += ", paused"
	}
	return text
}

func pollText(p status.PollStatus) string {
	if p.LastPollAt == nil {
		return or(p.Error, "no poll yet")
	}
	text := fmt.Sprintf("%d partners, %s, took %.1fs", p.Partners, ago(p.LastPollAt), p.LastDurationSeconds)
	if p.Error != "" {
		text += ", but then: " + p.Error
	}
	return text
}

func checkText(c status.CheckStatus) string {
	if c.LastCheckAt == nil {
		return or(c.Error, "none yet")
	}
	text := fmt.Sprintf("%d links, %d differ, %s, took %.1fs", c.Links, c.Differing, ago(c.LastCheckAt), c.LastDurationSeconds)
	if c.Error != "" {
		text += ", but then: " + c.Error
	}
	return text
}

func mappingsText(counts map[store.Status]int) string {
	var parts []string
	for status, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, status))
	}
	slices.Sort(parts)
	return or(strings.Join(parts, ", "), "none")
}

// waitingWords are what waits, one and several.
var waitingWords = map[status.Code][2]string{
	status.WaitingConflict:   {"conflict", "conflicts"},
	status.WaitingReview:     {"first match", "first matches"},
	status.WaitingMatch:      {"unclear match", "unclear matches"},
	status.WaitingDeletion:   {"held deletion", "held deletions"},
	status.WaitingError:      {"contact in error", "contacts in error"},
	status.WaitingDeadLetter: {"dead letter", "dead letters"},
}

// waitingText is what waits in lists; the other kinds are the problems.
func waitingText(all []status.Waiting) string {
	var parts []string
	for _, w := range all {
		words, listed := waitingWords[w.Code]
		if !listed {
			continue
		}
		text := terminal.Amount(w.Count, words[0], words[1])
		if w.Since != nil {
			text += ", the oldest " + ago(w.Since)
		}
		parts = append(parts, text)
	}
	return or(strings.Join(parts, "; "), "nothing")
}

func ago(t *time.Time) string {
	if t == nil {
		return "not seen"
	}
	return max(time.Since(*t), 0).Round(time.Second).String() + " ago"
}

func bytesText(n uint64) string { return status.SizeText(n, status.Bytes, status.MiB) }

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
