package cluster

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/smalldisk"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
)

// fault is one kind of what can go wrong; happen begins it, lets it be for a while, and puts
// it right.
type fault struct {
	kind   string
	happen func()
}

// faults are all kinds that can happen here.
func (c *cluster) faults() []fault {
	all := []fault{
		{"nats killed", func() { c.down(c.nats.machines[c.nats.some(c.rand)]) }},
		{"nats leader killed", func() { c.down(c.nats.machines[c.nats.leader(c.rand)]) }},
		{"nats paused", func() { c.freeze(c.nats.machines[c.nats.leader(c.rand)].Keeper) }},
		{"nats leader cut off", func() { c.cutOff(c.nats.leader(c.rand), true) }},
		{"nats one apart", func() { c.cutOff(c.nats.some(c.rand), false) }},
		{"nats leaders stepped down", c.nats.stepDown},
		{"nats disk empty", c.emptied},
		{"nats rolled", c.rolledNATS},
		{majorityAway, c.minority},
		{"machine away", c.machineAway},
		{"mksync killed", func() { c.killed(c.processes[c.rand.IntN(machines)]) }},
		{"mksync listener away", func() { c.killed(c.listening()) }},
		{frozen, func() { c.froze(c.listening()) }},
		{"mksync rolled", c.rolled},
		{"wire bad", c.badWire},
		{"postgres killed", c.postgresKilled},
		{"postgres failed over", c.failOver},
	}
	if c.disk.Disk != nil {
		all = append(all, fault{"nats disk full", c.fullDisk})
	}
	return all
}

// Kinds that take longer than others to go on from: nobody can do without a majority, and a
// frozen listener still has the slot.
const (
	majorityAway = "nats two of three away"
	frozen       = "mksync frozen"
)

// meanwhile lets a fault be.
func (c *cluster) meanwhile() {
	waits.Idle(c.T.Context(), c.least+time.Duration(c.rand.Int64N(int64(c.most-c.least)+1)))
}

// breaks counts what may lose a process MetaKocka's answers, or what comes of them.
func (c *cluster) breaks() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken++
}

// down keeps a server killed for a while.
func (c *cluster) down(m *machine) {
	m.Hold(true)
	c.meanwhile()
	m.Hold(false)
}

// freeze stops a process and lets it go on.
func (c *cluster) freeze(k *keeper.Keeper) {
	k.Signal(syscall.SIGSTOP, keeper.Unasked)
	c.meanwhile()
	k.Signal(syscall.SIGCONT, keeper.Unasked)
}

// swallowed is a connection whose packets get lost.
var swallowed = wire.Toxic{Kind: "timeout", Attributes: map[string]int{"timeout": 0}}

// cutOff parts a server from the other two, and from mksync where nobody reaches it any
// more. Packets get lost, or connections are refused.
func (c *cluster) cutOff(i int, fromAll bool) {
	wires := c.nats.machines[i].routes
	if fromAll {
		for _, p := range c.processes {
			wires = append(wires[:len(wires):len(wires)], p.nats[i])
		}
	}

	lost := c.rand.IntN(2) == 0
	for _, w := range wires {
		if lost {
			w.Spoil(c.T, swallowed, "upstream", 1)
			w.Spoil(c.T, swallowed, "downstream", 1)
		} else {
			w.Cut()
		}
	}
	c.meanwhile()
	for _, w := range wires {
		if lost {
			w.Heal(c.T)
		} else {
			w.Mend(c.T)
		}
	}
}

// emptied gives a server a new disk, as docs/operations.md tells: while the others are whole.
func (c *cluster) emptied() {
	m := c.nats.machines[c.nats.some(c.rand)]
	m.Hold(true)
	require.NoError(c.T, m.empty())
	c.meanwhile()
	m.Hold(false)
}

// rolledNATS restarts one server after another, each when the one before is whole.
func (c *cluster) rolledNATS() {
	for _, m := range c.nats.machines {
		_, err := m.Terminate(20 * time.Second)
		require.NoError(c.T, err)
		waits.Eventually(c.T, time.Minute, c.nats.whole)
	}
}

