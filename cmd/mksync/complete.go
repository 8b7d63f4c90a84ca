package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/syncer/operations"
)

// glance is how long a shell that completes waits for a running service.
const glance = time.Second

// mostCompleted is how many ids a shell is told.
const mostCompleted = 100

// completeIDs completes ids that a running service lists; line begins with the id.
// Without a service, or where anything goes wrong, it silently completes nothing.
func completeIDs[R, T any](app *cliEnv, op operations.Operation[R, operations.List[T]], request R, line func(T) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), glance)
		defer cancel()

		// Whatever goes wrong here is silent: a shell that completes shows no errors.
		cfg, _, err := app.load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		nc, err := service.Dial(ctx, cfg)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer nc.Close()

		found, _ := op.Ask(ctx, control.NewClient(nc, cfg.Names()), request)
		named := map[string]bool{}
		for _, id := range given {
			named[id] = true
		}

		var ids []cobra.Completion
		for _, entry := range found.Items {
			if cells := line(entry); !named[cells[0]] {
				ids = append(ids, cobra.CompletionWithDesc(terminal.OneLine(cells[0]), terminal.Cut(describe(cells), terminal.UsualColumns)))
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// describe is an entry in one line, without its id.
func describe(cells []string) string {
	text := ""
	for _, c := range cells[1:] {
		text = terminal.OneLine(text + " " + c)
	}
	return text
}

// firstOnly completes the one argument of a command.
func firstOnly(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, given, typed)
	}
}

func completeConflicts(app *cliEnv, r operations.JournalRequest) cobra.CompletionFunc {
	r.Limit = mostCompleted
	return firstOnly(completeIDs(app, operations.OpConflicts, r, conflictLine))
}
