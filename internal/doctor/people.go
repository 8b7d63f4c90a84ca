package doctor

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
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
	var waiting coded.Text
	for _, does := range store.AllProposed() {
		if n := proposed.Counts[does]; n > 0 {
			waiting = andProposed(waiting, does, n)
		}
	}
	if waiting.IsZero() {
		return []Finding{ok(nameMatches, coded.Say("doctor.matches.none", "each is to be approved, and none waits"))}
	}
	return []Finding{note(nameMatches, coded.Say("doctor.matches.wait", "wait for a person's approval: {cause}", waiting),
		coded.Say("doctor.matches.wait_do", "mksync review list shows them, mksync review approve lets them go on"))}
}

// andProposed says how many matches of a kind wait, behind those of other kinds.
func andProposed(before coded.Text, does store.Proposed, n int) coded.Text {
	if before.IsZero() {
		return coded.Say("doctor.matches.kind", "{count} to {does}", n, does)
	}
	return coded.Say("doctor.matches.and_kind", "{cause}, {count} to {does}", before, n, does)
}

// checkAlerts looks whether anybody is told that a person is needed, and whether the last
// message got through on each way. tables: mksync's are there, with the messages in them.
func checkAlerts(ctx context.Context, conn *pgx.Conn, cfg Database, tables bool) []Finding {
	if len(cfg.Alerts) == 0 {
		return []Finding{note(nameAlerts, coded.Say("doctor.alerts.nobody", "nobody is told when a person is needed"),
			coded.Say("doctor.alerts.nobody_do", "set alerts.webhook_url or alerts.mail_to in the configuration and try it with mksync alerts test, or leave it so"))}
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
		found[i] = ok(nameAlerts, coded.Say("doctor.alerts.none", "by {channel}: none was needed yet", channel))
		if at := slices.IndexFunc(tried, func(t store.Tried) bool { return t.Channel == channel }); at >= 0 {
			found[i] = toldBy(tried[at])
		}
	}
	return found
}

// toldBy is what became of the message that was tried last on a way.
func toldBy(t store.Tried) Finding {
	do := coded.Say("doctor.alerts.do", "correct what it says, and try it with mksync alerts test")
	at := t.At.UTC().Format("2 Jan 15:04 MST")
	switch {
	case t.GivenUp:
		return fail(nameAlerts, coded.Say("doctor.alerts.given_up", "by {channel}: the message of {time} was given up: {words}", t.Channel, at, t.Error), do)
	case t.Error != "":
		return note(nameAlerts, coded.Say("doctor.alerts.unsent", "by {channel}: the message of {time} does not get through, and is tried again: {words}", t.Channel, at, t.Error), do)
	}
	return ok(nameAlerts, coded.Say("doctor.alerts.sent", "by {channel}: the last was sent {time}", t.Channel, at))
}
