package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
)

// newCheckCommand makes a full check.
func newCheckCommand(app *cliEnv) *cobra.Command {
	var asJSON, repair bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compare everything, and repair what differs",
		Long: "Compare all mappings with all contacts and with all partners, which are enumerated anew, and list what\n" +
			"is not in order: sides that differ from what was agreed on, contacts without a partner, contacts that are\n" +
			"gone without a deletion having been seen, partners that are gone. What is in order costs no call.\n\n" +
			"With --repair each is synced. A contact that is gone counts as deleted then: MKSYNC_DELETE_POLICY applies,\n" +
			"unless there are more than MKSYNC_MAX_DELETES or it may be a TRUNCATE; those are held (mksync deletions).\n\n" +
			"What a person has to decide is named as such\n" +
			"(mksync unclear, review, deletions), apart from what failed.\n\n" +
			"The exit status is 3 when something differs and was not repaired.",
		Example: "  mksync check\n  mksync check --repair",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				return app.check(cmd.Context(), api, check.CheckRequest{Repair: repair, By: operator()}, asJSON)
			})
		},
	}

	cmd.Flags().BoolVar(&repair, "repair", false, "bring what differs in order")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (app *cliEnv) check(ctx context.Context, api operations.Answerer, r check.CheckRequest, asJSON bool) error {
	follow := app.follow(asJSON)
	rep, err := operations.OpCheck.Ask(operations.WithWatch(ctx, follow.watch), api, r)
	follow.end()
	if ctx.Err() != nil {
		return stopped("what was repaired by then stays; the same command does the rest")
	}
	if err != nil {
		return err
	}
	if asJSON {
		err = app.printJSON(rep)
	} else {
		err = app.printCheck(rep)
	}
	if err == nil && rep.Differing > 0 {
		return errInPart
	}
	return err
}

func (app *cliEnv) printCheck(rep check.CheckReport) error {
	if err := printLines(app, "nothing differs", rep.Findings, findingLine); err != nil {
		return err
	}
	found := 0
	for _, n := range rep.Found {
		found += n
	}
	summary := fmt.Sprintf("compared %d mappings, %d contacts and %d partners in %.1fs: %d found, %d repaired",
		rep.Links, rep.Contacts, rep.Partners, rep.DurationSeconds, found, found-rep.Differing)
	if rep.Waiting > 0 {
		summary += fmt.Sprintf(", %d left to a person", rep.Waiting)
	}
	if rep.Failed > 0 {
		summary += fmt.Sprintf(", %d failed", rep.Failed)
	}
	app.note(summary)
	return nil
}

// findingTexts say what the kinds of findings mean.
var findingTexts = map[syncer.FindingKind]string{
	syncer.FindingDiffers:     "differs",
	syncer.FindingUnlinked:    "has no partner",
	syncer.FindingContactGone: "contact is gone, its deletion was not seen",
	syncer.FindingContactBack: "contact was deleted and is there",
	syncer.FindingPartnerGone: "partner is gone",
}

func findingLine(f syncer.Finding) []string {
	what := findingTexts[f.Kind]
	if len(f.Fields) > 0 {
		what += " in " + strings.Join(idsOf(f.Fields, func(f mapping.Field) string { return string(f) }), ", ")
	}
	line := []string{f.ContactID, "partner " + or(f.MetaKockaID, "-"), what}
	switch {
	case f.Repaired:
		line = append(line, "repaired: "+or(f.Note, "nothing was left to do"))
	case f.Waits:
		line = append(line, "waits for a person: "+f.Note)
	case f.Note != "":
		line = append(line, f.Note)
	}
	return line
}
