package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// asItIs is a world over a CRM's table as it is: a text key, a name and an address in
// parts, triggers, row level security, another integration's pairs. The role has the
// rights it needs and owns nothing.
func asItIs(t *testing.T, opts sim.Options) *world.World {
	t.Helper()
	database, role := testenv.DB(t), testenv.SlotName(t)
	sql, err := os.ReadFile("../../internal/proposal/testdata/crm.sql")
	require.NoError(t, err)
	testenv.Exec(t, database, string(sql))
	w := world.NewAt(t, database, opts)
	testenv.Exec(t, database, fmt.Sprintf(`CREATE ROLE %[1]s LOGIN REPLICATION BYPASSRLS PASSWORD 'x';
		DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %%I TO %[1]s', current_database()); END $$;
		GRANT USAGE ON SCHEMA public TO %[1]s; GRANT SELECT, INSERT, UPDATE ON contacts TO %[1]s; GRANT SELECT ON metakocka_contact_mappings TO %[1]s;
		CREATE PUBLICATION %[2]s FOR TABLE contacts WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)`,
		role, w.Config.Publication))
	t.Cleanup(func() { testenv.Exec(t, database, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	w.Config.DatabaseURL = config.Secret(world.AsRole(t, database, role))
	return w
}

// TestTheProposalWorksUnchanged: init, migrate, the pairs there are, run, and both
// directions on a table that is nothing like the one mksync expects.
func TestTheProposalWorksUnchanged(t *testing.T) {
	t.Parallel()
	w := asItIs(t, sim.Options{Partners: []metakocka.Partner{{MKID: "7001", Customer: "Zajc"}}})
	w.Exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id) SELECT id, '7001' FROM contacts WHERE firstname = 'Bor'")
	w.Config.AutoImport = true
	file := filepath.Join(t.TempDir(), "mksync.yaml")
	stdout, _, err := initialise(t, commandEnviron(w), "--write", file)
	require.NoError(t, err, stdout)
	require.Contains(t, stdout, "whether to take over the pairs in public.metakocka_contact_mappings")
	require.Contains(t, stdout, "\nnothing is wrong\n")

	w.Config, err = config.Load(file, commandEnviron(w))
	require.NoError(t, err)
	set := append(commandEnviron(w), "MKSYNC_CONFIG="+file)
	require.NoError(t, command(t, set, "migrate", "up"))
	_, line, _ := strings.Cut(stdout, "public.metakocka_contact_mappings: mksync ")
	line, _, _ = strings.Cut(line, " --dry-run\n")
	require.NoError(t, command(t, set, strings.Fields(line)...), "what it says of the pairs is a command: %s", line)
	s, _ := w.Start()

	// Out: the contacts that are there, and a part of an address.
	w.Exec("UPDATE contacts SET address = 'Glavni trg 1', postal_code = '4000', city = 'Kranj' WHERE firstname = 'Ana'")
	ana := named(w, "Ana Novak", street, "Glavni trg 1, 4000 Kranj")

	// In: the part of the name that changed, and the whole name that follows.
	w.Edit(ana, func(p *metakocka.Partner) { p.Customer, p.Contacts[0].Name = "Ana Kos", "Ana Kos" })
	rowIs(w, "ana@primer.si", "Ana|Kos|Ana Kos|Glavni trg 1|4000|Kranj")

	// A partner becomes a contact of the organisation that all are of.
	_, err = w.ERP.AddPartner(metakocka.Partner{
		Customer: "Cene Zajc", Contacts: []metakocka.Contact{{Name: "Cene Zajc", Email: "cene@primer.si"}},
	})
	require.NoError(t, err)
	rowIs(w, "cene@primer.si", "Cene|Zajc|Cene Zajc|||")
	require.Equal(t, 1, w.Count("SELECT count(DISTINCT organization_id) FROM contacts"))
	require.Equal(t, 3, w.Count("SELECT count(*) FROM mksync.metakocka_contact_mappings WHERE sync_status IN ('synced', 'partial')"))
	require.Equal(t, 1, w.Count("SELECT count(*) FROM public.metakocka_contact_mappings"), "the other integration's pairs are its own")
	require.Len(t, w.ERP.Partners(), 3, "whose contact was linked before has no second partner")
	staysSo(w, s)
}

// staysSo: what the triggers make of mksync's writes is sent back nowhere.
func staysSo(w *world.World, s *service.Service) {
	w.T.Helper()
	w.WorkedOff(s)
	swept(w)
	w.WorkedOff(s)
	written := func() []any {
		calls := w.ERP.Calls().Received
		rows := w.One("SELECT string_agg(id || ' ' || xmin::text || ' ' || updatedat::text, ', ' ORDER BY id) FROM contacts")
		return []any{calls[metakocka.EndpointAdd], calls[metakocka.EndpointUpdate], rows}
	}
	before := written()
	swept(w)
	w.WorkedOff(s)
	require.Equal(w.T, before, written())
}

// swept waits for a poll that begins from now on.
func swept(w *world.World) {
	w.T.Helper()
	now := w.One("SELECT clock_timestamp()::text")
	w.Eventually(func() error {
		if w.Count("SELECT count(*) FROM mksync.mksync_state WHERE key = 'poller' AND (value->>'sweptAt')::timestamptz > $1::text::timestamptz", now) == 0 {
			return errors.New("no complete poll since " + now)
		}
		return nil
	})
}

// street is that of a partner's billing address.
func street(p metakocka.Partner) string {
	a, _ := p.Billing()
	return a.Street + ", " + a.PostNumber + " " + a.City
}

// command runs a command with that environment.
func command(t *testing.T, environ []string, args ...string) error {
	t.Helper()
	var out strings.Builder
	app := &cliEnv{stdin: strings.NewReader(""), stdout: &out, stderr: &out, environ: environ}
	root := newRootCommand(app)
	root.SetArgs(args)
	return root.ExecuteContext(t.Context())
}

// named waits until a partner of that name shows what is wanted.
func named(w *world.World, name string, look func(p metakocka.Partner) string, want string) (found metakocka.Partner) {
	w.T.Helper()
	w.Eventually(func() error {
		for _, p := range w.ERP.Partners() {
			if p.Customer == name {
				found = p
				if got := look(p); got != want {
					return fmt.Errorf("%s is %q, not yet %q", name, got, want)
				}
				return nil
			}
		}
		return fmt.Errorf("there is no partner %s yet", name)
	})
	return found
}

// rowIs waits until the contact with that e-mail has the name and the address, in the
// table's columns.
func rowIs(w *world.World, email, want string) {
	w.T.Helper()
	w.Eventually(func() error {
		got := w.One(`SELECT max(concat_ws('|', firstname, lastname, full_name, address, postal_code, city)) FROM contacts WHERE email = $1`, email)
		if got != want {
			return fmt.Errorf("%s is %q, not yet %q", email, got, want)
		}
		return nil
	})
}
