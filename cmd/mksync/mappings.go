package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
)

// newMappingsCommand looks mappings up.
func newMappingsCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	var search string
	var r operations.MappingsRequest
	cmd := &cobra.Command{
		Use:   "mappings",
		Short: "List which contact is linked with which partner",
		Long: "List mappings by contact id. With --search those that have it in a name, e-mail, tax number, phone or\n" +
			"partner's number on either side, whatever the case and the accents, or as an id; and behind them the\n" +
			"contacts without a mapping that have it: those that are new or left out.",
		Example: "  mksync mappings --status error\n  mksync mappings --search \"čeh 040 555\"\n  mksync mappings --partner 228000046627 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if search != "" && (r.ContactID != "" || r.MetaKockaID != "") {
				return errors.New("--search looks at ids as well: give it alone, or with --status")
			}
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				if search != "" {
					return app.searchMappings(cmd.Context(), api, operations.ContactsRequest{Search: search, Status: r.Status}, asJSON)
				}
				return list(app, asJSON, "there is no such mapping", mappingLine, func(p operations.Page) (operations.List[operations.Mapping], error) {
					r.Page = p
					return operations.OpMappings.Ask(cmd.Context(), api, r)
				})
			})
		},
	}

	cmd.Flags().StringVar(&r.ContactID, "contact", "", "only the contact with this id")
	cmd.Flags().StringVar(&r.MetaKockaID, "partner", "", "only the partner with this id")
	cmd.Flags().StringVar(&search, "search", "", "only those that have this in a name, e-mail, tax number, phone or number")
	choose(cmd, &r.Status, "status", "", "only those with this status: "+statusWords(), store.Statuses()...)
	jsonFlag(cmd, &asJSON)
	cmd.AddCommand(newMappingsPrune(app), newMappingsImport(app))
	return cmd
}

// searchMappings lists what a search finds, with names.
func (app *cliEnv) searchMappings(ctx context.Context, api operations.Answerer, r operations.ContactsRequest, asJSON bool) error {
	return list(app, asJSON, "nothing was found", foundLine, func(p operations.Page) (operations.List[operations.ListedContact], error) {
		r.Page = p
		return operations.OpContacts.Ask(ctx, api, r)
	})
}

func foundLine(c operations.ListedContact) []string {
	stands := string(c.SyncStatus)
	switch {
	case c.LeftOut:
		stands = "left out"
	case stands == "":
		stands = "no mapping"
	}
	return []string{
		or(c.MappingID, "-"), stands, "contact " + c.ContactID, terminal.OneLine(or(c.CompanyName, or(c.Name, "-"))),
		"partner " + or(c.MetaKockaID, "-"), terminal.OneLine(or(c.PartnerName, "-")),
	}
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
