package pgstore

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// Erasing a person. Whose are the values that mksync keeps?
//
// A contact's are those of its link, its journals and its history, whichever partners it had.
//
// A partner's are besides those that other contacts' journals, history and tombstones have
// of it, from when they were linked with it. They go with a partner that is erased: no write
// of that time can be taken back any more, since the contact has another partner, or none.
//
// A partner that is somebody else's by now is not erased with a contact that once had it, and
// who has it keeps what undoing its own writes needs. Only values go that are known to be the
// erased contact's: those that its own history has of the same partner's field, unless the
// other contact holds them as well. Where the other one held the same and does not any more
// (a country, say), it cannot take that write back: to be forgotten is the stronger right.

// eraseSQL takes a person, contact $1, out of the journals and out of other contacts' history.
// It comes before the contact's own history is scrubbed, which tells what was its own.
var eraseSQL = []string{
	`WITH ` + mineSQL + `, theirs AS (SELECT h.id, jsonb_object_agg(f.key, '{"scrubbed": true}'::jsonb) AS scrubbed
			FROM partners p CROSS JOIN LATERAL (SELECT * FROM mksync_history o WHERE o.metakocka_id = p.id AND o.contact_id <> $1 OFFSET 0) h,
				jsonb_each(h.fields) f, jsonb_each_text(f.value) v
			WHERE v.key = ANY (` + valueNames + `) AND (p.id, f.key, v.value) IN (SELECT partner, field, value FROM mine)
				AND ` + notHeldSQL("v.value", "f.key", "m.contact_id = h.contact_id") + ` GROUP BY h.id)
		UPDATE mksync_history h SET fields = h.fields || t.scrubbed FROM theirs t WHERE h.id = t.id`,
	`WITH ` + mineSQL + `
		DELETE FROM mksync_conflicts WHERE id IN (SELECT c.id
			FROM partners p CROSS JOIN LATERAL (SELECT * FROM mksync_conflicts o WHERE o.metakocka_id = p.id AND o.status <> 'parked' OFFSET 0) c,
				unnest(ARRAY[c.base_crm, c.base_partner, c.crm_value, c.partner_value]) v
			WHERE (p.id, c.field, v) IN (SELECT partner, field, value FROM mine) AND ` + notHeldSQL("v", "c.field", "m.id = c.link_id") + `)`,
	`DELETE FROM mksync_conflicts c USING metakocka_contact_mappings m WHERE c.link_id = m.id AND m.contact_id = $1`,
	`UPDATE mksync_merges SET ` + emptied + ` WHERE (loser_id = $1 OR winner_id = $1) AND loser_row IS NOT NULL`,
	`DELETE FROM mksync_answers WHERE contact_id = $1`,
	takeInSQL,
}

// erasePartnerSQL takes a partner, $1, out of what is kept of it and of everybody who was
// ever linked with it. Tombstones come before what was last seen: whoever stores a link
// locks in that order.
var erasePartnerSQL = []string{
	`DELETE FROM mksync_search s USING metakocka_contact_mappings m WHERE m.id = s.link_id AND m.metakocka_id = $1 AND m.` + tombstone + ` AND m.base IS NOT NULL`,
	`UPDATE metakocka_contact_mappings SET base = NULL, overrides = NULL WHERE metakocka_id = $1 AND ` + tombstone + ` AND base IS NOT NULL`,
	`DELETE FROM mksync_conflicts WHERE metakocka_id = $1`,
	`UPDATE mksync_merges SET ` + emptied + ` WHERE $1 IN (partner_id, moved_id, loser_link->>'metakockaId', winner_link->>'metakockaId') AND loser_row IS NOT NULL`,
	`DELETE FROM mksync_answers WHERE metakocka_id = $1`,
	`UPDATE mksync_partners SET ` + blank + ` WHERE metakocka_id = $1`,
	scrubWhereSQL("metakocka_id = $1"),
}

// mineSQL are the partners that contact $1 had, and what its history has of them. OFFSET 0
// behind what is joined with the partners has it looked up by each of them.
const mineSQL = `partners AS (SELECT DISTINCT metakocka_id AS id FROM mksync_history WHERE contact_id = $1 AND metakocka_id IS NOT NULL),
	mine AS (SELECT h.metakocka_id AS partner, f.key AS field, v.value FROM mksync_history h, jsonb_each(h.fields) f, jsonb_each_text(f.value) v
		WHERE h.contact_id = $1 AND v.key = ANY (` + valueNames + `) AND v.value <> '')`

// valueNames are what of a history's field are values.
const valueNames = `'{base,baseMetakocka,crm,metakocka,written,sent}'`

// notHeldSQL is true of a field's value that neither side of the links m holds.
func notHeldSQL(value, field, links string) string {
	return fmt.Sprintf("(%s = ANY (SELECT m.base->side->>%s FROM metakocka_contact_mappings m, unnest('{crm,partner}'::text[]) side WHERE %s)) IS NOT TRUE", value, field, links)
}

// scrubSQL takes the values out of a contact's history, and what persons said of it: what was
// done stays, and to which fields.
var scrubSQL = scrubWhereSQL("contact_id = $1")

func scrubWhereSQL(which string) string {
	return `UPDATE mksync_history h SET note = NULL,
			fields = coalesce((SELECT jsonb_object_agg(key, jsonb_build_object('scrubbed', true)) FROM jsonb_each(h.fields)), '{}')
		WHERE ` + which + ` AND (note IS NOT NULL OR EXISTS (SELECT FROM jsonb_each(h.fields) e WHERE NOT e.value ? 'scrubbed'))`
}

// queueErasing takes whom a change erases out of what is kept.
func queueErasing(b *pgx.Batch, ch *store.Change) {
	if ch.Erased {
		for _, sql := range eraseSQL {
			b.Queue(sql, ch.Link.ContactID)
		}
	}
	if ch.PartnerErased {
		for _, sql := range erasePartnerSQL {
			b.Queue(sql, ch.Link.MetaKockaID)
		}
	}
}
