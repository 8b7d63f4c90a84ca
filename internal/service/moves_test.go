package service_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestMoveToAClusterAndUpgradeOneAfterTheOther, as docs/operations.md tells: from the server
// in the process to three others, where the streams begin anew and nothing is lost that
// happened meanwhile; then a second process, and each is stopped and started again while
// edits go on, and get through by the other.
func TestMoveToAClusterAndUpgradeOneAfterTheOther(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.New(t, sim.Options{})
	kept, gone := w.Insert("Hana Smreka", "hana@primer.si"), w.Insert("Jan Bor", "jan@primer.si")
	_, stop := w.Start()
	w.Status(kept, "synced")
	w.Status(gone, "synced")

	// The move. What happens until the next start, the new streams have no event of.
	stop()
	w.Set(kept, mapping.FieldPhone, "040 111 111")
	w.Exec("DELETE FROM contacts WHERE id = $1", gone)
	w.Config.NATSURL = config.Secret(strings.Join(natsserver.StartCluster(t).URLs(), ","))
	w.Config.StreamReplicas = 3
	one, stopOne := w.Start()
	w.Agree(kept, "040 111 111")
	w.Status(gone, "deleted")
	w.NoProblem(one)

	// One more process, and the first is away.
	two, stopTwo := w.Start()
	w.Ready(two, 200, "ready")
	stopOne()
	w.Set(kept, mapping.FieldPhone, "040 222 222")
	w.Agree(kept, "040 222 222")

	// It is back, and the other one is away.
	one, _ = w.Start()
	w.Ready(one, 200, "ready")
	stopTwo()
	w.Edit(w.Partner(kept), func(p *metakocka.Partner) { p.Contacts[0].Email = "hana.smreka@primer.si" })
	w.ContactIs(kept, mapping.FieldEmail, "hana.smreka@primer.si")
	w.NoProblem(one)
	require.Len(t, w.ERP.Partners(), 2)
}
