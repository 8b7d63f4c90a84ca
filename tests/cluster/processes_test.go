package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/syncer/status"
)

// splits are ways to share the roles between three processes.
var splits = [][machines]string{
	{all, all, all},
	{"listener,poller,api", "pusher,puller,api", "pusher,puller,api"},
	{"listener,poller,api", "listener,poller,pusher,puller,api", "pusher,puller,api"},
	{"listener,pusher,api", "poller,puller,api", all},
}

var all = strings.Join(service.AllRoles, ",")

// process is one mksync, with wires of its own to everything.
type process struct {
	*keeper.Keeper
	roles               string
	postgres, metakocka *wire.Wire
	nats                []*wire.Wire // to each server
	address             string       // of its HTTP

	mu   sync.Mutex // guards said
	said answer
}

// answer is what a process said of itself last.
type answer struct {
	at     time.Time
	failed error // it said nothing
	status status.Status
}

const token = "token-of-the-cluster"

// startProcesses starts three, whose roles are shared out like this.
func (c *cluster) startProcesses(split [machines]string) {
	c.T.Helper()
	ports := natsserver.FreePorts(c.T, machines)
	for i, roles := range split {
		c.processes = append(c.processes, c.newProcess(i, roles, ports[i]))
	}
	for _, p := range c.processes {
		c.Eventually(func() error {
			if ask(c.T.Context(), p).failed != nil {
				return fmt.Errorf("%s does not answer: %s", p.Name, p.Log.Tail())
			}
			return nil
		})
	}
}

func (c *cluster) newProcess(i int, roles string, port int) *process {
	c.T.Helper()
	p := &process{roles: roles, address: fmt.Sprint("127.0.0.1:", port)}
	name := fmt.Sprint("mksync ", i+1)

	own := *c.World
	p.postgres, own.Config.DatabaseURL = c.wire(name+" to postgres", c.Config.DatabaseURL)
	var erp config.Secret
	p.metakocka, erp = c.wire("metakocka", config.Secret(c.Config.MetaKockaURL))
	own.Config.MetaKockaURL = erp.Reveal()
	var servers []string
	for _, m := range c.nats.machines {
		w, through := c.wire(name+" to "+m.Name, config.Secret(m.url))
		p.nats = append(p.nats, w)
		servers = append(servers, through.Reveal())
	}
	own.Config.NATSURL = config.Secret(strings.Join(servers, ","))
	own.Config.DataDir, own.Config.HTTPAddr = c.T.TempDir(), p.address

	p.Keeper = keeper.Keep(c.T, name, append(own.Environ(), rolesVariable+"="+roles, "MKSYNC_API_TOKEN="+token,
		fmt.Sprint("MKSYNC_METAKOCKA_CONCURRENCY=", c.Config.MetaKockaConcurrency), raceVariable+"="+os.Getenv(raceVariable)+" halt_on_error=1"))
	return p
}

// wire puts a proxy before an address.
func (c *cluster) wire(name string, address config.Secret) (*wire.Wire, config.Secret) {
	c.T.Helper()
	w, through := wire.New(c.T, name, address.Reveal())
	return w, config.Secret(through)
}

// has tells whether a process has a role.
func (p *process) has(role string) bool { return slices.Contains(strings.Split(p.roles, ","), role) }

// wires are all of a process.
func (p *process) wires() []*wire.Wire {
	return append([]*wire.Wire{p.postgres, p.metakocka}, p.nats...)
}

// asker is patient, for a status may wait for what is away; that is no answer then.
var asker = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// ask asks a process how things stand.
func ask(ctx context.Context, p *process) (a answer) {
	a.failed = func() error {
		u := url.URL{Scheme: "http", Host: p.address, Path: "/api/metakocka/status"}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := asker.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		body := struct{ Data *status.Status }{&a.status}
		return json.NewDecoder(res.Body).Decode(&body)
	}()
	a.at = time.Now()
	return a
}

// listen asks a process again and again until ctx ends.
func (p *process) listen(ctx context.Context) {
	for ctx.Err() == nil {
		a := ask(ctx, p)
		p.mu.Lock()
		p.said = a
		p.mu.Unlock()
		waits.Idle(ctx, 500*time.Millisecond)
	}
}

// content tells whether a process says that all is well, whatever waits for a person; what it
// said too long ago, it does not say now.
func (p *process) content() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.failed == nil && time.Since(p.said.at) < 1500*time.Millisecond &&
		!slices.ContainsFunc(p.said.status.Waiting, func(w status.Waiting) bool { return strings.HasPrefix(string(w.Code), "problem.") })
}

// listening is the process that holds the slot, or any that might where none does now.
func (c *cluster) listening() *process {
	var may []*process
	for _, p := range c.processes {
		p.mu.Lock()
		said := p.said
		p.mu.Unlock()
		if p.has(service.RoleListener) {
			may = append(may, p)
		}
		if said.failed == nil && said.status.Listener.State == "streaming" && p.has(service.RoleListener) {
			return p
		}
	}
	return may[c.rand.IntN(len(may))]
}

// accept lets mksync go on with the database as it is, as `mksync listener accept` does,
// while no process runs.
func (c *cluster) accept() {
	c.T.Helper()
	for _, p := range c.processes {
		p.Hold(true)
	}
	_, err := service.AcceptDatabase(c.T.Context(), c.Config)
	require.NoError(c.T, err)
	for _, p := range c.processes {
		p.Hold(false)
	}
}
