package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/syncer/event"
)

// checkOthers looks at the installations in other schemas of the database: whether one has
// a name of this one's, or does what this one does. Nothing where there are none.
func checkOthers(ctx context.Context, cfg Database) []Finding {
	others, err := cfg.Installation.Others(ctx, cfg.URL)
	if err != nil {
		return []Finding{unreadable(nameOthers, err)}
	}
	var found []Finding
	var beside []string
	for _, o := range others {
		if f, wrong := collision(cfg.Installation, o); wrong {
			found = append(found, f)
			continue
		}
		beside = append(beside, o.String())
	}
	if len(beside) > 0 {
		found = append(found, ok(nameOthers, coded.Say("doctor.others.beside", "beside this one: {names}", strings.Join(beside, ", "))))
	}
	return found
}

// collision is what two installations may not share.
func collision(i migrations.Installation, o migrations.Other) (Finding, bool) {
	switch {
	case !o.Seen:
		return note(nameOthers, coded.Say("doctor.others.unseen", "the role may not read the tables in schema {schema}, so whether that installation collides with this one is not known", o.Schema),
			coded.Say("doctor.others.unseen_do", "look with the role that runs it")), true
	case !o.Told:
		return note(nameOthers, coded.Say("doctor.others.untold", "the tables in schema {schema} are of an earlier version and do not tell whose they are", o.Schema),
			coded.Say("doctor.others.untold_do", "start that one once with this version, or remove its tables where nobody uses them")), true
	case i.Twin(o):
		return fail(nameOthers, coded.Say("doctor.others.twin", "{other} syncs {table} with the same company, or with one that is not told: each contact would get two partners", o, i.ContactsTable),
			coded.Say("doctor.others.twin_do", "keep one of the two; remove the tables of the other")), true
	case o.Instance == i.Instance:
		return fail(nameOthers, coded.Say("doctor.others.name", "{other} has the same name, so both use the same streams", o),
			coded.Say("doctor.others.name_do", "give each a MKSYNC_INSTANCE of its own")), true
	case o.Slot == i.Slot:
		return fail(nameOthers, coded.Say("doctor.others.slot", "{other} uses the slot {slot}, too: of two readers one stands still", o, o.Slot),
			coded.Say("doctor.others.slot_do", "give each a MKSYNC_SLOT of its own, or leave it to MKSYNC_INSTANCE")), true
	case o.Publication == i.Publication:
		return fail(nameOthers, coded.Say("doctor.others.publication", "{other} uses the publication {publication}, too: each would make it its own table's", o, o.Publication),
			coded.Say("doctor.others.publication_do", "give each a MKSYNC_PUBLICATION of its own, or leave it to MKSYNC_INSTANCE")), true
	}

	return Finding{}, false
}

// identified is the database whose events are to be in the streams; no system where it is
// not known. Without tables of mksync's it has published nothing yet.
func identified(ctx context.Context, conn *pgx.Conn, schema string, tables bool) event.Database {
	system, err := cdc.SystemID(ctx, conn.PgConn())
	if err != nil {
		return event.Database{}
	}
	if !tables {
		return event.Database{System: system}
	}
	d, err := event.ListenerStates{States: remembered{conn, schema}}.Database(ctx, system)
	if err != nil {
		return event.Database{}
	}
	return d
}

// remembered are mksync's states, to be read.
type remembered struct {
	conn   *pgx.Conn
	schema string
}

// LoadState implements event.States.
func (r remembered) LoadState(ctx context.Context, key string, v any) (bool, error) {
	return pgstore.LoadStateOver(ctx, r.conn, r.schema, key, v)
}

// SaveState implements event.States.
func (remembered) SaveState(context.Context, string, any) error { return errors.ErrUnsupported }

// checkNewest looks whose the newest event in the contacts' stream is.
func checkNewest(d event.Database, newest string) (Finding, bool) {
	of := d.Another(newest)
	if of == "" {
		return Finding{}, false
	}
	e := cdc.StreamOfAnother(of, d.System)
	return fail(nameOthers, e.What, e.Do), true
}

// ownSchema recommends one where public is served to the world.
func (s server) ownSchema(cfg Database) []Finding {
	if s.site() != siteSupabase || cfg.Installation.Schema != "public" {
		return nil
	}
	return []Finding{note(nameOwnSchema, coded.Say("doctor.own_schema.public", "mksync's tables are in schema public, which Supabase's API serves to the world; they are closed there, but one of their own is not served at all"),
		coded.Say("doctor.own_schema.public_do", "stop mksync, set MKSYNC_SCHEMA to mksync, and run: mksync migrate move (where there are no tables yet: mksync migrate up)"))}
}
