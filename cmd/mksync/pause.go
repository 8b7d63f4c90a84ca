package main

import (
	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/syncer/operations"
)

// newPauseCommand stops sending.
func newPauseCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.SendingRequest
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Stop sending to MetaKocka until mksync resume",
		Long: "Stop sending to MetaKocka, in every process and across restarts, until mksync resume. What is under way\n" +
			"comes to its end; what changes on either side waits, and nothing is lost.",
		Example: "  mksync pause --reason \"the accountant closes the year\"",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.By = operator()
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				s, err := operations.OpPause.Ask(cmd.Context(), api, r)
				return app.showSending(s, err, asJSON)
			})
		},
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for whoever asks later")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// newResumeCommand lets sending go on.
func newResumeCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.SendingRequest
	cmd := &cobra.Command{
		Use:     "resume",
		Short:   "Let sending to MetaKocka go on",
		Example: "  mksync resume",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r.By = operator()
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				s, err := operations.OpResume.Ask(cmd.Context(), api, r)
				return app.showSending(s, err, asJSON)
			})
		},
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why, for whoever asks later")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (app *cliEnv) showSending(s operations.Sending, err error, asJSON bool) error {
	switch {
	case err != nil:
		return err
	case asJSON:
		return app.printJSON(s)
	case !s.Paused:
		return app.out().Table([][]string{{"sending goes on"}})
	}
	line := []string{"sending is paused since " + stamp(*s.Since), "by " + or(s.By, "somebody")}
	if s.Reason != "" {
		line = append(line, s.Reason)
	}
	return app.out().Table([][]string{line})
}
