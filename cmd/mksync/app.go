package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/pgsession"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// The roles of a process. All of them in one process is the default.
const (
	roleListener = "listener" // database log -> CRM_CONTACTS
	rolePusher   = "pusher"   // CRM_CONTACTS -> MetaKocka
	rolePuller   = "puller"   // METAKOCKA_PARTNERS -> CRM
	rolePoller   = "poller"   // MetaKocka -> METAKOCKA_PARTNERS
	roleAPI      = "api"      // requests over HTTP and NATS
)

var allRoles = []string{roleListener, rolePusher, rolePuller, rolePoller, roleAPI}

// contactsAtOnce is how many contacts each role works on, and a snapshot besides:
// while one calls, another stores. Each holds a connection, of which a server has
// a hundred or so.
func contactsAtOnce(cfg config.Config) int { return min(max(2*cfg.MetaKockaConcurrency, 4), 12) }

// poolSize is how many connections a process holds at most. It has to be more than
// all parts hold while they wait for one more, or they would wait for each other
// for ever: two for a partner that is imported (puller, single requests 4, bulk
// requests), one for a contact (pusher, twice; merges that are finished 1), and one
// each for jobs and for what runs alone (5).
func poolSize(cfg config.Config) int32 {
	n := contactsAtOnce(cfg)
	return int32(2*(n+4+syncer.BulkPlaces) + 2*n + 1 + syncer.JobsAtOnce + 5 + 1) //nolint:gosec // bounded
}

// pace is how fast the service notices and retries; the demo and the tests are
// in a hurry.
type pace struct {
	gateMin, gateMax time.Duration // between probes while MetaKocka is away
	breakerCooldown  time.Duration // 0: the client's default
	ackWait          time.Duration // 0: the bus's default
	eventWait        time.Duration // for an event that tells when a contact was changed
	look             time.Duration // whether a full check is due; 0: the checker's default
}

var usualPace = pace{gateMin: time.Second, gateMax: 15 * time.Second, ackWait: 5 * time.Second, eventWait: 3 * time.Second}

// briskPace is for a person who watches.
var briskPace = pace{
	gateMin: 100 * time.Millisecond, gateMax: 500 * time.Millisecond,
	breakerCooldown: 300 * time.Millisecond, ackWait: time.Second,
}

// service is the running parts and what they share. This file is the only
// place where parts are put together.
type service struct {
	cfg   config.Config
	log   *slog.Logger
	pace  pace
	roles []string

	nats       *embedded.Server // nil: an external server is used
	conn       *nats.Conn
	bus        *bus.Bus
	pool       *pgxpool.Pool
	store      *pgstore.Store
	erp        *metakocka.Client
	gate       *syncer.Gate
	reconciler *syncer.Reconciler
	matcher    *syncer.Matcher
	bulk       *syncer.Bulk
	jobs       *syncer.Jobs
	relay      *event.Relay
	listener   *cdc.Listener
	poller     *syncer.Poller
	checker    *syncer.Checker
	metrics    *metrics
	http       atomic.Pointer[httpapi.Server]
}

