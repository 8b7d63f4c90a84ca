package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/alerts"
)

// newAlertsCommand is about the messages to people.
func newAlertsCommand(app *cliEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "alerts",
		Short:   "Try the ways on which people are told that one of them is needed",
		Long:    "People are told by a webhook or by mail when something waits for one of them, and when nothing does any more:\nalerts in the configuration file.",
		Example: "  mksync alerts test",
	}
	return group(cmd, newAlertsTest(app))
}

// trial is how a message fared that was sent to try a way.
type trial struct {
	Channel string `json:"channel"`
	To      string `json:"to"`
	Error   string `json:"error,omitempty"`
}

func newAlertsTest(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Send a message each way that is configured, and say what became of it",
		Long: "Send a message each way that is configured, and say what became of it. It says that it is a test: the\n" +
			"webhook's type is attention.test. Neither a running service nor the database is needed.",
		Example: "  mksync alerts test",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := app.load()
			if err != nil {
				return err
			}
			tried := alerts.Test(cmd.Context(), cfg.Told(), uuid.NewString(), time.Now())
			if len(tried) == 0 {
				return errors.New("nobody is told: set alerts.webhook_url and alerts.webhook_secret, or alerts.mail_to, alerts.mail_from and alerts.smtp_url in the file (MKSYNC_ALERTS_… in the environment)")
			}

			failed := 0
			var trials []trial
			for _, a := range tried {
				t := trial{Channel: string(a.Channel), To: a.To}
				if a.Err != nil {
					failed++
					t.Error = a.Err.Error()
				}
				trials = append(trials, t)
			}
			if err := app.printTrials(trials, asJSON); err != nil {
				return err
			}
			if failed > 0 {
				return fmt.Errorf("%d of %d ways do not work", failed, len(trials))
			}
			return nil
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (app *cliEnv) printTrials(trials []trial, asJSON bool) error {
	if asJSON {
		return app.printJSON(trials)
	}
	for _, t := range trials {
		what := "sent"
		if t.Error != "" {
			what = "FAILED: " + t.Error
		}
		if _, err := fmt.Fprintf(app.stdout, "%s to %s: %s\n", t.Channel, t.To, what); err != nil {
			return err
		}
	}
	return nil
}
