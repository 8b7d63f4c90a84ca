package main

import (
	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/syncer/operations"
)

// newPartnersCommand lists what the poller saw.
func newPartnersCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	var r operations.PartnersRequest
	cmd := &cobra.Command{
		Use:   "partners",
		Short: "List the partners as last seen in MetaKocka",
		Long: "List the partners as the last poll saw them, with the contact that each is linked with. A mapping\n" +
			"\"deleted\" or \"unlinked\" is a tombstone: no contact is linked any more.",
		Example: "  mksync partners\n  mksync partners --unsynced --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return list(app, asJSON, "the last poll saw no such partner", partnerLine, func(p operations.Page) (operations.List[operations.Partner], error) {
					r.Page = p
					return operations.OpPartners.Ask(cmd.Context(), api, r)
				})
			})
		},
	}

	cmd.Flags().BoolVar(&r.Unsynced, "unsynced", false, "only those that no contact is linked with")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func partnerLine(p operations.Partner) []string {
	state := "not linked"
	if p.MappingID != "" {
		state = string(p.MappingStatus) + ", contact " + p.ContactID
	}
	return []string{p.MetaKockaID, quote(p.Name), or(p.TaxNumber, "-"), or(p.Email, "-"), state}
}
