package proposal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/proposal"
	"github.com/crmmind/mksync/internal/testenv"
)

// TestALookIsAGuests: it waits for nobody's lock, and can write nothing.
func TestALookIsAGuests(t *testing.T) {
	t.Parallel()
	url := testenv.DB(t)
	testenv.Exec(t, url, `CREATE TABLE contacts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text, email text, deleted boolean NOT NULL);
		INSERT INTO contacts (name, deleted) VALUES ('Ana', false)`)
	crm, conn := connect(t, url), connect(t, url)
	tx, err := crm.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)

	found, err := proposal.Look(t.Context(), conn)
	require.NoError(t, err)
	likeliest := found.Candidates()[0]
	require.NoError(t, proposal.Sample(t.Context(), conn, &likeliest))
	deleted, _ := likeliest.Table.Column("deleted")
	require.Nil(t, deleted.Held, "somebody has the table to himself")

	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, proposal.Sample(t.Context(), conn, &likeliest))
	deleted, _ = likeliest.Table.Column("deleted")
	require.Equal(t, &proposal.Held{Values: []string{"false"}, Whole: true}, deleted.Held)
	_, err = conn.Exec(t.Context(), "INSERT INTO contacts (deleted) VALUES (true)")
	require.ErrorContains(t, err, "read-only transaction")
}

// TestWhatARoleDoesNotSeeIsNotGuessed: neither rows that row level security hides, nor a
// table that the role may not read, is an error.
func TestWhatARoleDoesNotSeeIsNotGuessed(t *testing.T) {
	t.Parallel()
	for name, grant := range map[string]string{"hidden": "GRANT SELECT ON contacts TO", "no right": "GRANT USAGE ON SCHEMA public TO"} {
		conn := database(t, "crm")
		role := testenv.SlotName(t)
		for _, sql := range []string{
			"SET default_transaction_read_only = off", "CREATE ROLE " + role, grant + " " + role, "SET ROLE " + role,
		} {
			_, err := conn.Exec(t.Context(), sql)
			require.NoError(t, err)
		}
		t.Cleanup(func() { testenv.Exec(t, conn.Config().ConnString(), "DROP OWNED BY "+role+"; DROP ROLE "+role) })

		p := propose(t, conn, nil)
		require.Empty(t, read(t, p.Text).Filter, name)
		require.Contains(t, p.Text, "#   - organization_id: …", name)
	}
}

// TestSeveralOwnersAreForAPersonToChoose: one of several organisations is never taken by
// guess.
func TestSeveralOwnersAreForAPersonToChoose(t *testing.T) {
	t.Parallel()
	conn := database(t, "crm")
	_, err := conn.Exec(t.Context(), `WITH o AS (INSERT INTO organizations (name) VALUES ('Drugo') RETURNING id)
		INSERT INTO contacts (firstname, lastname, email, organization_id) SELECT 'Cene', 'Kos', 'cene@drugo.si', id FROM o`)
	require.NoError(t, err)
	p := propose(t, conn, nil)
	require.Empty(t, read(t, p.Text).Filter)
	require.Contains(t, p.Text, "#   - organization_id: 5f0c6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10")
	require.Contains(t, p.Decide[0], "whose contacts are synced: organization_id tells them apart")
}

// TestTheRowsOfALargeTableAreNotAllLookedAt: what was seen of a part is proposed, and not
// taken.
func TestTheRowsOfALargeTableAreNotAllLookedAt(t *testing.T) {
	t.Parallel()
	conn := database(t, "plain")
	_, err := conn.Exec(t.Context(), `ALTER TABLE contacts ADD tenant_id int DEFAULT 7;
		INSERT INTO contacts (name) SELECT 'Oseba' FROM generate_series(1, 100001)`)
	require.NoError(t, err)
	p := propose(t, conn, nil)
	require.Empty(t, read(t, p.Text).Filter)
	require.Contains(t, p.Text, "Seen (there may be more):\n# filter:\n#   - tenant_id: 7\n")
}

// TestMksyncsOwnTablesAreNoContacts, nor another integration's pairs.
func TestMksyncsOwnTablesAreNoContacts(t *testing.T) {
	t.Parallel()
	conn := database(t, "plain")
	_, err := conn.Exec(t.Context(), `CREATE SCHEMA own; CREATE TABLE own.mksync_migrations (id int);
		CREATE TABLE own.metakocka_contact_mappings (id uuid PRIMARY KEY, contact_id uuid REFERENCES contacts, metakocka_id text, base_assumed boolean)`)
	require.NoError(t, err)
	p := propose(t, conn, func(d *proposal.Database) { d.Public = []string{"anon"} })
	require.Equal(t, "own", read(t, p.Text).Schema)
	require.NotContains(t, p.Text, "mappings import")
}

func TestNoTableIsContacts(t *testing.T) {
	t.Parallel()
	found, err := proposal.Look(t.Context(), database(t, "none"))
	require.NoError(t, err)
	require.Empty(t, found.Candidates())
	require.Equal(t, []string{
		"public.contacts (no column of it can be the key: a primary key, or one that is unique and not null, of type uuid, text, varchar, smallint, integer or bigint)",
		"public.stranke (Postgres's log does not tell of its changes: it is unlogged, or foreign)",
	}, found.Unsuited())

	_, err = found.Named("contacts")
	require.ErrorContains(t, err, "public.contacts cannot be the contacts' table: no column of it can be the key")
	_, err = found.Named("public.kontakti")
	require.ErrorContains(t, err, "there is no table public.kontakti")
	_, err = found.Named("products")
	require.NoError(t, err, "what is named need not look like contacts")
}

func TestTwoTablesLookAlike(t *testing.T) {
	t.Parallel()
	found, err := proposal.Look(t.Context(), database(t, "two"))
	require.NoError(t, err)
	alike := proposal.Alike(found.Candidates())
	require.Len(t, alike, 2)
	require.Equal(t, "public.clients", alike[0].Table.FullName())
}
