package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/telemetry"
)

// newRunCommand is the service.
func newRunCommand(app *cliEnv) *cobra.Command {
	var roles string
	var migrate, brisk, lower bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the service",
		Long: "Run the service until SIGINT or SIGTERM. All roles run in one process by default;\n" +
			"several processes may share them: " + strings.Join(service.AllRoles, ", ") + ".",
		Example: "  mksync run --migrate\n  mksync run --roles listener,poller",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen, err := service.ParseRoles(roles)
			if err != nil {
				return misused(cmd, err)
			}
			p := service.UsualPace
			if brisk {
				p = service.BriskPace
			}
			return app.run(cmd.Context(), service.Start{Options: service.Options{Version: buildVersion(), Roles: chosen, Pace: p}, Migrate: migrate, LowerStreams: lower})
		},
	}

	cmd.Flags().StringVar(&roles, "roles", "", "comma-separated roles (default all)")
	_ = cmd.RegisterFlagCompletionFunc("roles", commaWords(service.AllRoles))
	cmd.Flags().BoolVar(&migrate, "migrate", false, "bring mksync's tables up to date first")
	cmd.Flags().BoolVar(&lower, "lower-streams", false, "let the settings lower copies, ages and sizes of streams that are there; events may go at once")
	cmd.Flags().BoolVar(&brisk, "brisk", false, "notice and retry at the demo's pace")
	_ = cmd.Flags().MarkHidden("brisk")
	return cmd
}

// run runs the service until ctx ends.
func (app *cliEnv) run(ctx context.Context, start service.Start) error {
	cfg, log, err := app.load(config.NeedDatabase, config.NeedMetaKocka)
	if err != nil {
		return err
	}
	start.Tail = &telemetry.Tail{}
	return service.Run(ctx, cfg, start, start.Tail.Over(log))
}