// minority leaves one server of three: nothing can be stored.
func (c *cluster) minority() {
	left := c.nats.some(c.rand)
	for i, m := range c.nats.machines {
		if i != left {
			m.Hold(true)
		}
	}
	c.meanwhile()
	for i, m := range c.nats.machines {
		if i != left {
			m.Hold(false)
		}
	}
}

// killed keeps a process away for a while, as its machine is.
func (c *cluster) killed(p *process) {
	c.breaks()
	p.Hold(true)
	c.meanwhile()
	p.Hold(false)
}

// machineAway takes the machine of the listener for a while, and of the streams' leader
// with it.
func (c *cluster) machineAway() {
	m, p := c.nats.machines[c.nats.leader(c.rand)], c.listening()
	m.Hold(true)
	c.killed(p)
	m.Hold(false)
}

func (c *cluster) froze(p *process) {
	c.breaks()
	c.freeze(p.Keeper)
}

// rolled restarts one process after another, each when the one before is there, as an
// upgrade does.
func (c *cluster) rolled() {
	for _, p := range c.processes {
		c.breaks()
		_, err := p.Terminate(20 * time.Second)
		require.NoError(c.T, err)
		c.Eventually(func() error { return ask(c.T.Context(), p).failed })
	}
}

// badWire makes one wire of a process bad.
func (c *cluster) badWire() {
	p := c.processes[c.rand.IntN(machines)]
	wires := p.wires()
	w, bad := wires[c.rand.IntN(len(wires))], wire.Toxics[c.rand.IntN(len(wire.Toxics))]
	if w == p.metakocka || w == p.postgres {
		c.breaks()
	}
	w.Spoil(c.T, bad, []string{"upstream", "downstream"}[c.rand.IntN(2)], 1)
	c.meanwhile()
	w.Heal(c.T)
}

func (c *cluster) postgresKilled() {
	for range c.processes {
		c.breaks()
	}
	require.NoError(c.T, c.postgres.primary.Restart(c.T.Context()))
}

// failOver promotes the standby, as docs/operations.md tells: mksync refuses to go on until
// a person accepts the database.
func (c *cluster) failOver() {
	c.postgres.streaming()
	before := c.refusals()
	for range c.processes {
		c.breaks()
	}
	c.postgres.failOver()
	c.follow()
	c.refusedSince(before)
	c.accept()
	c.postgres.follow()
}

// follow lets all lead to the server that is the primary now.
func (c *cluster) follow() {
	c.Config.DatabaseURL = config.Secret(c.postgres.databaseURL())
	c.crm.Lead(c.T, c.postgres.primary.URL())
	c.DB.Reset() // its connections were to the old one
	for _, p := range c.processes {
		p.postgres.Lead(c.T, c.postgres.primary.URL())
	}
}

// refusals count how often each process refused the database.
func (c *cluster) refusals() (n [machines]int) {
	for i, p := range c.processes {
		n[i] = strings.Count(p.Log.String(), "a restore or a failover")
	}
	return n
}

// refusedSince waits until each process has refused the database once more.
func (c *cluster) refusedSince(before [machines]int) {
	c.T.Helper()
	waits.Eventually(c.T, time.Minute, func() error {
		for i, n := range c.refusals() {
			if n == before[i] {
				return fmt.Errorf("%s has not refused the database: %s", c.processes[i].Name, c.processes[i].Log.Tail())
			}
		}
		return nil
	})
}

// disk is that of one server, which gets full; there may be none.
type disk struct{ *smalldisk.Disk }

// newDisk mounts a disk where that is allowed.
func newDisk(t testing.TB) disk {
	t.Helper()
	d, err := smalldisk.Mount(t, 64)
	if err != nil {
		t.Log("no disk gets full: ", err)
	}
	return disk{d}
}

// fullDisk leaves a server no room, and restarts it when there is some again.
func (c *cluster) fullDisk() {
	c.disk.Fill()
	c.meanwhile()
	c.disk.Empty()
	c.nats.machines[machines-1].Kill()
}
