package main

import (
	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/syncer/operations"
)

// newSyncCommand syncs contacts.
func newSyncCommand(app *cliEnv) *cobra.Command {
	flags := bulkFlags{previews: true}
	var isNew bool
	cmd := &cobra.Command{
		Use:   "sync CONTACT_ID... | - | --all",
		Short: "Sync contacts with their partners now",
		Long: "Bring contacts and their partners together now. A contact without a partner gets one: the one that\n" +
			"matches it, or a new one; also where its partner is gone from MetaKocka.\n\n" +
			"With --all the partners are enumerated and matched with all contacts first; what is ambiguous on either\n" +
			"side waits for a person. --dry-run shows the match and writes nothing; of one contact that is named it shows\n" +
			"what would be written. A contact whose partner is gone\n" +
			"is left as it is: name it to make its partner anew.\n\n" +
			"--new is an answer to a match that waits: the contact is none of the partners that it matches. It gets\n" +
			"one of its own, and is not asked for again.\n\n" +
			"In place of ids, - reads them from standard input, the first word of each line.",
		Example: "  mksync sync 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10\n  mksync sync 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10 --new\n" +
			"  mksync sync --all --dry-run\n  mksync sync - < contacts.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				if flags.several(args) {
					return app.bulk(cmd.Context(), api, bulkSync, flags)
				}
				if flags.dryRun {
					p, err := operations.OpPreview.Ask(cmd.Context(), api, operations.PreviewRequest{ContactID: args[0]})
					switch {
					case err != nil:
						return err
					case flags.asJSON:
						return app.printJSON(p)
					}
					app.showPreview(p)
					return nil
				}
				return each(cmd.Context(), app, flags.asJSON, args, func(id string) (operations.Outcome, error) {
					return operations.OpSync.Ask(cmd.Context(), api, operations.SyncRequest{ContactID: id, New: isNew, By: operator()})
				}, func(o operations.Outcome) []string { return append([]string{o.ContactID}, outcomeLine(o)...) })
			})
		},
	}

	flags.add(cmd, "contacts", "all contacts", "show what would be linked and created, and what is ambiguous; write nothing")
	flags.newFlag(cmd, &isNew, "the contact is none of the partners that it matches: make one, and remember that")
	return cmd
}

// newImportCommand imports partners.
func newImportCommand(app *cliEnv) *cobra.Command {
	var flags bulkFlags
	var isNew bool
	cmd := &cobra.Command{
		Use:   "import METAKOCKA_ID... | - | --all",
		Short: "Import partners as contacts now",
		Long: "Link partners with the contacts that match them, or make the contacts. A partner that is linked\n" +
			"already is synced with its contact.\n\n" +
			"With --all every partner that no contact is linked with is imported, but for those whose contact was\n" +
			"deleted: name such a one to bring it back.\n\n" +
			"A partner that is named is linked with the one contact that has its tax number or e-mail, also where\n" +
			"that contact matches others. --new says that it is none of the contacts that match it: a contact is\n" +
			"made, and that is remembered.\n\n" +
			"In place of ids, - reads them from standard input, the first word of each line.",
		Example: "  mksync import 228000046627\n  mksync import 228000046627 --new\n  mksync import --all --dry-run\n  mksync partners --unsynced | grep -i kovač | mksync import -",
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				if flags.several(args) {
					return app.bulk(cmd.Context(), api, bulkImport, flags)
				}
				return each(cmd.Context(), app, flags.asJSON, args, func(id string) (operations.Outcome, error) {
					return operations.OpImport.Ask(cmd.Context(), api, operations.ImportRequest{MetaKockaID: id, New: isNew, By: operator()})
				}, func(o operations.Outcome) []string { return append([]string{o.MetaKockaID}, outcomeLine(o)...) })
			})
		},
	}

	flags.add(cmd, "partners", "all partners that no contact is linked with", "show what would be linked and made, and what is ambiguous; write nothing")
	flags.newFlag(cmd, &isNew, "the partner is none of the contacts that match it: make one, and remember that")
	return cmd
}
