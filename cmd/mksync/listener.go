package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
)

// newListenerCommand is about the listener's place in the database's log.
func newListenerCommand(app *cliEnv) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "listener",
		Short:   "Accept a database that was restored",
		Example: "  mksync listener accept",
	}
	return group(cmd, newListenerAccept(app))
}

func newListenerAccept(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "accept",
		Short: "Go on with a database that was restored",
		Long: "The listener stops when the CRM's database is not the one it knows: it was restored from a backup, or a\n" +
			"standby took over. Make sure that MKSYNC_DATABASE_URL names the right one, stop the service, and accept it:\n" +
			"the replication slot is dropped, positions in the event stream no longer count (its events are kept), and\n" +
			"the next start takes a snapshot and checks and repairs everything.\n\n" +
			"Where MetaKocka holds what the restored database has lost, `mksync replay --authority metakocka` brings it back.",
		Example: "  mksync listener accept",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return app.acceptDatabase(cmd.Context(), asJSON) },
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (app *cliEnv) acceptDatabase(ctx context.Context, asJSON bool) error {
	cfg, _, err := app.load(config.NeedDatabase)
	if err != nil {
		return err
	}
	a, err := service.AcceptDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	if asJSON {
		return app.printJSON(a)
	}
	_, err = fmt.Fprintf(app.stdout, "accepted database %s; the next start takes a snapshot and checks everything\n", identified(a))
	return err
}

// identified tells a database from another one: what it is known by, and what that was before
// where it differs.
func identified(a cdc.Accepted) string {
	var words []string
	changed := false
	for _, part := range []struct {
		name     string
		was, now any
	}{
		{"system", or(a.OldSystemID, "none"), or(a.SystemID, "not known")},
		{"timeline", a.OldTimeline, a.Timeline},
		{"number", a.OldDatabase, a.Database},
		{"mksync_state number", a.OldStateTable, a.StateTable},
	} {
		said := fmt.Sprintf("%s %v", part.name, part.now)
		if part.was != part.now {
			said += fmt.Sprintf(" (before: %v)", part.was)
			changed = true
		}
		words = append(words, said)
	}
	if !changed {
		words = append(words, "as before")
	}
	return strings.Join(words, ", ")
}
