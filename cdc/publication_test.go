package cdc

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

// awayAndBack are changes of a publication after which the catalog looks as before.
var awayAndBack = map[string][2]string{
	"table":       {"ALTER PUBLICATION mine DROP TABLE items", "ALTER PUBLICATION mine ADD TABLE items"},
	"publication": {"DROP PUBLICATION mine", "CREATE PUBLICATION mine FOR TABLE items"},
	"operations": {
		"ALTER PUBLICATION mine SET (publish = 'insert')",
		"ALTER PUBLICATION mine SET (publish = 'insert, update, delete, truncate')",
	},
	"name": {"ALTER PUBLICATION mine RENAME TO other", "ALTER PUBLICATION other RENAME TO mine"},
}

func (r *rig) alterPublication(sql string) {
	r.t.Helper()
	r.exec(strings.NewReplacer("mine", quoteIdent(r.cfg.Publication), "other", quoteIdent(r.cfg.Publication+"_")).Replace(sql))
}

func TestPublicationTakenAwayAndPutBackIsRepaired(t *testing.T) {
	t.Parallel()
	for name, change := range awayAndBack {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := streamOne(t)
			r.alterPublication(change[0])
			r.exec("UPDATE items SET name = 'missed'")
			r.alterPublication(change[1])
			r.repaired(ErrPublicationLost.Error())
		})
	}
}

func TestPublicationTakenAwayAndPutBackWhileStreamingIsRepaired(t *testing.T) {
	t.Parallel()
	for name, change := range awayAndBack {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.cfg.WatchInterval = 20 * time.Millisecond
			r.startStreaming()
			r.exec("INSERT INTO items VALUES (1)")
			r.events(1)
			r.alterPublication(change[0])
			r.exec("UPDATE items SET name = 'missed'")
			r.alterPublication(change[1])
			testenv.Eventually(t, patience, func() error {
				all := r.sink.all()
				if last := all[len(all)-1]; last.Op != OpSnapshot || last.After["name"] != "missed" {
					return fmt.Errorf("the last event is %s", last)
				}
				return nil
			})
			require.Contains(t, r.store.get().SnapshotReason, ErrPublicationLost.Error())
		})
	}
}

func TestPublicationIsTakenOverByTheStateOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	r := streamOne(t)
	r.store.change(func(s *State) { s.Publication = "" })
	pos := r.store.get().SnapshotPos
	r.startStreaming().stop()
	require.Equal(t, pos, r.store.get().SnapshotPos)
	r.alterPublication(awayAndBack["table"][0])
	r.alterPublication(awayAndBack["table"][1])
	r.repaired(ErrPublicationLost.Error())
}

func TestEveryWayIntoAPublicationIsRemembered(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"all tables": {"CREATE PUBLICATION mine FOR ALL TABLES", "DROP PUBLICATION mine; CREATE PUBLICATION mine FOR ALL TABLES"},
		"schema":     {"CREATE PUBLICATION mine FOR TABLES IN SCHEMA public", "ALTER PUBLICATION mine DROP TABLES IN SCHEMA public; ALTER PUBLICATION mine ADD TABLES IN SCHEMA public"},
		"parent":     {"CREATE PUBLICATION mine FOR TABLE parent", "ALTER PUBLICATION mine DROP TABLE parent; ALTER PUBLICATION mine ADD TABLE parent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "CREATE TABLE parent (id int PRIMARY KEY, name text) PARTITION BY RANGE (id)",
				"CREATE TABLE items PARTITION OF parent DEFAULT")
			if name == "schema" && r.version() < 150000 {
				t.Skip("this server knows no schemas in publications")
			}
			r.alterPublication(change[0])
			r.startStreaming().stop()
			r.exec("INSERT INTO items VALUES (1)")
			r.alterPublication(change[1])
			r.repaired(ErrPublicationLost.Error())
		})
	}
}

func (r *rig) version() (n int) {
	r.t.Helper()
	r.query(&n, "SELECT current_setting('server_version_num')::int")
	return n
}
