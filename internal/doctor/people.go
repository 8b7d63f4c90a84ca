package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// checkMatches counts the first matches that wait for a person's approval. Where none is asked
// for, none waits for long.
func checkMatches(ctx context.Context, conn *pgx.Conn, cfg Database) []Finding {
	if !cfg.Reviews {
		return nil
	}
	proposed, err := pgstore.CountProposalsOver(ctx, conn, cfg.Installation.Schema)
	if err != nil {
		return []Finding{unreadable(nameMatches, err)}
	}
	var parts []string
	for _, does := range store.AllProposed() {
		if n := proposed.Counts[does]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, does))
		}
	}
	if len(parts) == 0 {
		return []Finding{ok(nameMatches, "each is to be approved, and none waits")}
	}
	return []Finding{note(nameMatches, "wait for a person's approval: "+strings.Join(parts, ", "), "mksync review list shows them, mksync review approve lets them go on")}
}

// checkAlerts looks whether anybody is told that a person is needed, and whether the last
// message got through on each way. tables: mksync's are there, with the messages in them.
func checkAlerts(ctx context.Context, conn *pgx.Conn, cfg Database, tables bool) []Finding {
	if len(cfg.Alerts) == 0 {
		return []Finding{note(nameAlerts, "nobody is told when a person is needed",
			"set alerts.webhook_url or alerts.mail_to in the configuration and try it with mksync alerts test, or leave it so")}
	}
	var tried []store.Tried
	if tables {
		var err error
		if tried, err = pgstore.TriedAlertsOver(ctx, conn, cfg.Installation.Schema); err != nil {
			return []Finding{unreadable(nameAlerts, err)}
		}
	}

	found := make([]Finding, len(cfg.Alerts))
	for i, channel := range cfg.Alerts {
		found[i] = ok(nameAlerts, fmt.Sprintf("by %s: none was needed yet", channel))
		if at := slices.IndexFunc(tried, func(t store.Tried) bool { return t.Channel == channel }); at >= 0 {
			found[i] = toldBy(tried[at])
		}
	}
	return found
}

// toldBy is what became of the message that was tried last on a way.
func toldBy(t store.Tried) Finding {
	const do = "correct what it says, and try it with mksync alerts test"
	by, at := "by "+string(t.Channel), t.At.UTC().Format("2 Jan 15:04 MST")
	switch {
	case t.GivenUp:
		return fail(nameAlerts, fmt.Sprintf("%s: the message of %s was given up: %s", by, at, t.Error), do)
	case t.Error != "":
		return note(nameAlerts, fmt.Sprintf("%s: the message of %s does not get through, and is tried again: %s", by, at, t.Error), do)
	}
	return ok(nameAlerts, by+": the last was sent "+at)
}
