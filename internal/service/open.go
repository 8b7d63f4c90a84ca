package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/pgsession"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/event"
	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/poll"
)

func (s *Service) checkSchema(ctx context.Context) error {
	return checkSchema(ctx, s.Config)
}

// checkSchema refuses to work on tables that are missing or old.
func checkSchema(ctx context.Context, cfg config.Config) error {
	return config.ExplainDatabase(cfg, migrations.Check(ctx, cfg.DatabaseURL.Reveal(), Installation(cfg)))
}

// Installation is whose mksync's tables are.
func Installation(cfg config.Config) migrations.Installation {
	return migrations.Installation{
		Schema: cfg.Schema, Instance: cfg.Instance, ContactsTable: cfg.ContactsTable, CompanyID: cfg.MetaKockaCompanyID,
		Slot: cfg.Slot, Publication: cfg.Publication,
	}
}

// MoveTables moves mksync's tables to the configured schema; from says which where several
// may be meant.
func MoveTables(ctx context.Context, cfg config.Config, from string) (migrations.Moved, error) {
	return migrations.Move(ctx, cfg.DatabaseURL.Reveal(), Installation(cfg), from, pgstore.RunningLocks)
}

// TakeBack takes the newest migration back, while no mksync runs.
func TakeBack(ctx context.Context, cfg config.Config) ([]migrations.Step, error) {
	return migrations.Down(ctx, cfg.DatabaseURL.Reveal(), Installation(cfg), pgstore.RunningLocks(cfg.Schema))
}

