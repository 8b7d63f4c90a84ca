package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
)

// newMappingsCommand looks mappings up.
func newMappingsCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.MappingsRequest
	cmd := &cobra.Command{
		Use:     "mappings",
		Short:   "List which contact is linked with which partner",
		Example: "  mksync mappings --status error\n  mksync mappings --partner 228000046627 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return list(app, asJSON, "there is no such mapping", mappingLine, func(p operations.Page) (operations.List[operations.Mapping], error) {
					r.Page = p
					return operations.OpMappings.Ask(cmd.Context(), api, r)
				})
			})
		},
	}

	cmd.Flags().StringVar(&r.ContactID, "contact", "", "only the contact with this id")
	cmd.Flags().StringVar(&r.MetaKockaID, "partner", "", "only the partner with this id")
	choose(cmd, &r.Status, "status", "", "only those with this status: "+statusWords(), store.Statuses()...)
	jsonFlag(cmd, &asJSON)
	cmd.AddCommand(newMappingsPrune(app), newMappingsImport(app))
	return cmd
}

func statusWords() string {
	var words []string
	for _, s := range store.Statuses() {
		words = append(words, string(s))
	}
	return strings.Join(words, ", ")
}

func mappingLine(m operations.Mapping) []string {
	synced := "never synced"
	if m.LastSyncedAt != nil {
		synced = stamp(*m.LastSyncedAt)
	}
	line := []string{m.ID, string(m.SyncStatus), "contact " + m.ContactID, "partner " + or(m.MetaKockaID, "-"), synced, terminal.OneLine(m.LastError)}
	if m.LeftOut != "" {
		line = append(line, "left out: "+terminal.OneLine(m.LeftOut))
	}
	return line
}

func newMappingsPrune(app *cliEnv) *cobra.Command {
	var asJSON, yes bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "List mappings that have lost a side; with --yes clean up",
		Long: "List mappings that have lost a side, with what --yes does about each:\n" +
			"  contact_gone  the contact is gone and no deletion was seen: its deletion is held for approval\n" +
			"  both_gone     a tombstone whose partner is gone as well: it is removed\n" +
			"  partner_gone  the last poll did not find the partner: left alone; mksync sync settles it\n" +
			"Run it when the service has worked off its queues (mksync status): a deletion on its way looks like\n" +
			"a contact that is gone.",
		Example: "  mksync mappings prune\n  mksync mappings prune --yes",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return prune(cmd.Context(), app, api, asJSON, yes)
			})
		},
	}

	cmd.Flags().BoolVar(&yes, "yes", false, "clean up")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// pruneReport is the JSON of prune; Pruned is absent without --yes.
type pruneReport struct {
	Orphans []operations.Orphan `json:"orphans"`
	Pruned  *operations.Pruned  `json:"pruned,omitempty"`
}

// lostMappings are those that have lost a side.
func lostMappings(ctx context.Context, api operations.Answerer) ([]operations.Orphan, error) {
	return collect(func(p operations.Page) (operations.List[operations.Orphan], error) {
		return operations.OpOrphans.Ask(ctx, api, operations.OrphansRequest{Page: p})
	})
}

// prune reports the orphans, and with yes what was done about them.
func prune(ctx context.Context, app *cliEnv, api operations.Answerer, asJSON, yes bool) error {
	orphans, err := lostMappings(ctx, api)
	if err != nil {
		return err
	}
	report := pruneReport{Orphans: orphans}
	if yes {
		done, err := operations.OpPrune.Ask(ctx, api, operations.Nothing{})
		if err != nil {
			return err
		}
		report.Pruned = &done
	}
	if asJSON {
		return app.printJSON(report)
	}
	if err := printLines(app, "every mapping has its sides", orphans, orphanLine); err != nil || !yes {
		return err
	}
	app.note(terminal.Amount(report.Pruned.Removed, "tombstone", "tombstones") + " removed, " + terminal.Amount(report.Pruned.Held, "deletion", "deletions") + " held (mksync deletions list)")
	return nil
}

func orphanLine(o operations.Orphan) []string {
	return []string{o.ID, string(o.Kind), "--yes: " + o.Pruning, string(o.SyncStatus), "contact " + o.ContactID, "partner " + or(o.MetaKockaID, "-")}
}
