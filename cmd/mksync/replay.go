package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/replay"
)

// newReplayCommand replays the event stream.
func newReplayCommand(app *cliEnv) *cobra.Command {
	var r replay.ReplayRequest
	var since, until string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "replay --since TIME | --from-seq N",
		Short: "Replay the event stream for recovery",
		Long: "Sync every contact that the event stream names from a time or an event on, whether the service runs or not.\n\n" +
			"With --authority that side wins in every field that differs: crm after MetaKocka was restored from an old\n" +
			"backup (partners that are gone are made anew), metakocka after the CRM was, newest where both have moved on.\n" +
			"While it runs nothing else syncs its contacts, so that what the poller sees of them is not pulled.\n\n" +
			"--dry-run prints what would be written and writes nothing. It says so when events are no longer in the stream.\n" +
			"Interrupted, it can be run again: what is done already agrees.\n\n" +
			"A TIME is 2026-08-31T14:00:00Z, \"2026-08-31 14:00\" in local time, or how long ago, as 36h or 7d.",
		Example: "  mksync replay --since 36h --authority crm --dry-run\n  mksync replay --since 36h --authority crm\n  mksync replay --from-seq 1200 --contact 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10",
		Args: func(cmd *cobra.Command, args []string) error {
			return cmp.Or(noArgs(cmd, args), readReplay(&r, since, until, time.Now()))
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.By = operator()
			return app.replay(cmd.Context(), r, asJSON)
		},
	}

	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "replay events stored at this time or later")
	flags.Uint64Var(&r.FromSeq, "from-seq", 0, "replay events from this number on")
	flags.StringVar(&until, "until", "", "replay events stored before this time")
	flags.StringVar(&r.ContactID, "contact", "", "replay one contact only")
	choose(cmd, &r.Authority, "authority", "", "who wins where the sides differ (default: the usual rules)",
		syncer.AuthorityCRM, syncer.AuthorityMetaKocka, syncer.AuthorityNewest)
	flags.BoolVar(&r.DryRun, "dry-run", false, "print what would be written, write nothing")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// readReplay reads the flags that are texts.
func readReplay(r *replay.ReplayRequest, since, until string, now time.Time) (err error) {
	if r.Since, err = readTime(since, now); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if r.Until, err = readTime(until, now); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	if (since == "") == (r.FromSeq == 0) {
		return errors.New("either --since or --from-seq says where to begin; the first event is 1")
	}
	if !r.Until.IsZero() && !r.Until.After(r.Since) {
		return errors.New("--until is not after --since")
	}
	return nil
}

// readTime reads a moment, or how long ago it was.
func readTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	if d, err := config.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 2026-08-31T14:00:00Z, \"2026-08-31 14:00\" or 36h ago", text)
}

// withParts gives use the service's parts without running any role, on the NATS
// server of the running service where there is one.
func (app *cliEnv) withParts(ctx context.Context, use func(*service.Service) error) error {
	cfg, log, err := app.load(config.NeedDatabase, config.NeedMetaKocka)
	if err != nil {
		return err
	}
	if cfg.NATSURL == "" {
		if url, ok := embedded.Lookup(cfg.DataDir); ok {
			cfg.NATSURL = config.Secret(url)
		}
	}
	s, err := service.New(ctx, cfg, service.Options{Version: buildVersion(), Pace: service.UsualPace}, log)
	if err != nil {
		return err
	}
	defer s.Close()
	return use(s)
}

// replayReport is the JSON of a replay; Previews are those of a dry run.
type replayReport struct {
	Events   int               `json:"events"`
	Contacts int               `json:"contacts"`
	Done     int               `json:"done"`
	Failed   map[string]string `json:"failed"` // contact id -> why
	Previews []syncer.Preview  `json:"previews,omitempty"`
}

func (app *cliEnv) replay(ctx context.Context, r replay.ReplayRequest, asJSON bool) error {
	return app.withParts(ctx, func(s *service.Service) error {
		say := func(format string, args ...any) { app.note(fmt.Sprintf(format, args...)) }
		var previews []syncer.Preview
		show := app.showPreview
		if asJSON {
			show = func(p syncer.Preview) { previews = append(previews, p) }
		}

		// Subjects of events name a contact as Postgres writes its id.
		if r.ContactID != "" {
			id, err := s.Store.KeyType().Canonical(r.ContactID)
			if err != nil {
				return fmt.Errorf("--contact: %q %w", r.ContactID, err)
			}
			r.ContactID = id
		}

		sum, err := replay.NewReplayer(s.Reconciler, s.Bus, s.Store, say, show).Run(ctx, r)
		switch {
		case ctx.Err() != nil:
			return stopped("%d of %d contacts done; the same command does the rest", sum.Done, sum.Contacts)
		case err != nil:
			return err
		}

		if asJSON {
			err = app.printJSON(replayReport{sum.Events, sum.Contacts, sum.Done, sum.Failed, previews})
		}
		say("%d of %d contacts done, %d of them refused", sum.Done, sum.Contacts, len(sum.Failed))
		return errors.Join(err, partly(len(sum.Failed), sum.Contacts))
	})
}

// showPreview prints what would be written, one line for each contact.
func (app *cliEnv) showPreview(p syncer.Preview) {
	parts := []string{p.ContactID, "partner " + or(p.MetaKockaID, "-")}
	if p.Does != "" {
		parts = append(parts, p.Does)
	}
	for _, side := range []struct {
		name    string
		changes []syncer.FieldChange
	}{{"MetaKocka", p.ToMetaKocka}, {"CRM", p.ToCRM}} {
		for _, c := range side.changes {
			parts = append(parts, fmt.Sprintf("%s: %s %s -> %s", side.name, c.Field, quote(c.From), quote(c.To)))
		}
	}
	if len(parts) == 2 {
		parts = append(parts, "nothing to do")
	}
	_ = app.out().Table([][]string{parts})
}
