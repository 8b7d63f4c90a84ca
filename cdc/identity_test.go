package cdc

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

const fullRoot = "CREATE TABLE items (id int, name text) PARTITION BY RANGE (id); ALTER TABLE items REPLICA IDENTITY FULL"

// withoutIdentity are tables whose rows Postgres lets nobody change once they are
// published, or whose deletions would not tell the key.
var withoutIdentity = map[string]struct{ ddl, what, do string }{
	"deferrable key": {
		"CREATE TABLE items (id int PRIMARY KEY DEFERRABLE, name text)",
		"the key of public.items is DEFERRABLE", `ALTER TABLE "public"."items" REPLICA IDENTITY FULL`,
	},
	"index that is gone": {
		"CREATE TABLE items (id int NOT NULL CONSTRAINT own UNIQUE, name text); ALTER TABLE items REPLICA IDENTITY USING INDEX own; ALTER TABLE items DROP CONSTRAINT own",
		`column "id" is not part of the primary key or replica identity of public.items`, "REPLICA IDENTITY FULL",
	},
	"key included, not indexed": {
		"CREATE TABLE items (id int, name text, number int, PRIMARY KEY (number) INCLUDE (id))",
		`column "id" is not part of the primary key or replica identity of public.items`, "REPLICA IDENTITY FULL",
	},
	"full on the root alone": {
		fullRoot + "; CREATE TABLE items_a PARTITION OF items FOR VALUES FROM (0) TO (9); CREATE TABLE items_b PARTITION OF items FOR VALUES FROM (9) TO (99)",
		"replica identity of partition public.items_a", "ALTER TABLE public.items_a REPLICA IDENTITY FULL; 1 more partitions",
	},
	"a partition of a partition": {
		fullRoot + "; CREATE TABLE half PARTITION OF items FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (id); CREATE TABLE \"It's\" PARTITION OF half DEFAULT",
		`replica identity of partition public."It's"`, `ALTER TABLE public."It's" REPLICA IDENTITY FULL`,
	},
	"a partition's index without the key": {
		fullRoot + "; CREATE TABLE part PARTITION OF items DEFAULT; ALTER TABLE part ALTER name SET NOT NULL, ADD CONSTRAINT own UNIQUE (name); ALTER TABLE part REPLICA IDENTITY USING INDEX own",
		"replica identity of partition public.part: its deletes", "REPLICA IDENTITY FULL",
	},
	"a partition that is not logged": {
		fullRoot + "; CREATE UNLOGGED TABLE part PARTITION OF items DEFAULT",
		"partition public.part is unlogged", "ALTER TABLE public.part SET LOGGED",
	},
	"a partition far away": {
		fullRoot + "; CREATE FOREIGN DATA WRAPPER far; CREATE SERVER far FOREIGN DATA WRAPPER far; CREATE FOREIGN TABLE part PARTITION OF items DEFAULT SERVER far",
		"partition public.part is a foreign table", `ALTER TABLE "public"."items" DETACH PARTITION public.part`,
	},
}

func TestNothingIsPublishedWhoseRowsNobodyCouldChange(t *testing.T) {
	t.Parallel()
	for name, tc := range withoutIdentity {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tc.ddl)
			requireSetupError(t, r.start().failure(), tc.what, tc.do)
			requireFinding(t, r.cfg, tc.what, tc.do)
			var made int
			r.query(&made, "SELECT count(*) FROM pg_publication")
			require.Zero(t, made, "the publication itself does the harm")
		})
	}
}

func TestEveryUsableIdentityIsTaken(t *testing.T) {
	t.Parallel()
	for name, ddl := range map[string]string{
		"index":           "CREATE TABLE items (id int NOT NULL UNIQUE, name text); ALTER TABLE items REPLICA IDENTITY USING INDEX items_id_key",
		"key of two":      "CREATE TABLE items (name text, id int, PRIMARY KEY (name, id))",
		"deferrable full": "CREATE TABLE items (id int PRIMARY KEY DEFERRABLE, name text); ALTER TABLE items REPLICA IDENTITY FULL",
		"partitions": `CREATE TABLE items (id int PRIMARY KEY, name text) PARTITION BY RANGE (id);
			CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (9); CREATE TABLE rest PARTITION OF items DEFAULT; ALTER TABLE rest REPLICA IDENTITY FULL`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, ddl, "INSERT INTO items (id, name) VALUES (1, 'one'), (10, 'ten')")
			r.startStreaming()
			r.exec("UPDATE items SET name = 'another'")
			r.exec("DELETE FROM items")
			for _, ev := range r.events(6)[4:] {
				require.Equal(t, OpDelete, ev.Op)
				require.Contains(t, []string{"1", "10"}, ev.Key)
			}
		})
	}
}

