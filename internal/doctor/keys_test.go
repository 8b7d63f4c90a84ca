package doctor_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/migrations"
)

// TestKeysThatNameNoContact: of another type than mksync can name contacts by, or than its
// tables do, and those that may be there twice or not at all.
func TestKeysThatNameNoContact(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	r.exec("CREATE TABLE contacts (id date PRIMARY KEY, code text, number int NOT NULL, name text NOT NULL)")
	is := func(column string, status doctor.Status, words ...string) {
		t.Helper()
		r.cfg.Database.KeyColumn = column
		r.run().is("key column", status, words...)
	}
	is("id", doctor.Fail, "is of type date, and mksync names contacts by uuid, text", "MKSYNC_CONTACTS_KEY")
	is("code", doctor.Fail, `column "code" of public.contacts may be empty`, "unique and not null")
	is("number", doctor.Fail, "is not unique", `ADD UNIQUE ("number")`)
	r.exec("ALTER TABLE contacts ADD UNIQUE (number), ADD UNIQUE (number, code)")
	is("number", doctor.OK, "number integer")
	_, err := migrations.Up(t.Context(), r.url, migrations.Installation{Schema: "public"})
	require.NoError(t, err)
	is("number", doctor.Fail, "name contacts by keys of type uuid", "mksync migrate up")
	r.exec("DROP TABLE contacts; CREATE TABLE contacts (id uuid, region int, name text NOT NULL, PRIMARY KEY (id, region)) PARTITION BY LIST (region)")
	is("id", doctor.Note, "unique in each partition")
}

// TestKeysOfASequenceThatMayNotBeUsed: an identity's, a serial's, and one that no column owns.
func TestKeysOfASequenceThatMayNotBeUsed(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"bigint GENERATED ALWAYS AS IDENTITY", "serial", `bigint DEFAULT nextval('"Numbers"')`, `text DEFAULT 'K-' || nextval('"Numbers"')`} {
		r := newRig(t, sim.Options{}).only("database")
		role := r.role("REPLICATION")
		r.exec(`CREATE SEQUENCE "Numbers"; CREATE SEQUENCE others`)
		r.exec("CREATE TABLE contacts (id " + key + " PRIMARY KEY, name text NOT NULL, number int DEFAULT nextval('others'))")
		r.exec("GRANT ALL ON contacts TO " + role)
		r.run().is("new contacts", doctor.Note, "may not use the sequence", "GRANT USAGE ON SEQUENCE")
		r.cfg.Database.Imports = true
		f := r.run().named("new contacts")
		require.Equal(t, doctor.Fail, f.Status)
		require.NotContains(t, f.Do, "others")
		r.exec(strings.TrimPrefix(f.Do, "run as its owner: "))
		require.NotContains(t, r.run().statuses(doctor.Fail), "new contacts", key)
	}
}
