package main

import (
	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// newLinkCommand answers a match that waits.
func newLinkCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.LinkRequest
	cmd := &cobra.Command{
		Use:   "link CONTACT_ID METAKOCKA_ID",
		Short: "Say that a contact and a partner are one",
		Long: "Link a contact with a partner: the answer to a match that waits. The two are merged as in a first match:\n" +
			"each side gets what only the other knows, and what differs is a conflict. With --take that side wins in\n" +
			"every field that differs.\n\n" +
			"Where the contact or the partner is linked already, mksync unlink comes first.",
		Example: "  mksync link 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10 228000046627 --dry-run\n" +
			"  mksync link 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10 228000046627 --take crm",
		Args:              twoIDs("name a contact and a partner, by their ids", "one contact and one partner at a time"),
		ValidArgsFunction: completeLink(app),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.ContactID = args[0]
			r.MetaKockaID = args[1]
			r.By = operator()
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				l, err := operations.OpLink.Ask(cmd.Context(), api, r)
				switch {
				case err != nil:
					return err
				case asJSON:
					return app.printJSON(l)
				case r.DryRun:
					app.showPreview(l.Preview)
					return nil
				}
				return app.out().Table([][]string{append([]string{l.ContactID}, outcomeLine(l.Outcome)...)})
			})
		},
	}

	choose(cmd, &r.Take, "take", "", "whose value both sides get where they differ (default: the usual rules)", syncer.AuthorityCRM, syncer.AuthorityMetaKocka)
	cmd.Flags().BoolVar(&r.DryRun, "dry-run", false, "show what would be written; write nothing")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// completeLink completes contacts that wait, and then partners that nobody has.
func completeLink(app *cliEnv) cobra.CompletionFunc {
	held := completeIDs(app, operations.OpMappings, operations.MappingsRequest{Status: store.StatusHeld, Page: operations.Page{Limit: mostCompleted}},
		func(m operations.Mapping) []string { return []string{m.ContactID, m.LastError} })
	free := completeIDs(app, operations.OpPartners, operations.PartnersRequest{Unsynced: true, Page: operations.Page{Limit: mostCompleted}}, partnerLine)
	return func(cmd *cobra.Command, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch len(given) {
		case 0:
			return held(cmd, given, typed)
		case 1:
			return free(cmd, given, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// newUnlinkCommand parts two that are not one.
func newUnlinkCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "unlink CONTACT_ID",
		Short: "Say that a contact and its partner are two",
		Long: "Part a contact from its partner. Both stay as they are; what waits for a decision between them is closed.\n" +
			"Nothing joins the two again but mksync link; mksync sync finds or makes another partner.",
		Example: "  mksync unlink 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10",
		Args:    oneID("contact"),
		ValidArgsFunction: firstOnly(completeIDs(app, operations.OpMappings, operations.MappingsRequest{Page: operations.Page{Limit: mostCompleted}},
			func(m operations.Mapping) []string {
				return []string{m.ContactID, "partner " + or(m.MetaKockaID, "-"), string(m.SyncStatus)}
			})),
		RunE: func(cmd *cobra.Command, args []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				o, err := operations.OpUnlink.Ask(cmd.Context(), api, operations.UnlinkRequest{ContactID: args[0], By: operator()})
				if err != nil {
					return err
				}
				return app.showOutcome(o, asJSON)
			})
		},
	}

	jsonFlag(cmd, &asJSON)
	return cmd
}
