package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/migrations"
)

// newMigrateCommand brings mksync's own tables up to date, or takes them back.
func newMigrateCommand(app *cliEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Make, update or remove mksync's own tables",
		Long: "Work on mksync's own tables in the CRM's database. The contacts table is never touched. Several\n" +
			"processes may migrate at once: one of them works.",
		Example: "  mksync migrate status\n  mksync migrate up",
	}

	// Moving alone has a flag of its own.
	var from string
	move := migration(app, func(ctx context.Context, cfg config.Config, asJSON bool) error {
		return app.migrateMove(ctx, cfg, from, asJSON)
	}, &cobra.Command{
		Use: "move", Short: "Move mksync's tables to the schema that is set",
		Long: "Move mksync's tables from the schema they are in to the one that MKSYNC_SCHEMA (or MKSYNC_INSTANCE) names,\n" +
			"in one transaction, with their rights and all that is in them. Every process of mksync is stopped first.\n" +
			"A schema that is missing is made. Tables that are there already are not moved again.",
		Example: "  mksync migrate move\n  mksync migrate move --from public",
	})
	move.Flags().StringVar(&from, "from", "", "the `schema` they are in, where several may be meant")

	return group(cmd,
		migration(app, app.migrateUp, &cobra.Command{
			Use: "up", Short: "Apply every missing migration", Example: "  mksync migrate up",
		}),
		migration(app, app.migrateDown, &cobra.Command{
			Use: "down", Short: "Take the newest migration back, with the data in its tables",
			Long: "Take the newest migration back. The tables it made are dropped with all that is in them: with the first\n" +
				"migration, every link of a contact and a partner. Every process of mksync is stopped first.",
			Example: "  mksync migrate down",
		}),
		migration(app, app.migrateStatus, &cobra.Command{
			Use: "status", Short: "List the migrations and which are applied", Example: "  mksync migrate status --json",
		}),
		move)
}

// migration completes a command that works on the tables.
func migration(app *cliEnv, do func(ctx context.Context, cfg config.Config, asJSON bool) error, cmd *cobra.Command) *cobra.Command {
	var asJSON bool
	cmd.Args = noArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, _, err := app.load(config.NeedDatabase)
		if err != nil {
			return err
		}
		return config.ExplainDatabase(cfg, do(cmd.Context(), cfg, asJSON))
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (app *cliEnv) migrateUp(ctx context.Context, cfg config.Config, asJSON bool) error {
	done, err := service.Migrate(ctx, cfg)
	if err != nil || asJSON {
		return app.migrated(done, err)
	}
	for _, step := range done {
		_, _ = fmt.Fprintf(app.stdout, "applied   %s\n", step.Name)
	}
	if len(done) == 0 {
		_, err = fmt.Fprintln(app.stdout, "nothing to do: mksync's tables are up to date")
		return err
	}
	_, err = fmt.Fprintln(app.stdout, "mksync's tables are up to date")
	return err
}

func (app *cliEnv) migrateDown(ctx context.Context, cfg config.Config, asJSON bool) error {
	done, err := service.TakeBack(ctx, cfg)
	if err != nil || asJSON {
		return app.migrated(done, err)
	}
	for _, step := range done {
		_, _ = fmt.Fprintf(app.stdout, "taken back  %s\n", step.Name)
	}
	if len(done) == 0 {
		_, err = fmt.Fprintln(app.stdout, "nothing to do: no migration is applied")
	}
	return err
}

func (app *cliEnv) migrateMove(ctx context.Context, cfg config.Config, from string, asJSON bool) error {
	moved, err := service.MoveTables(ctx, cfg, from)
	if err != nil {
		return err
	}
	if asJSON {
		return app.printJSON(moved)
	}
	if moved.From == "" {
		_, err = fmt.Fprintf(app.stdout, "nothing to do: mksync's tables are in schema %s\n", moved.To)
		return err
	}
	for _, what := range moved.What {
		_, _ = fmt.Fprintf(app.stdout, "moved   %s\n", what)
	}
	_, err = fmt.Fprintf(app.stdout, "mksync's tables are in schema %s now; they were in %s\n", moved.To, moved.From)
	return err
}

// migrated is the answer of `migrate up --json` and `migrate down --json`.
func (app *cliEnv) migrated(done []migrations.Step, err error) error {
	if err != nil {
		return err
	}
	return app.printJSON(statusOf(done).Migrations)
}

// migrationStatus is the answer of `migrate status --json`.
type migrationStatus struct {
	UpToDate   bool            `json:"upToDate"`
	Missing    int             `json:"missing"`
	Migrations []migrationStep `json:"migrations"`
}

type migrationStep struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

func (app *cliEnv) migrateStatus(ctx context.Context, cfg config.Config, asJSON bool) error {
	steps, err := migrations.Look(ctx, cfg.DatabaseURL.Reveal(), service.Installation(cfg))
	if err != nil {
		return err
	}
	status := statusOf(steps)
	if asJSON {
		return app.printJSON(status)
	}
	return app.printMigrations(status)
}

func statusOf(steps []migrations.Step) migrationStatus {
	s := migrationStatus{Migrations: []migrationStep{}}
	for _, step := range steps {
		if !step.Applied {
			s.Missing++
		}
		s.Migrations = append(s.Migrations, migrationStep(step))
	}
	s.UpToDate = s.Missing == 0
	return s
}

func (app *cliEnv) printMigrations(s migrationStatus) error {
	for _, step := range s.Migrations {
		state, name := "missing", step.Name
		if step.Applied {
			state = "applied"
		}
		if name == "" {
			name = fmt.Sprintf("%05d (made by a newer mksync)", step.Version)
		}
		_, _ = fmt.Fprintf(app.stdout, "%s   %s\n", state, name)
	}
	last := "mksync's tables are up to date"
	if !s.UpToDate {
		last = terminal.Amount(s.Missing, "migration is", "migrations are") + " missing: run `mksync migrate up`"
	}
	_, err := fmt.Fprintln(app.stdout, last)
	return err
}
