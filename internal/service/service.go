// Package service puts mksync's parts together: it is the only place where that is
// done. A process runs the roles it is told; commands ask a running one, or have the
// parts of their own without a role.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/alerts"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/event"
	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/poll"
	"github.com/crmmind/mksync/syncer/work"
)

// The roles of a process. All of them in one process is the default.
const (
	RoleListener = "listener" // database log -> CRM_CONTACTS
	RolePusher   = "pusher"   // CRM_CONTACTS -> MetaKocka
	RolePuller   = "puller"   // METAKOCKA_PARTNERS -> CRM
	RolePoller   = "poller"   // MetaKocka -> METAKOCKA_PARTNERS
	RoleAPI      = "api"      // requests over HTTP and NATS
)

// AllRoles are the roles in the order in which work goes through them.
var AllRoles = []string{RoleListener, RolePusher, RolePuller, RolePoller, RoleAPI}

// Pace is how fast the service notices and retries; the demo and the tests are
// in a hurry.
type Pace struct {
	GateMin, GateMax time.Duration // between probes while MetaKocka is away
	BreakerCooldown  time.Duration // 0: the client's default
	AckWait          time.Duration // 0: the bus's default
	EventWait        time.Duration // for an event that tells when a contact was changed
	Look             time.Duration // for what waits to be done; 0: each part's default
	CheckRest        time.Duration // after a full check that failed; 0: the checker's default
	Alerts           alerts.Pace   // zero: the usual one
}

// UsualPace is that of a service.
var UsualPace = Pace{GateMin: time.Second, GateMax: 5 * time.Second, AckWait: 5 * time.Second, EventWait: 3 * time.Second}

// BriskPace is for a person who watches.
var BriskPace = Pace{
	GateMin: 100 * time.Millisecond, GateMax: 500 * time.Millisecond,
	BreakerCooldown: 300 * time.Millisecond, AckWait: time.Second,
}

// Service is the parts and what they share.
type Service struct {
	Options
	Config config.Config
	log    *slog.Logger

	// The parts, which a command or a test may also use one by one.
	NATS        *embedded.Server // nil: an external server is used
	Conn        *nats.Conn
	Bus         *bus.Bus
	pool        *pgxpool.Pool
	Store       *pgstore.Store
	standbys    *pgstore.Standbys
	stopHolding func()       // its tables; nil: not begun
	tablesGone  <-chan error // tells why they cannot be held any more
	ERP         *metakocka.Client
	gate        *syncer.Gate
	Reconciler  *syncer.Reconciler
	Matcher     *syncer.Matcher
	bulk        *operations.Bulk
	jobs        *operations.Jobs
	relay       *event.Relay
	Listener    *cdc.Listener
	Poller      *poll.Poller
	Checker     *check.Checker
	metrics     *metrics
	http        atomic.Pointer[httpapi.Server]
}

// Options say what a process is.
type Options struct {
	Version string
	Roles   []string // none: the parts are there to be asked, and run nothing
	Pace    Pace
	Pool    int32              // connections for statements and locks at most; 0: the usual number
	Tracing *telemetry.Tracing // nil: nothing is traced
	Tail    *telemetry.Tail    // keeps the last lines of the log; nil: nobody does
}

// New connects to everything and returns a service that is ready to run, or one
// clear reason why it cannot. Close it in any case but an error.
func New(ctx context.Context, cfg config.Config, opts Options, log *slog.Logger) (*Service, error) {
	s := &Service{Options: opts, Config: cfg, log: log, metrics: newMetrics(opts.Version)}
	for _, open := range []func(context.Context) error{
		s.checkSchema, s.openNATS, s.openStore, s.checkStreams, s.openERP, s.Assemble,
	} {
		if err := open(ctx); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// Run works until ctx ends, which is no error, or a part cannot go on.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	worker := work.WorkerConfig{
		Workers: contactsAtOnce(s.Config),
		AckWait: s.Pace.AckWait, SweepAge: max(15*time.Minute, 2*s.Config.PollInterval), Observe: s.metrics.work,
		Kept: s.standbys.Reached,
	}
	s.traceWork(&worker)

	parts := map[string]func(context.Context) error{
		RoleListener: s.Listener.Run,
		RolePusher: together(work.NewPusher(s.Bus, s.Reconciler, s.Matcher, s.Store, s.gate, worker, s.log).Run, s.Checker.Run,
			work.NewMerger(s.Reconciler, s.Store, s.Pace.Look, s.log).Run,
			work.NewReviewer(s.Reconciler, s.Store, s.gate, s.Pace.Look, s.log).Run),
		RolePuller: work.NewPuller(s.Bus, s.Reconciler, s.gate, worker).Run,
		RolePoller: s.runPoller,
		RoleAPI:    s.runAPI,
	}

	g.Go(func() error { return s.watchTable(ctx) })
	g.Go(func() error { return s.keepTables(ctx) })
	g.Go(func() error { return s.Bus.LeaveServers(ctx) })
	g.Go(func() error { return s.notify(ctx) })
	g.Go(func() error { return work.NewHalter(s.Store, s.gate, s.Pace.Look, s.log).Run(ctx) })
	g.Go(func() error { return work.NewRedriver(s.Reconciler, s.Store, s.gate, s.Pace.Look, s.log).Run(ctx) })
	if s.NATS != nil {
		g.Go(func() error { return s.NATS.Run(ctx) })
	}
	g.Go(func() error { return s.runAlerts(ctx) })
	if s.Config.DebugAddr != "" {
		g.Go(func() error { return telemetry.ServeProfiles(ctx, s.Config.DebugAddr, s.log) })
	}

	for _, role := range s.Roles {
		g.Go(func() error {
			if err := parts[role](ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", role, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// runAlerts tells people when one of them is needed, where that is configured.
func (s *Service) runAlerts(ctx context.Context) error {
	cfg := s.Config.Told()
	if s.Pace.Alerts != (alerts.Pace{}) {
		cfg.Pace = s.Pace.Alerts
	}
	if len(cfg.Channels()) == 0 {
		return nil
	}
	return alerts.New(cfg, s.Store, s.Monitor().Status, s.log).Run(ctx)
}

// keepTables ends the process where mksync's tables are gone from under it.
func (s *Service) keepTables(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.tablesGone:
		return err
	}
}

// together runs parts of one role.
func together(parts ...func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, part := range parts {
			g.Go(func() error { return part(ctx) })
		}
		return g.Wait()
	}
}

// runPoller polls in one process of all that could.
func (s *Service) runPoller(ctx context.Context) error {
	for {
		err := s.Store.Alone(ctx, "poller", s.Poller.Run)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("the poller waits for the database", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// Close gives back everything in the reverse order.
func (s *Service) Close() {
	if s.relay != nil {
		s.relay.Close()
	}
	if s.ERP != nil {
		s.ERP.Close()
	}
	if s.Conn != nil {
		s.Conn.Close()
	}
	if s.NATS != nil {
		s.NATS.Shutdown()
	}
	if s.stopHolding != nil {
		s.stopHolding()
	}
	if s.pool != nil {
		s.pool.Close()
	}
}

// ParseRoles reads the --roles flag.
func ParseRoles(text string) ([]string, error) {
	if text == "" {
		return AllRoles, nil
	}
	roles := strings.Split(text, ",")
	for i := range roles {
		roles[i] = strings.TrimSpace(roles[i])
		if !slices.Contains(AllRoles, roles[i]) {
			return nil, fmt.Errorf("--roles: %q is none of %s", roles[i], strings.Join(AllRoles, ", "))
		}
	}
	return roles, nil
}
