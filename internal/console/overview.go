package console

import (
	"context"
	"slices"
	"strings"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/status"
)

// status is how the sync stands.
func (c *Console) status(ctx context.Context) (status.Status, error) {
	return operations.OpStatus.Ask(ctx, c.API, operations.Nothing{})
}

// counts are how many wait for a person, of each kind.
type counts struct {
	Conflicts, Reviews, Matches, Deletions, Errors, DeadLetters int
}

func waitingOf(s status.Status) counts {
	return counts{
		Conflicts: s.Conflicts, Reviews: s.FirstMatches, Matches: s.HeldMatches, Deletions: s.HeldDeletions,
		Errors: s.Mappings[store.StatusError], DeadLetters: s.DeadLetters,
	}
}

// Total is how many there are together.
func (c counts) Total() int {
	return c.Conflicts + c.Reviews + c.Matches + c.Deletions + c.Errors + c.DeadLetters
}

// overviewData is the first page.
type overviewData struct {
	Status   status.Status
	Counts   counts
	Total    int // contacts with a mapping
	Latest   []operations.HistoryEntry
	Names    names
	OnTheWay uint64 // events
	// Writes and Delays are of the last hour, in this process; nil: it does not count.
	Writes, Delays *plot
	Answers, Locks status.Figure // MetaKocka's
}

func (d overviewData) waiting() int { return d.Counts.Total() }

// latest is how much of the history the first page shows.
const latest = 12

func overview(ctx context.Context, v *visit) (view, error) {
	s, err := v.status(ctx)
	if err != nil {
		return view{}, err
	}
	if s.DatabaseAway() { // there is nothing to list; how the parts stand is there
		return system(ctx, v)
	}
	history, err := operations.OpHistory.Ask(ctx, v.API, operations.HistoryRequest{Page: operations.Page{Limit: latest}})
	if err != nil {
		return view{}, err
	}
	d := overviewData{Status: s, Counts: waitingOf(s), Latest: history.Items}
	if d.Names, err = v.namesIn(ctx, history.Items); err != nil {
		return view{}, err
	}
	for _, n := range s.Mappings {
		d.Total += n
	}
	d.OnTheWay = s.Pusher.Pending + s.Pusher.InFlight + s.Puller.Pending + s.Puller.InFlight
	if v.System.Recent != nil {
		d.plot(v.System.Recent())
	}
	return view{Page: "overview", Title: "console.menu.overview", Data: d}, nil
}

// plot shows what this process did in the last minutes.
func (d *overviewData) plot(minutes []status.Minute) {
	writes, delays := writesPlot(minutes), delaysPlot(minutes)
	d.Writes = &writes
	d.Delays = &delays
	d.Answers = hour(minutes, func(m status.Minute) status.Figure { return m.Calls })
	d.Locks = hour(minutes, func(m status.Minute) status.Figure { return m.LockWait })
}

// kind is one kind of what waits, and how many there are.
type kind struct {
	Kind, Title string
	Count       int
}

// Kinds are all kinds, in the order of the list.
func (d overviewData) Kinds() []kind { return d.Counts.kinds() }

func (c counts) kinds() []kind {
	return []kind{
		{"conflict", "console.waiting.conflict", c.Conflicts},
		{"review", "console.waiting.review", c.Reviews},
		{"match", "console.waiting.match", c.Matches},
		{"deletion", "console.waiting.deletion", c.Deletions},
		{"error", "console.waiting.error", c.Errors},
		{"dead_letter", "console.waiting.dead_letter", c.DeadLetters},
	}
}

// statusCount is how many contacts have a status.
type statusCount struct {
	Status store.Status
	Count  int
}

// Statuses are those that some contact has.
func (d overviewData) Statuses() (all []statusCount) {
	for _, s := range store.Statuses() {
		if n := d.Status.Mappings[s]; n > 0 {
			all = append(all, statusCount{s, n})
		}
	}
	return all
}

// Problems are those of the service itself, which whoever runs it mends.
func (d overviewData) Problems() []status.Waiting { return problemsOf(d.Status) }

func problemsOf(s status.Status) []status.Waiting {
	return slices.DeleteFunc(slices.Clone(s.Waiting), func(w status.Waiting) bool { return !strings.HasPrefix(string(w.Code), "problem.") })
}

// Listener is the listener's state; it may be another process's.
func (d overviewData) Listener() string {
	if d.Status.Listener.State == "" {
		return "elsewhere"
	}
	return d.Status.Listener.State
}

// Sentence is how everything stands, as a text's id.
func (d overviewData) Sentence() string {
	switch s := d.Status; {
	case d.Counts.Total() > 0:
		return "" // it counts
	case !s.Halt.Since.IsZero():
		return "console.overview.stopped"
	case s.Pusher.Paused:
		return "console.overview.paused"
	case len(d.Problems()) > 0:
		return "console.overview.trouble"
	case s.Poller.LastPollAt == nil:
		return "console.overview.begins"
	case d.Total == 0:
		return "console.overview.empty"
	case d.OnTheWay > 0 || s.Mappings[store.StatusPending] > 0:
		return "console.overview.works"
	}
	return "console.overview.agree"
}

// Tone is how urgent the sentence is: waits, trouble, works, fine.
func (d overviewData) Tone() string {
	switch d.Sentence() {
	case "":
		return "waits"
	case "console.overview.paused", "console.overview.stopped", "console.overview.trouble":
		return "trouble"
	case "console.overview.works", "console.overview.begins", "console.overview.empty":
		return "works"
	}
	return "fine"
}
