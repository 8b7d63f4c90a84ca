package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/httpapi"
)

// newHealthcheckCommand is what a container's or another supervisor's health check runs.
func newHealthcheckCommand(app *cliEnv) *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the service of this machine whether it does its work",
		Long: "Ask /readyz of MKSYNC_HTTP_ADDR, which needs no token. The exit status is 0 where the roles of the process\n" +
			"that listens there do their work; else it is 1, and a line says what keeps them from it.",
		Example: "  mksync healthcheck",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := app.load()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), httpapi.ReadyTimeout)
			defer cancel()

			var notReady httpapi.NotReadyError
			err = httpapi.Ready(ctx, cfg.HTTPAddr)
			switch {
			case errors.As(err, &notReady):
				return err
			case err != nil:
				return fmt.Errorf("no service answers on %s (MKSYNC_HTTP_ADDR); it is starting, or runs without the role api: %w", cfg.HTTPAddr, err)
			}
			_, err = fmt.Fprintln(app.stdout, "ready")
			return err
		},
	}
}
