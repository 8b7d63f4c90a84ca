// Package doctor looks at everything mksync needs and says what it finds, one
// line each, with what to do. It changes nothing: no table, slot, publication,
// stream or partner is made.
//
// The three sides (database, NATS, MetaKocka) are looked at at once, and one
// that is not there does not keep the others from being looked at.
package doctor

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/syncer/event"
)

// Config says what to look at. A side with a Skip is not looked at, for that
// reason.
type Config struct {
	Database  Database
	NATS      NATS
	MetaKocka MetaKocka
}

// Database is the CRM's Postgres and what mksync is to do in it.
type Database struct {
	Skip        coded.Text
	URL         string
	Table       string // schema.table
	KeyColumn   string
	UpdatedAt   string // set on mksync's writes where the column exists and holds a time
	Zone        string // of one without a time zone
	Fields      map[mapping.Field]Columns
	Filter      []string // columns the filter asks for
	Insert      []string // columns of new contacts that the configuration gives a value
	Imports     bool     // partners become contacts by themselves
	Deletes     bool     // contacts are deleted when their partner is gone
	Slot        string
	Publication string
	Reviews     bool                 // first matches wait for a person's approval
	Alerts      []store.AlertChannel // the ways on which people are told that one is needed
	// Installation is whose mksync's tables are, and in which schema.
	Installation migrations.Installation
}

// Columns are where a synced field is.
type Columns struct {
	Read    []string
	Also    []string // written besides
	Written bool     // mksync writes the field; else it only reads it
}

// NATS is the event bus: an external server, or the embedded one in DataDir
// where URL is empty.
type NATS struct {
	Skip    coded.Text
	Names   bus.Names
	URL     string
	Options []nats.Option // how to sign in at the URL, and whom to trust there
	SignIn  string        // the settings that say so; empty: none is set
	// Encrypted: a server without TLS is refused, whatever the URL begins with.
	Encrypted bool
	DataDir   string
	Replicas  int
}

// MetaKocka is the ERP. Without company id or key only the address is looked at.
type MetaKocka struct {
	Skip      coded.Text
	URL       string
	CompanyID string
	SecretKey string
}

// Status says how a finding is to be taken.
type Status string

// Fail alone makes a report one that is not in order.
const (
	OK      Status = "ok"
	Fail    Status = "fail"
	Note    Status = "note"    // works, but not in every way one might expect
	Skipped Status = "skipped" // could not be looked at
)

// Finding is the result of one check, in English, and as what it was made of.
type Finding struct {
	Name   string     `json:"name"`
	Status Status     `json:"status"`
	Detail string     `json:"detail"`       // what was found, on one line, never a secret
	Do     string     `json:"do,omitempty"` // what to do about it
	Reason coded.Text `json:"reason,omitzero"`
	Remedy coded.Text `json:"remedy,omitzero"`
}

// Hint is what the owner of a hosted Postgres has to know besides, likewise.
type Hint struct {
	Title   string       `json:"title"`
	Lines   []string     `json:"lines"`
	Heading coded.Text   `json:"heading"`
	Says    []coded.Text `json:"says"`
}

// Run looks at all three sides. It gives each finding to emit as soon as those
// before it are known, and returns the hints that fit them. It ends soon after
// ctx does, and after a minute at most.
func Run(ctx context.Context, cfg Config, emit func(Finding)) []Hint {
	secrets := newRedactor(cfg)
	database := begin(func() side { return checkDatabase(ctx, cfg.Database) })
	bus := begin(func() side { return checkNATS(ctx, cfg.NATS) })
	erp := begin(func() side { return checkMetaKocka(ctx, cfg.MetaKocka) })

	// They look side by side, and are told of in order.
	var hints []Hint
	unprotected := side{findings: Unprotected(cfg.Database.URL, cfg.NATS.URL, cfg.NATS.Encrypted)}
	var of event.Database
	for _, result := range []<-chan side{database, bus, begin(func() side { return unprotected }), erp} {
		found := <-result
		if found.database.System != "" {
			of = found.database
		}
		if f, wrong := checkNewest(of, found.newest); wrong {
			found.findings = append(found.findings, f)
		}

		for _, f := range found.findings {
			emit(secrets.clean(f))
		}
		hints = append(hints, found.hints...)
	}
	return hints
}

// side is what was found on one side.
type side struct {
	findings []Finding
	hints    []Hint

	// What the database and NATS say only together.
	database event.Database
	newest   string // the id of the newest event of a contact
}

func begin(check func() side) <-chan side {
	result := make(chan side, 1)
	go func() { result <- check() }()
	return result
}

func ok(name string, found coded.Text) Finding { return finding(name, OK, found, coded.Text{}) }

func note(name string, found, do coded.Text) Finding { return finding(name, Note, found, do) }

func fail(name string, found, do coded.Text) Finding { return finding(name, Fail, found, do) }

func skipped(name string, reason coded.Text) []Finding {
	return []Finding{finding(name, Skipped, coded.Say("doctor.skipped", "not checked: {cause}", reason), coded.Text{})}
}

func finding(name string, status Status, found, do coded.Text) Finding {
	return Finding{name, status, found.String(), do.String(), found, do}
}

// verbatim is what needs no words of a language: names, numbers, versions.
func verbatim(values string) coded.Text { return coded.Say("doctor.verbatim", "{values}", values) }
