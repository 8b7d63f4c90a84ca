package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/demo"
)

// newDemoCommand is the whole system on this machine.
func newDemoCommand(app *cliEnv) *cobra.Command {
	var opts demo.Options
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See mksync at work on this machine, with nothing to configure",
		Long: "Start a throw-away Postgres with a contacts table, the MetaKocka simulator and the service,\n" +
			"change contacts on both sides, kill the service, cut MetaKocka off, and show that both sides\n" +
			"agree in the end. Nothing is left behind. The exit status is 1 when they do not agree.",
		Example: "  mksync demo\n  mksync demo --serve\n  mksync demo --review",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.Out = app.out()
			opts.Log = app.stderr
			opts.Environ = app.environ
			err := demo.Run(cmd.Context(), opts)
			if errors.Is(err, demo.ErrDisagree) {
				return errReported
			}
			return err
		},
	}

	cmd.Flags().BoolVar(&opts.Serve, "serve", false, "keep everything running at the end, until Ctrl-C")
	cmd.Flags().StringVar(&opts.Origin, "origin", "", "with --serve: pages from there, such as https://crm.example.si, may show where contacts stand")
	cmd.Flags().BoolVar(&opts.Review, "review", false, "show a first start under review (MKSYNC_FIRST_SYNC=review) instead, and keep it running until Ctrl-C")
	cmd.Flags().BoolVar(&opts.Verbose, "verbose", false, "show what the service logs")
	return cmd
}