// Migrate brings mksync's tables up to date, and lets them name contacts by keys of the
// contacts table's type.
func Migrate(ctx context.Context, cfg config.Config) ([]migrations.Step, error) {
	done, err := migrations.Up(ctx, cfg.DatabaseURL.Reveal(), Installation(cfg))
	if err != nil {
		return done, err
	}
	conn, err := pgsession.Connect(ctx, cfg.DatabaseURL.Reveal())
	if err != nil {
		return done, fmt.Errorf("open database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return done, pgstore.FitKeys(ctx, conn, cfg.Schema, ContactsConfig(cfg))
}

func (s *Service) openNATS(ctx context.Context) (err error) {
	url := s.Config.NATSURL.Reveal()
	if url == "" {
		collectOften()
		s.NATS, err = embedded.Start(ctx, embedded.Config{Dir: s.Config.DataDir, SyncInterval: s.Config.SyncInterval(), Log: s.log})
		if err != nil {
			return err
		}
		url = s.NATS.URL()
	}
	if s.Conn, err = connect(ctx, s.Config, url, bus.ConnectOptions{Log: s.log}); err != nil {
		return err
	}
	most := int64(s.Config.StreamMaxBytes)
	s.Bus, err = bus.Open(ctx, s.Conn, bus.Config{
		Names: s.Config.Names(), Replicas: s.Config.StreamReplicas,
		ContactsMaxAge: s.Config.ContactsMaxAge, PartnersMaxAge: s.Config.PartnersMaxAge, DeadLettersMaxAge: s.Config.DeadLettersMaxAge,
		ContactsMaxBytes: most, PartnersMaxBytes: most, DeadLettersMaxBytes: most,
		Lower: s.Config.LowerStreams, Keep: len(s.Roles) == 0,
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

func (s *Service) openStore(ctx context.Context) (err error) {
	if s.pool, s.Store, err = openStoreOf(ctx, s.Config, cmp.Or(s.Pool, poolSize), s.ours, s.traceStatements()); err != nil {
		return err
	}
	s.standbys = s.Store.Standbys(s.Config.Slot, event.EpochKey, s.Bus)
	if s.stopHolding, s.tablesGone, err = s.Store.Running(ctx); err != nil {
		return err
	}
	if err := Installation(s.Config).Note(ctx, s.Config.DatabaseURL.Reveal()); err != nil {
		return err
	}
	return s.Store.StampBases(ctx)
}

// checkStreams refuses streams that another database's events are in, before anybody takes
// one of them (invariant 13). What cannot be looked up now the listener sees.
func (s *Service) checkStreams(ctx context.Context) error {
	if len(s.Roles) == 0 {
		return nil
	}
	newest, found, err := s.Bus.Last(ctx, bus.StreamContacts)
	if err != nil || !found {
		return nil
	}

	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer conn.Release()
	system, err := cdc.SystemID(ctx, conn.Conn().PgConn())
	if err != nil {
		return err
	}
	d, err := event.ListenerStates{States: s.Store}.Database(ctx, system)
	if err != nil {
		return err
	}
	if of := d.Another(newest.ID); of != "" {
		return cdc.StreamOfAnother(of, system)
	}
	return nil
}

// OpenStore connects to the CRM's database;
// with each connection it makes sure that it is the database mksync knows.
func OpenStore(ctx context.Context, cfg config.Config) (*pgxpool.Pool, *pgstore.Store, error) {
	return openStoreOf(ctx, cfg, poolSize, func(ctx context.Context, conn *pgx.Conn) error { return sameDatabase(ctx, conn, cfg) }, nil)
}

// sameDatabase refuses a database that is not the one the listener's state belongs to:
// a copy, or one that was restored. Nobody works on it until a person accepts it
// (invariant 13).
func sameDatabase(ctx context.Context, conn *pgx.Conn, cfg config.Config) error {
	var state cdc.State
	found, err := pgstore.LoadStateOver(ctx, conn, cfg.Schema, event.ListenerStateKey, &state)
	if err != nil || !found {
		return err
	}
	return cdc.CheckDatabase(ctx, conn.PgConn(), ListenerConfig(cfg), state)
}

// openStoreOf looks at each new connection, and tells tracer, which may be nil, of each
// statement.
func openStoreOf(ctx context.Context, cfg config.Config, size int32, look func(context.Context, *pgx.Conn) error, tracer pgx.QueryTracer) (*pgxpool.Pool, *pgstore.Store, error) {
	pc, err := pgxpool.ParseConfig(cfg.DatabaseURL.Reveal())
	if err != nil {
		return nil, nil, errors.New("MKSYNC_DATABASE_URL is not a Postgres URL")
	}
	pc.MaxConns = size
	pc.MaxConnIdleTime = poolRest
	pc.HealthCheckPeriod = poolRest
	pgsession.Prepare(&pc.ConnConfig.Config)
	pc.AfterConnect = look
	pc.ConnConfig.Tracer = tracer
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, nil, fmt.Errorf("open database: %w", err)
	}
	store, err := pgstore.New(ctx, pool, cfg.Schema, ContactsConfig(cfg))
	if err != nil {
		pool.Close()
		return nil, nil, config.ExplainDatabase(cfg, err)
	}
	return pool, store, nil
}

// ContactsConfig is the store's share of the configuration.
func ContactsConfig(cfg config.Config) pgstore.ContactsConfig {
	c := pgstore.ContactsConfig{
		Table: cfg.ContactsTable, KeyColumn: cfg.ContactsKey, Fields: map[mapping.Field]pgstore.Place{},
		UpdatedAt: cfg.ContactsUpdatedAt, Zone: cfg.ContactsUpdatedAtZone, Insert: cfg.Insert,
	}
	for name, field := range cfg.Fields {
		c.Fields[name] = pgstore.Place{Column: field.Column, Parts: field.Columns, Also: field.Also}
	}
	for _, cond := range cfg.Filter {
		c.Filter = append(c.Filter, pgstore.Condition(cond))
	}
	return c
}

func (s *Service) openERP(context.Context) (err error) {
	cfg := metakocka.Config{
		URL: s.Config.MetaKockaURL, CompanyID: s.Config.MetaKockaCompanyID, SecretKey: s.Config.MetaKockaSecretKey.Reveal(),
		Concurrency: s.Config.MetaKockaConcurrency, Timeout: s.Config.MetaKockaTimeout, Retries: 1,
		BreakerCooldown: s.Pace.BreakerCooldown, Observe: s.metrics.called, ObserveLock: s.metrics.waited, ObserveRepeat: s.metrics.repeated,
	}
	s.traceCalls(&cfg)
	s.ERP, err = metakocka.New(cfg, s.log)
	return err
}

// Assemble makes the parts that work on the others: anew where the configuration or
// the store is another one.
func (s *Service) Assemble(ctx context.Context) (err error) {
	s.gate = syncer.NewGate(s.Pace.GateMin, s.Pace.GateMax)
	s.Reconciler, err = syncer.NewReconciler(syncer.Config{
		Policy: s.Config.Policy(), DeletePolicy: s.Config.DeletePolicy, RemoteDeletePolicy: s.Config.RemoteDeletePolicy,
		MaxDeletes: s.Config.MaxDeletes, AutoImport: s.Config.AutoImport, FirstSync: s.Config.FirstSync,
		CallTimeout: s.Config.MetaKockaTimeout + s.standbys.Within(), Settle: s.Config.MetaKockaSettle, EventWait: s.Pace.EventWait,
		Observe: s.metrics.stored,
	}, s.Store, keptLetters{s.Bus, s.standbys.Reached}, event.Past{Bus: s.Bus},
		func(l metakocka.Lane) syncer.ERP { return keptERP{s.ERP.Lane(l), s.standbys.Reached} }, s.log)
	if err != nil {
		return err
	}

	if err := s.Reconciler.Recall(ctx); err != nil {
		return err
	}
	s.Matcher = syncer.NewMatcher(s.Store)

	states := event.ListenerStates{States: s.Store}
	s.relay = event.NewRelay(s.Bus, states, bus.PublisherConfig{}, s.log)
	s.traceRelay()
	listener := ListenerConfig(s.Config)
	listener.Kept = s.standbys.Reached
	s.Listener, err = cdc.New(listener, countedRelay{s.relay, s.metrics.published}, states, s.log)

	s.Checker = check.NewChecker(check.CheckerConfig{
		Slot: s.Config.Slot, Publication: s.Config.Publication, Interval: s.Config.CheckInterval, HistoryMaxAge: s.Config.HistoryMaxAge,
		Look: s.Pace.Look, Rest: s.Pace.CheckRest,
		Patience: s.Config.ConfirmDelay() + 2*s.Config.PollInterval + s.Config.MetaKockaTimeout,
		Layout:   func(ctx context.Context) (string, error) { return cdc.Layout(ctx, ListenerConfig(s.Config)) },
	}, s.Reconciler, s.Matcher, s.ERP.Lane(metakocka.Bulk), s.Store, s.Bus, s.log)
	s.Poller = poll.NewPoller(poll.PollerConfig{Interval: s.Config.PollInterval, Trace: s.tracePolled(), Observe: s.metrics.partnerEvent}, s.ERP.Lane(metakocka.Bulk), s.Store, s.Bus, s.log)

	s.jobs = operations.NewJobs(operations.TellJobs(s.Store, control.Tell(s.Conn, s.Config.Names(), s.log)), s.Pace.Look, s.log)
	s.bulk = operations.NewBulk(s.Reconciler, s.Matcher, s.gate, s.Poller.Refresh, contactsAtOnce(s.Config), s.log)
	return err
}

// ListenerConfig is the listener's share of the configuration.
func ListenerConfig(cfg config.Config) cdc.Config {
	return cdc.Config{
		DatabaseURL: cfg.DatabaseURL.Reveal(), Table: cfg.ContactsTable, KeyColumn: cfg.ContactsKey,
		Slot: cfg.Slot, Publication: cfg.Publication, StateTable: pgstore.StateTable(cfg.Schema), ConfirmDelay: cfg.ConfirmDelay(), Heartbeat: cfg.HeartbeatInterval,
	}
}

// contactsAtOnce is how many contacts each role works on, and a snapshot besides:
// while one calls, another stores.
func contactsAtOnce(cfg config.Config) int { return min(max(2*cfg.MetaKockaConcurrency, 4), 12) }

// poolSize is how many connections a process holds at most, besides the listener's three
// and one more that looks at the partitions now and then. One holds the process's locks.
// The others are for statements, one after the other: nobody who has one waits for another.
const poolSize = 6

// poolRest is after how long those go that nothing was asked of.
const poolRest = 10 * time.Second
