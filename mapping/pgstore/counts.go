package pgstore

import (
	"context"
	"fmt"

	"github.com/crmmind/mksync/mapping/store"
)

// refusedSince is about when a contact in error was refused first: each try by itself comes
// three times as late as the one before, the first after five seconds (syncer/reject.go), and
// a row tells only of the last one. It was not later than that.
const refusedSince = "updated_at - make_interval(secs => 2.5 * (power(3, least(retries, 9)) - 1))"

// countsSQL reads every figure from one snapshot. What waits is counted by the words that
// its list chooses by.
const countsSQL = `
	SELECT l.statuses, c.n, c.since, d.n, d.since, l.matches, l.matches_since, l.proposed + i.n, least(l.proposed_since, i.since), l.errors, l.errors_since, l.differing, l.unresolved,
		(SELECT count(*) FROM mksync_merges WHERE ` + openMerge + ` AND note <> ''), (SELECT count(*) FROM mksync_left_out)
	FROM (SELECT count(*) AS n, min(created_at) AS since FROM mksync_conflicts c WHERE ` + waitingConflict + `) c,
		(SELECT count(*) AS n, min(created_at) AS since FROM mksync_deletions WHERE ` + openDeletion + `) d,
		(SELECT count(*) AS n, min(at) AS since FROM mksync_imports i WHERE ` + proposedImport + `) i,
		(SELECT coalesce(jsonb_object_agg(sync_status, n), '{}') AS statuses,
			coalesce(sum(n) FILTER (WHERE sync_status = 'error'), 0)::bigint AS errors, min(errors_since) AS errors_since,
			coalesce(sum(matches), 0)::bigint AS matches, min(matches_since) AS matches_since,
			coalesce(sum(proposed), 0)::bigint AS proposed, min(proposed_since) AS proposed_since,
			coalesce(sum(differing), 0)::bigint AS differing, coalesce(sum(unresolved), 0)::bigint AS unresolved
		FROM (SELECT sync_status, count(*) AS n, min(` + refusedSince + `) FILTER (WHERE sync_status = 'error') AS errors_since,
				count(*) FILTER (WHERE ` + unclearMatch + `) AS matches, min(coalesce(unclear_since, updated_at)) FILTER (WHERE ` + unclearMatch + `) AS matches_since,
				count(*) FILTER (WHERE ` + proposedMatch + `) AS proposed, min((proposal->>'at')::timestamptz) FILTER (WHERE ` + proposedMatch + `) AS proposed_since,
				count(*) FILTER (WHERE differing <> '{}' AND ` + livingLink + `) AS differing, count(intent) AS unresolved
			FROM metakocka_contact_mappings GROUP BY sync_status) s) l`

// Counts reads all figures in one statement.
func (s *Store) Counts(ctx context.Context) (store.Counts, error) {
	c := store.Counts{Links: map[store.Status]int{}}
	err := s.pool.QueryRow(ctx, countsSQL).Scan(&c.Links, &c.Conflicts.Count, &c.Conflicts.Since, &c.Deletions.Count, &c.Deletions.Since,
		&c.Matches.Count, &c.Matches.Since, &c.Proposals.Count, &c.Proposals.Since, &c.Errors.Count, &c.Errors.Since, &c.Differing, &c.Unresolved, &c.OpenMerges, &c.LeftOut)
	if err != nil {
		return c, fmt.Errorf("count what waits: %w", err)
	}
	return c, nil
}
