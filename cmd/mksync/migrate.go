package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/migrations"
)

// newMigrateCommand brings mksync's own tables up to date, or takes them back.
func newMigrateCommand(app *cliEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Make, update or remove mksync's own tables",
		Long: `Works on mksync's own tables in the CRM's database. The contacts table is
never touched. Several processes may migrate at once: one of them works.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	up := &cobra.Command{
		Use: "up", Short: "Apply every missing migration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return app.migrateUp(cmd.Context()) },
	}
	down := &cobra.Command{
		Use: "down", Short: "Take the newest migration back, with the data in its tables", Args: cobra.NoArgs,
		Long: `Takes the newest migration back. The tables it made are dropped with all that
is in them: with the first migration, every link of a contact and a partner.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return app.migrateDown(cmd.Context()) },
	}
	var asJSON bool
	status := &cobra.Command{
		Use: "status", Short: "List the migrations and which are applied", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return app.migrateStatus(cmd.Context(), asJSON) },
	}
	status.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	cmd.AddCommand(up, down, status)
	return cmd
}

func (app *cliEnv) migrateUp(ctx context.Context) error {
	config, _, err := app.load(needDatabase)
	if err != nil {
		return err
	}
	done, err := migrations.Up(ctx, config.DatabaseURL.Reveal())
	if err != nil {
		return explainDatabase(config, err)
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

func (app *cliEnv) migrateDown(ctx context.Context) error {
	config, _, err := app.load(needDatabase)
	if err != nil {
		return err
	}
	done, err := migrations.Down(ctx, config.DatabaseURL.Reveal())
	if err != nil {
		return explainDatabase(config, err)
	}
	for _, step := range done {
		_, _ = fmt.Fprintf(app.stdout, "taken back  %s\n", step.Name)
	}
	if len(done) == 0 {
		_, err = fmt.Fprintln(app.stdout, "nothing to do: no migration is applied")
	}
	return err
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

func (app *cliEnv) migrateStatus(ctx context.Context, asJSON bool) error {
	config, _, err := app.load(needDatabase)
	if err != nil {
		return err
	}
	steps, err := migrations.Look(ctx, config.DatabaseURL.Reveal())
	if err != nil {
		return explainDatabase(config, err)
	}
	status := statusOf(steps)
	if asJSON {
		encoder := json.NewEncoder(app.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(status)
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
		last = plural(s.Missing, "migration is", "migrations are") + " missing: run `mksync migrate up`"
	}
	_, err := fmt.Fprintln(app.stdout, last)
	return err
}
