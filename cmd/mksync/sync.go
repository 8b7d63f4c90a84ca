package main

import (
	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/syncer"
)

// newSyncCommand syncs single contacts.
func newSyncCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "sync CONTACT_ID...",
		Short: "Sync contacts with their partners now",
		Long: "Bring contacts and their partners together now. A contact without a partner gets one: the one that\n" +
			"matches it, or a new one; also where its partner is gone from MetaKocka.",
		Example: "  mksync sync 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withDesk(cmd.Context(), func(desk syncer.Answerer) error {
				return each(cmd.Context(), app, asJSON, args, func(id string) (syncer.Outcome, error) {
					return syncer.OpSync.Ask(cmd.Context(), desk, syncer.SyncRequest{ContactID: id, By: operator()})
				}, func(o syncer.Outcome) []string { return append([]string{o.ContactID}, outcomeLine(o)...) })
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// newImportCommand imports single partners.
func newImportCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import METAKOCKA_ID...",
		Short: "Import partners as contacts now",
		Long: "Link partners with the contacts that match them, or make the contacts. A partner that is linked\n" +
			"already is synced with its contact.",
		Example: "  mksync partners --unsynced\n  mksync import 228000046627",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withDesk(cmd.Context(), func(desk syncer.Answerer) error {
				return each(cmd.Context(), app, asJSON, args, func(id string) (syncer.Outcome, error) {
					return syncer.OpImport.Ask(cmd.Context(), desk, syncer.ImportRequest{MetaKockaID: id, By: operator()})
				}, func(o syncer.Outcome) []string { return append([]string{o.MetaKockaID}, outcomeLine(o)...) })
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}