// newService connects to everything and returns a service that is ready to
// run, or one clear reason why it cannot. Close it in any case but an error.
func newService(ctx context.Context, cfg config.Config, p pace, roles []string, log *slog.Logger) (*service, error) {
	s := &service{cfg: cfg, log: log, pace: p, roles: roles, metrics: newMetrics()}
	for _, open := range []func(context.Context) error{
		s.checkSchema, s.openNATS, s.openStore, s.openERP, s.openSyncers,
	} {
		if err := open(ctx); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func (s *service) checkSchema(ctx context.Context) error {
	return checkSchema(ctx, s.cfg)
}

// checkSchema refuses to work on tables that are missing or old.
func checkSchema(ctx context.Context, cfg config.Config) error {
	return config.ExplainDatabase(cfg, migrations.Check(ctx, cfg.DatabaseURL.Reveal()))
}

func (s *service) openNATS(ctx context.Context) (err error) {
	url, options := s.cfg.NATSURL.Reveal(), bus.ConnectOptions{Log: s.log}
	if url == "" {
		collectOften()
		s.nats, err = embedded.Start(ctx, embedded.Config{Dir: s.cfg.DataDir, SyncInterval: s.cfg.SyncInterval(), Log: s.log})
		if err != nil {
			return err
		}
		url = s.nats.URL()
	}
	if s.conn, err = bus.Connect(ctx, url, options); err != nil {
		return fmt.Errorf("%w: check MKSYNC_NATS_URL and that the server runs", err)
	}
	most := int64(s.cfg.StreamMaxBytes)
	s.bus, err = bus.Open(ctx, s.conn, bus.Config{
		Replicas:       s.cfg.StreamReplicas,
		ContactsMaxAge: s.cfg.ContactsMaxAge, PartnersMaxAge: s.cfg.PartnersMaxAge, DeadLettersMaxAge: s.cfg.DeadLettersMaxAge,
		ContactsMaxBytes: most, PartnersMaxBytes: most, DeadLettersMaxBytes: most,
		Lower: s.cfg.LowerStreams, Keep: len(s.roles) == 0,
	}, s.log)
	return err
}

// collectOften keeps a process with a NATS server in it small: that makes much
// garbage in a backlog, beside what it has to remember of each contact's subject.
// Whoever sets GOGC has decided otherwise.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

func (s *service) openStore(ctx context.Context) (err error) {
	if s.pool, s.store, err = openStore(ctx, s.cfg); err != nil {
		return err
	}
	return s.store.StampBases(ctx)
}

// openStore connects to the CRM's database;
// with each connection it makes sure that it is the database mksync knows.
func openStore(ctx context.Context, cfg config.Config) (*pgxpool.Pool, *pgstore.Store, error) {
	return openStoreOf(ctx, cfg, func(ctx context.Context, conn *pgx.Conn) error { return sameDatabase(ctx, conn, cfg) })
}

// sameDatabase refuses a database that is not the one the listener's state belongs to:
// a copy, or one that was restored. Nobody works on it until a person accepts it
// (invariant 13).
func sameDatabase(ctx context.Context, conn *pgx.Conn, cfg config.Config) error {
	var state cdc.State
	found, err := pgstore.LoadStateOver(ctx, conn, event.ListenerStateKey, &state)
	if err != nil || !found {
		return err
	}
	return cdc.CheckDatabase(ctx, conn.PgConn(), listenerConfig(cfg), state)
}

func openStoreOf(ctx context.Context, cfg config.Config, look func(context.Context, *pgx.Conn) error) (*pgxpool.Pool, *pgstore.Store, error) {
	pc, err := pgxpool.ParseConfig(cfg.DatabaseURL.Reveal())
	if err != nil {
		return nil, nil, errors.New("MKSYNC_DATABASE_URL is not a Postgres URL")
	}
	pc.MaxConns = poolSize(cfg)
	pgsession.Prepare(&pc.ConnConfig.Config)
	pc.AfterConnect = look
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, nil, fmt.Errorf("open database: %w", err)
	}
	store, err := pgstore.New(ctx, pool, contactsConfig(cfg))
	if err != nil {
		pool.Close()
		return nil, nil, config.ExplainDatabase(cfg, err)
	}
	return pool, store, nil
}

func contactsConfig(cfg config.Config) pgstore.ContactsConfig {
	c := pgstore.ContactsConfig{
		Table: cfg.ContactsTable, KeyColumn: "id", Columns: map[mapping.Field]string{},
		UpdatedAt: cfg.ContactsUpdatedAt, Zone: cfg.ContactsUpdatedAtZone,
	}
	for name, field := range cfg.Fields {
		c.Columns[name] = field.Column
	}
	for _, cond := range cfg.Filter {
		c.Filter = append(c.Filter, pgstore.Condition(cond))
	}
	return c
}

func (s *service) openERP(context.Context) (err error) {
	s.erp, err = metakocka.New(metakocka.Config{
		URL: s.cfg.MetaKockaURL, CompanyID: s.cfg.MetaKockaCompanyID, SecretKey: s.cfg.MetaKockaSecretKey.Reveal(),
		Concurrency: s.cfg.MetaKockaConcurrency, Timeout: s.cfg.MetaKockaTimeout, Retries: 1,
		BreakerCooldown: s.pace.breakerCooldown, Observe: s.metrics.call, ObserveLock: s.metrics.lockWait,
	}, s.log)
	return err
}

func (s *service) openSyncers(ctx context.Context) (err error) {
	s.gate = syncer.NewGate(s.pace.gateMin, s.pace.gateMax)
	s.reconciler, err = syncer.NewReconciler(syncer.Config{
		Policy: s.cfg.Policy(), DeletePolicy: s.cfg.DeletePolicy, RemoteDeletePolicy: s.cfg.RemoteDeletePolicy,
		MaxDeletes: s.cfg.MaxDeletes, AutoImport: s.cfg.AutoImport,
		CallTimeout: s.cfg.MetaKockaTimeout, Settle: s.cfg.MetaKockaSettle, EventWait: s.pace.eventWait,
	}, s.store, s.bus, event.Past{Bus: s.bus}, func(l metakocka.Lane) syncer.ERP { return s.erp.Lane(l) }, s.log)
	if err != nil {
		return err
	}
	if err := s.reconciler.Recall(ctx); err != nil {
		return err
	}
	s.matcher = syncer.NewMatcher(s.reconciler, s.store)
	states := event.ListenerStates{States: s.store}
	s.relay = event.NewRelay(s.bus, states, bus.PublisherConfig{}, s.log)
	s.listener, err = cdc.New(listenerConfig(s.cfg), s.relay, states, s.log)
	s.checker = syncer.NewChecker(syncer.CheckerConfig{
		Slot: s.cfg.Slot, Publication: s.cfg.Publication, Interval: s.cfg.CheckInterval, Look: s.pace.look,
		Patience: s.cfg.ConfirmDelay() + 2*s.cfg.PollInterval + s.cfg.MetaKockaTimeout,
		Layout:   func(ctx context.Context) (string, error) { return cdc.Layout(ctx, listenerConfig(s.cfg)) },
	}, s.reconciler, s.matcher, s.erp.Lane(metakocka.Bulk), s.store, s.bus, s.log)
	s.poller = syncer.NewPoller(syncer.PollerConfig{Interval: s.cfg.PollInterval}, s.erp.Lane(metakocka.Bulk), s.store, s.bus, s.log)
	s.jobs = syncer.NewJobs(syncer.TellJobs(s.store, control.Tell(s.conn, s.log)), s.pace.look, s.log)
	s.bulk = syncer.NewBulk(s.matcher, s.gate, s.poller.Refresh, contactsAtOnce(s.cfg))
	return err
}

func listenerConfig(cfg config.Config) cdc.Config {
	return cdc.Config{
		DatabaseURL: cfg.DatabaseURL.Reveal(), Table: cfg.ContactsTable, KeyColumn: "id",
		Slot: cfg.Slot, Publication: cfg.Publication, StateTable: pgstore.StateTable, ConfirmDelay: cfg.ConfirmDelay(), Heartbeat: cfg.HeartbeatInterval,
	}
}

// Run works until ctx ends, which is no error, or a part cannot go on.
func (s *service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	worker := syncer.WorkerConfig{
		Workers: contactsAtOnce(s.cfg),
		AckWait: s.pace.ackWait, SweepAge: max(15*time.Minute, 2*s.cfg.PollInterval),
	}
	parts := map[string]func(context.Context) error{
		roleListener: s.listener.Run,
		rolePusher: together(syncer.NewPusher(s.bus, s.reconciler, s.matcher, s.store, s.gate, worker, s.log).Run, s.checker.Run,
			syncer.NewMerger(s.reconciler, s.pace.look, s.log).Run,
			syncer.NewReviewer(s.reconciler, s.store, s.gate, s.pace.look, s.log).Run),
		rolePuller: syncer.NewPuller(s.bus, s.reconciler, s.gate, worker).Run,
		rolePoller: s.runPoller,
		roleAPI:    s.runAPI,
	}
	g.Go(func() error { return s.watchTable(ctx) })
	g.Go(func() error {
		syncer.NewReturner(s.bus, s.reconciler, s.log).Run(ctx)
		return nil
	})
	if s.nats != nil {
		g.Go(func() error { return s.nats.Run(ctx) })
	}
	if s.cfg.DebugAddr != "" {
		g.Go(func() error { return telemetry.ServeProfiles(ctx, s.cfg.DebugAddr, s.log) })
	}
	for _, role := range s.roles {
		g.Go(func() error {
			if err := parts[role](ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", role, err)
			}
			return nil
		})
	}
	return g.Wait()
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
func (s *service) runPoller(ctx context.Context) error {
	for {
		err := s.store.Alone(ctx, "poller", s.poller.Run)
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
func (s *service) Close() {
	if s.relay != nil {
		s.relay.Close()
	}
	if s.erp != nil {
		s.erp.Close()
	}
	if s.conn != nil {
		s.conn.Close()
	}
	if s.nats != nil {
		s.nats.Shutdown()
	}
	if s.pool != nil {
		s.pool.Close()
	}
}

// parseRoles reads the --roles flag.
func parseRoles(text string) ([]string, error) {
	if text == "" {
		return allRoles, nil
	}
	roles := strings.Split(text, ",")
	for i := range roles {
		roles[i] = strings.TrimSpace(roles[i])
		if !slices.Contains(allRoles, roles[i]) {
			return nil, fmt.Errorf("--roles: %q is none of %s", roles[i], strings.Join(allRoles, ", "))
		}
	}
	return roles, nil
}
