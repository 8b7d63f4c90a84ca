package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
		return explainMigration(config, err)
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
		return explainMigration(config, err)
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
		return explainMigration(config, err)
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

// explainMigration says what a person has to do about an error of the database,
// without quoting the address, which holds the password.
func explainMigration(config Config, err error) error {
	pc, parseErr := pgx.ParseConfig(config.DatabaseURL.Reveal())
	if parseErr != nil {
		return err
	}
	where := net.JoinHostPort(pc.Host, fmt.Sprint(pc.Port))
	role := pgx.Identifier{pc.User}.Sanitize()
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &pg):
		return explainRefusal(pg, pc, role, err)
	case errors.As(err, &connect):
		return fmt.Errorf("no Postgres answers at %s (%s): start it, or correct MKSYNC_DATABASE_URL", where, connectCause(connect))
	default:
		return err
	}
}

// connectCause is why a connection was not made, without the attempts that led
// to it.
func connectCause(err *pgconn.ConnectError) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return strings.Join(strings.Fields(err.Unwrap().Error()), " ")
}

func explainRefusal(pg *pgconn.PgError, pc *pgx.ConnConfig, role string, err error) error {
	switch pg.Code {
	case "28P01", "28000":
		return fmt.Errorf("postgres refuses role %s (%s): correct user and password in MKSYNC_DATABASE_URL", role, pg.Message)
	case "3D000":
		return fmt.Errorf("database %q does not exist: correct its name in MKSYNC_DATABASE_URL", pc.Database)
	case "3F000":
		return fmt.Errorf("the search_path of role %s names no schema that exists: run ALTER ROLE %s SET search_path = public", role, role)
	case "42501":
		return fmt.Errorf("role %s lacks a right (%s): run as the owner GRANT USAGE, CREATE ON SCHEMA public TO %s, or migrate as the role that owns mksync's tables", role, pg.Message, role)
	case "42P07":
		return fmt.Errorf("a table of that name exists, which mksync did not make (%s): rename it, or give mksync a database or search_path of its own", pg.Message)
	default:
		return err
	}
}
