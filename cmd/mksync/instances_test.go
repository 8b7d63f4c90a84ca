package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestTwoInstallationsAreKilled: two installations on one Postgres and one NATS, with contacts
// of the same ids, are killed in the middle of their work, in turns and both at once. Each
// goes on with what is its own.
func TestTwoInstallationsAreKilled(t *testing.T) {
	long.Only(t)
	t.Parallel()
	acme, beta := world.TwoInstances(t)
	acme.Config.PollInterval, beta.Config.PollInterval = time.Second, time.Second
	both := []*world.World{acme, beta}
	logs := []*keeper.Log{{}, {}}
	running := []*child{spawn(acme, logs[0]), spawn(beta, logs[1])}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(logs[0].Tail() + "\n\n" + logs[1].Tail())
		}
	})

	const perRound = 2
	id := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	last := map[string]string{}
	rounds := [][]int{{0, 1}, {0}, {1}}
	for round, killed := range rounds {
		for i, w := range both {
			require.NoError(t, w.ERP.SetFaults(sim.Faults{Latency: 20 * time.Millisecond}))
			for n := round * perRound; n < (round+1)*perRound; n++ {
				w.Exec("INSERT INTO contacts (id, name, email) VALUES ($1, $2, $3)", id(n), fmt.Sprintf("%s %d", w.Config.Instance, n), fmt.Sprintf("oseba%d@primer.si", n))
			}
			for n := range (round + 1) * perRound {
				phone := fmt.Sprintf("+386 41 %d%d%d %03d", i+1, round, n%10, n)
				last[w.Config.Instance+id(n)] = phone
				w.Set(id(n), mapping.FieldPhone, phone)
			}
		}
		both[killed[0]].Eventually(func() error { // in the middle of it
			if both[killed[0]].ERP.Calls().Writes() < (round+1)*perRound {
				return fmt.Errorf("nothing was written in round %d", round)
			}
			return nil
		})
		for _, k := range killed {
			running[k].kill()
		}
		for _, k := range killed {
			logs[k] = &keeper.Log{}
			running[k] = spawn(both[k], logs[k])
		}
	}

	for _, w := range both {
		for n := range len(rounds) * perRound {
			w.Agree(id(n), last[w.Config.Instance+id(n)])
			require.True(t, strings.HasPrefix(w.Partner(id(n)).Customer, w.Config.Instance+" "), "another company's partner")
		}
		require.Len(t, w.ERP.Partners(), len(rounds)*perRound, w.Config.Instance)
		w.Eventually(func() error {
			if n := w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status <> 'synced' OR intent IS NOT NULL"); n > 0 {
				return fmt.Errorf("%d contacts are not in order", n)
			}
			return nil
		})
	}
	for i, c := range running {
		both[i].Eventually(func() error { // it may have had nothing to do, and not be there yet
			if !strings.Contains(logs[i].String(), "mksync is running") {
				return fmt.Errorf("%s does not run", both[i].Config.Instance)
			}
			return nil
		})
		require.Zero(t, c.terminate())
	}
}
