package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// What a person said of a contact and a partner is remembered: that they are two. That
// they are one needs no memory but their link.

const (
	deniedSQL = "SELECT metakocka_id FROM mksync_answers WHERE contact_id = $1"
	joinedSQL = "DELETE FROM mksync_answers WHERE contact_id = $1 AND metakocka_id = $2"
	partedSQL = "UPDATE mksync_partners SET parted = $2 WHERE metakocka_id = ANY($1) AND parted <> $2"
)

func denySQL(key contactKey) string {
	return `INSERT INTO mksync_answers (contact_id, metakocka_id, by)
		SELECT ` + key.value("c") + `, p, coalesce($3, '') FROM unnest($1::text[], $2::text[]) AS a (c, p) ON CONFLICT DO NOTHING`
}

// movedAnswersSQL lets the answers go with a link that went from contact $1 to $2.
func movedAnswersSQL(key contactKey) string {
	return `WITH moved AS (DELETE FROM mksync_answers WHERE contact_id = $1
			AND NOT EXISTS (SELECT FROM metakocka_contact_mappings WHERE contact_id = $1) RETURNING metakocka_id, at, by)
		INSERT INTO mksync_answers (contact_id, metakocka_id, at, by) SELECT ` + key.value("$2") + `, metakocka_id, at, by FROM moved ON CONFLICT DO NOTHING`
}

// Denied are the partners of which a person said that they are not the contact's.
func (s *Session) Denied(ctx context.Context) ([]string, error) {
	rows, err := s.store.pool.Query(ctx, deniedSQL, s.id)
	if err != nil {
		return nil, fmt.Errorf("read answers on contact %s: %w", s.id, err)
	}
	denied, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read answers on contact %s: %w", s.id, err)
	}
	return denied, nil
}

// Answers are the partners of which a person said that they are not the contact's, by contact.
func (s *Store) Answers(ctx context.Context, contactIDs []string) (map[string][]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT contact_id::text, metakocka_id FROM mksync_answers
		WHERE contact_id IN (`+s.table().key.values("$1")+")", contactIDs)
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	said := map[string][]string{}
	var contact, partner string
	_, err = pgx.ForEachRow(rows, []any{&contact, &partner}, func() error {
		said[contact] = append(said[contact], partner)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read answers: %w", err)
	}
	return said, nil
}

// Parted are those of the partners that a person parted from the contact they were linked
// with, and of which nobody has said since whose they are.
func (s *Store) Parted(ctx context.Context, metakockaIDs []string) ([]string, error) {
	rows, err := s.pool.Query(ctx, "SELECT metakocka_id FROM mksync_partners WHERE metakocka_id = ANY($1) AND parted", metakockaIDs)
	if err != nil {
		return nil, fmt.Errorf("read which partners were unlinked: %w", err)
	}
	parted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read which partners were unlinked: %w", err)
	}
	return parted, nil
}

// queueAnswers stores what a person said with a change.
func queueAnswers(b *pgx.Batch, key contactKey, ch *store.Change) {
	if len(ch.Denied) > 0 {
		var contacts, partners, parted []string
		for _, a := range ch.Denied {
			contacts, partners = append(contacts, a.ContactID), append(partners, a.MetaKockaID)
			if a.Parted {
				parted = append(parted, a.MetaKockaID)
			}
		}
		b.Queue(denySQL(key), contacts, partners, nullText(ch.Link.UpdatedBy))
		if len(parted) > 0 {
			b.Queue(partedSQL, parted, true)
		}
	}
	if ch.ByHand {
		b.Queue(joinedSQL, ch.Link.ContactID, ch.Link.MetaKockaID)
		b.Queue(partedSQL, []string{ch.Link.MetaKockaID}, false)
	}
}
