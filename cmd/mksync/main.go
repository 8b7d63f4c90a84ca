// Command mksync keeps the contacts of a CRM's Postgres and the partners of
// MetaKocka the same.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // for machines and images that have none

	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // certificate authorities, for those that have none

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/internal/terminal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil && !errors.Is(err, errReported) {
		_, _ = fmt.Fprintln(terminal.New(os.Stderr, nil), "mksync:", err)
	}
	if status := exitStatus(err, interrupted); status != 0 {
		os.Exit(status)
	}
}

// run is the whole program. Its error is what a person has to read; it ends
// when ctx does, which is no error.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	app := &cliEnv{stdin: os.Stdin, stdout: stdout, stderr: stderr, environ: os.Environ()}
	root := newRootCommand(app)
	root.SetArgs(args)
	root.SetOut(app.stdout)
	root.SetErr(app.stderr)
	return root.ExecuteContext(ctx)
}

// cliEnv is what every command works with. Once there is a root command, stdout
// and stderr are screens.
type cliEnv struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string // NAME=value
	configPath     string   // the --config flag
}

// out is where results go, notes where a person is told what happens.
func (app *cliEnv) out() *terminal.Screen   { return terminal.New(app.stdout, app.environ) }
func (app *cliEnv) notes() *terminal.Screen { return terminal.New(app.stderr, app.environ) }

// load reads the configuration, of which the command cannot do without the
// needs, and makes the logger it asks for.
func (app *cliEnv) load(needs ...config.Need) (config.Config, *slog.Logger, error) {
	cfg, err := config.Load(app.configPath, app.environ, needs...)
	if err != nil {
		return config.Config{}, nil, err
	}
	log := telemetry.NewLogger(app.notes().Raw(), telemetry.LogConfig{
		Level: cfg.LogLevel, Format: cfg.LogFormat,
	})
	return cfg, log, nil
}

// newRootCommand is mksync without a command; it shows the help.
func newRootCommand(app *cliEnv) *cobra.Command {
	root := &cobra.Command{
		Use:           "mksync",
		Short:         "Two-way sync of CRM contacts and MetaKocka partners",
		Long:          rootHelp,
		Example:       "  mksync demo\n  mksync init --write mksync.yaml\n  mksync doctor\n  mksync run --migrate\n  mksync status --watch",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	app.stdout = app.out()
	app.stderr = app.notes()
	if app.stdin == nil {
		app.stdin = os.Stdin
	}
	root.PersistentFlags().StringVar(&app.configPath, "config", "", "YAML file with the configuration (or MKSYNC_CONFIG)")
	group(root, commands(app)...)
	guard(root)
	return root
}

// commands are the commands of mksync, each from its own file.
func commands(app *cliEnv) []*cobra.Command {
	return []*cobra.Command{
		newDemoCommand(app),
		newInitCommand(app),
		newRunCommand(app),
		newStatusCommand(app),
		newHealthcheckCommand(app),
		newSupportCommand(app),

		newSyncCommand(app),
		newCheckCommand(app),
		newReplayCommand(app),
		newListenerCommand(app),
		newImportCommand(app),
		newMappingsCommand(app),
		newPartnersCommand(app),
		newJobsCommand(app),

		newConflictsCommand(app),
		newDeletionsCommand(app),
		newReviewCommand(app),
		newUnclearCommand(app),
		newLinkCommand(app),
		newUnlinkCommand(app),
		newLeaveOutCommand(app),
		newTakeInCommand(app),
		newLeftOutCommand(app),
		newMergeCommand(app),
		newDuplicatesCommand(app),

		newHistoryCommand(app),
		newWhyCommand(app),
		newUndoCommand(app),

		newDeadLettersCommand(app),
		newPauseCommand(app),
		newResumeCommand(app),

		newMigrateCommand(app),
		newDoctorCommand(app),
		newAlertsCommand(app),
		newSimulatorCommand(app),
		newManCommand(app),
		newVersionCommand(app),
	}
}