// TestAPartitionThatNobodyCanChangeIsToldAtOnce: Postgres refuses the CRM's own
// statements on it. All other rows are synced as before, also after a restart.
func TestAPartitionThatNobodyCanChangeIsToldAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, fullRoot, "CREATE TABLE low PARTITION OF items FOR VALUES FROM (0) TO (9)", "ALTER TABLE low REPLICA IDENTITY FULL")
	r.cfg.WatchInterval = 20 * time.Millisecond
	run := r.startStreaming()
	r.exec("CREATE TABLE rest PARTITION OF items DEFAULT; INSERT INTO items VALUES (1, 'one'), (10, 'ten')")
	r.events(2)
	_, err := r.db.Exec(context.Background(), "UPDATE items SET name = 'another' WHERE id = 10")
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	warned := func(text string) func() error {
		return func() error {
			if w := run.Status().Warning.String(); !strings.Contains(w, text) || (text == "") != (w == "") {
				return fmt.Errorf("the warning is %q", w)
			}
			return nil
		}
	}
	testenv.Eventually(t, patience, warned("ALTER TABLE public.rest REPLICA IDENTITY FULL"))
	run.stop()
	require.True(t, run.Status().Warning.IsZero())

	run = r.startStreaming()
	r.exec("UPDATE items SET name = 'another' WHERE id = 1")
	r.events(3)
	testenv.Eventually(t, patience, warned("ALTER TABLE public.rest REPLICA IDENTITY FULL"))
	requireFinding(t, r.cfg, "replica identity of partition public.rest", "REPLICA IDENTITY FULL")
	r.exec("ALTER TABLE rest REPLICA IDENTITY FULL")
	testenv.Eventually(t, patience, warned(""))
}

func TestAPublicationThatLeavesOutRowsOrTheKeyIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ ddl, made, what, do string }{
		"rows": {
			itemsTable, "items WHERE (id > 100)",
			"has a row filter for public.items", `DROP TABLE "public"."items"; ALTER PUBLICATION mine ADD TABLE "public"."items"`,
		},
		"rows and columns": {
			itemsTable, "items (id, name) WHERE (id > 100)", "has a row filter", `ADD TABLE "public"."items" ("id", "name")`,
		},
		"rows of all partitions": {
			"CREATE TABLE items (id int PRIMARY KEY) PARTITION BY RANGE (id)", "items WHERE (id > 100) WITH (publish_via_partition_root)",
			"has a row filter", "ADD TABLE",
		},
		"key": {
			itemsTable, "items (name)", "leaves out id, which belongs to the key of public.items", `ADD TABLE "public"."items" ("id", "name")`,
		},
		"columns of a whole identity": {
			itemsTable + "; ALTER TABLE items REPLICA IDENTITY FULL", "items (id, name, notes)",
			"whose replica identity is FULL", `ADD TABLE "public"."items"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tc.ddl)
			r.needs(150000)
			r.alterPublication("CREATE PUBLICATION mine FOR TABLE " + tc.made)
			do := strings.ReplaceAll(tc.do, "mine", quoteIdent(r.cfg.Publication))
			requireSetupError(t, r.start().failure(), tc.what, do)
			requireFinding(t, r.cfg, tc.what, do)
		})
	}
}

// TestAFilterThatIsSetWhileStreamingIsRefused: what it left out meanwhile is read
// when it is gone.
func TestAFilterThatIsSetWhileStreamingIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.needs(150000)
	r.cfg.WatchInterval = 20 * time.Millisecond
	run := r.startStreaming()
	r.alterPublication("ALTER PUBLICATION mine SET TABLE items WHERE (id > 100)")
	testenv.Eventually(t, patience, func() error {
		if p := run.Status().Problem.String(); !strings.Contains(p, "has a row filter") {
			return fmt.Errorf("the problem is %q", p)
		}
		return nil
	})
	r.exec("INSERT INTO items VALUES (1)")
	r.alterPublication("ALTER PUBLICATION mine SET TABLE items")
	require.Equal(t, OpSnapshot, r.events(1)[0].Op)
}

func TestColumnsThatAreNotPublishedAreInNoEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.needs(150000)
	r.alterPublication("CREATE PUBLICATION mine FOR TABLE items (id, name)")
	r.exec("INSERT INTO items VALUES (1, 'one', 'nobody else is to read this')")
	r.startStreaming()
	r.exec("UPDATE items SET notes = 'nor this'")
	want := map[string]string{"id": "1", "name": "one"}
	got := r.events(2)
	require.Equal(t, want, got[0].After)
	require.Equal(t, want, got[1].After)
	for _, f := range Check(context.Background(), r.cfg) {
		require.True(t, f.OK, "%+v", f)
		if f.Name == "publication" {
			require.Contains(t, f.Detail.String(), "with the columns id, name alone")
		}
	}
}

// needs skips the test on an older server.
func (r *rig) needs(version int) {
	r.t.Helper()
	if r.version() < version {
		r.t.Skipf("this server is older than version %d", version/10000)
	}
}
