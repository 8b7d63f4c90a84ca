package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// newHistoryCommand lists what was written and decided.
func newHistoryCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	var since, until string
	var r operations.HistoryRequest

	cmd := &cobra.Command{
		Use:   "history",
		Short: "List what mksync wrote to either side and what was decided",
		Long: "List each write that mksync made to either side and each decision, newest first: what was there before,\n" +
			"what was written, and what led to it. `mksync undo` takes writes back by the ids.",
		Example: "  mksync history --contact 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10\n  mksync history --side crm --since 2h --limit 1000",
		Args: func(cmd *cobra.Command, args []string) error {
			return cmp.Or(noArgs(cmd, args), window(&r.Since, &r.Until, since, until))
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				found, err := operations.OpHistory.Ask(cmd.Context(), api, r)
				if err != nil {
					return err
				}
				if asJSON {
					return app.printJSON(found.Items)
				}
				return printLines(app, "nothing was written or decided", found.Items, historyLine)
			})
		},
	}

	cmd.Flags().StringVar(&r.ContactID, "contact", "", "only of this contact")
	cmd.Flags().StringVar(&r.MetaKockaID, "partner", "", "only of this partner")
	chosenWrites(cmd, &since, &until, &r.By, &r.Side, &r.Job)
	cmd.Flags().IntVar(&r.Limit, "limit", 0, "how many, at most 1000 (default 200)")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// chosenWrites are the flags that choose writes.
func chosenWrites(cmd *cobra.Command, since, until, by *string, side *mapping.Side, job *string) {
	cmd.Flags().StringVar(since, "since", "", "from this time on")
	cmd.Flags().StringVar(until, "until", "", "before this time")
	cmd.Flags().StringVar(by, "by", "", "only what this one asked for")
	choose(cmd, side, "side", "", "only writes to this side", mapping.SideCRM, mapping.SideMetaKocka)
	cmd.Flags().StringVar(job, "job", "", "only what this job did")
}

// window reads two times as people write them.
func window(since, until *string, from, to string) error {
	for _, t := range []struct {
		flag, text string
		into       *string
	}{{"--since", from, since}, {"--until", to, until}} {
		at, err := readTime(t.text, time.Now())
		if err != nil {
			return fmt.Errorf("%s: %w", t.flag, err)
		}
		if *t.into = ""; !at.IsZero() {
			*t.into = at.Format(time.RFC3339Nano)
		}
	}
	return nil
}

func historyLine(e operations.HistoryEntry) []string {
	return []string{
		e.ID, stamp(e.At), done(e), causeWords(e), "contact " + e.ContactID, "partner " + or(e.MetaKockaID, "-"),
	}
}

// done says what an entry tells of.
func done(e operations.HistoryEntry) string {
	words := []string{string(e.Act)}
	if e.Side != "" {
		words = append(words, string(e.Side))
	}

	var fields []string
	for _, f := range mapping.Fields() {
		v, named := e.Fields[f]
		switch {
		case !named:
		case v.Scrubbed:
			fields = append(fields, string(f))
		case v.Written != nil && e.Act == store.ActWrite:
			fields = append(fields, fmt.Sprintf("%s %s → %s", f, quote(replaced(e.Side, v)), quote(*v.Written)))
		case v.Written != nil:
			fields = append(fields, fmt.Sprintf("%s %s", f, quote(*v.Written)))
		default:
			fields = append(fields, fmt.Sprintf("%s %s", f, quote(v.CRM)))
		}
	}

	if len(fields) > 0 {
		words = append(words, strings.Join(fields, ", "))
	}
	if e.Note != "" {
		words = append(words, quote(e.Note))
	}
	return strings.Join(words, " ")
}

// replaced is what the written side held before.
func replaced(side mapping.Side, v store.EntryField) string {
	if side == mapping.SideMetaKocka {
		return v.MetaKocka
	}
	return v.CRM
}

func causeWords(e operations.HistoryEntry) string {
	words := string(e.Cause)
	if e.Rule != "" {
		words += " (" + e.Rule + ")"
	}
	if e.Job != "" {
		words += " " + e.Job
	}
	if e.By != "" {
		words += " by " + e.By
	}
	return words
}

// newWhyCommand says why a contact's values are as they are.
func newWhyCommand(app *cliEnv) *cobra.Command {
	var asJSON bool

	cmd := &cobra.Command{
		Use:   "why CONTACT_ID [FIELD]",
		Short: "Say why a contact's values are as they are",
		Long: "Say in a sentence for each field what it holds on either side, since when, and why; and why the contact\n" +
			"is held, in error, left out or waiting. The partner's values are as the last poll saw them.",
		Example: "  mksync why 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10\n  mksync why 5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10 phone",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return oneID("contact")(nil, args)
			}
			fields := idsOf(mapping.Fields(), func(f mapping.Field) string { return string(f) })
			if !slices.Contains(fields, args[1]) {
				return fmt.Errorf("%q is none of %s%s", args[1], strings.Join(fields, ", "), config.Suggestion(args[1], fields))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			r := operations.WhyRequest{ContactID: args[0]}
			if len(args) > 1 {
				r.Field = mapping.Field(args[1])
			}
			return app.withAPI(cmd.Context(), func(api operations.Answerer) error {
				w, err := operations.OpWhy.Ask(cmd.Context(), api, r)
				if err != nil {
					return err
				}
				if asJSON {
					return app.printJSON(w)
				}
				return app.sayWhy(w, r.Field == "")
			})
		},
	}

	jsonFlag(cmd, &asJSON)
	return cmd
}

// sayWhy prints the sentences, one a line.
func (app *cliEnv) sayWhy(w operations.Why, whole bool) error {
	reasons := []syncer.Reason{}
	if whole {
		reasons = append(reasons, w.Stands)
	}
	for _, f := range w.Fields {
		reasons = append(reasons, f.Reason)
	}
	for _, r := range reasons {
		if _, err := fmt.Fprintln(app.out(), sentence(r)); err != nil {
			return err
		}
	}
	return nil
}

// sentence is a reason in a sentence, with the command that goes on.
func sentence(r syncer.Reason) string {
	return strings.TrimSpace(phrases.English.Sentence(r, time.Local) + " " + whatNext[r.Code])
}

// whatNext are the commands for what waits for a person.
var whatNext = map[syncer.ReasonCode]string{
	syncer.WhyParked:        "(mksync conflicts list)",
	syncer.StandsConflict:   "(mksync conflicts list)",
	syncer.StandsHeldGone:   "(mksync deletions list)",
	syncer.StandsReview:     "(mksync review list)",
	syncer.StandsHeldMatch:  "(mksync unclear)",
	syncer.StandsLeftByHand: "(mksync take-in)",
	syncer.UndoWaits:        "(mksync deletions list)",
	syncer.UndoMerged:       "(mksync merge undo)",
	syncer.UndoMade:         "(mksync unlink)",
	syncer.UndoFirst:        "(mksync unlink)",
}
