package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/syncer"
)

// newRunCommand is the service.
func newRunCommand(app *cliEnv) *cobra.Command {
	var roles string
	var migrate, brisk, lower bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the service",
		Long: "Run the service until SIGINT or SIGTERM. All roles run in one process by default;\n" +
			"several processes may share them: " + strings.Join(allRoles, ", ") + ".",
		Example: "  mksync run --migrate\n  mksync run --roles listener,poller",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			chosen, err := parseRoles(roles)
			if err != nil {
				return misused(cmd, err)
			}
			p := usualPace
			if brisk {
				p = briskPace
			}
			return runService(cmd.Context(), app, chosen, runOptions{migrate, lower}, p)
		},
	}
	cmd.Flags().StringVar(&roles, "roles", "", "comma-separated roles (default all)")
	_ = cmd.RegisterFlagCompletionFunc("roles", commaWords(allRoles))
	cmd.Flags().BoolVar(&migrate, "migrate", false, "bring mksync's tables up to date first")
	cmd.Flags().BoolVar(&lower, "lower-streams", false, "let the settings lower copies, ages and sizes of streams that are there; events may go at once")
	cmd.Flags().BoolVar(&brisk, "brisk", false, "notice and retry at the demo's pace")
	_ = cmd.Flags().MarkHidden("brisk")
	return cmd
}

// runOptions are what a start may do that is not to be undone.
type runOptions struct{ migrate, lowerStreams bool }

func runService(ctx context.Context, app *cliEnv, roles []string, may runOptions, p pace) error {
	cfg, log, err := app.load(config.NeedDatabase, config.NeedMetaKocka)
	if err != nil {
		return err
	}
	cfg.LowerStreams = may.lowerStreams
	if may.migrate {
		if _, err := migrations.Up(ctx, cfg.DatabaseURL.Reveal()); err != nil {
			return config.ExplainDatabase(cfg, err)
		}
	}
	s, err := newService(ctx, cfg, p, roles, log)
	if errors.Is(err, embedded.ErrInUse) {
		return fmt.Errorf("%w: mksync runs there already; another process shares its work over MKSYNC_NATS_URL", err)
	}
	if ctx.Err() != nil && err != nil {
		return nil // stopped while it was starting
	}
	if err != nil {
		return err
	}
	defer s.Close()
	for _, f := range doctor.Unprotected(cfg.DatabaseURL.Reveal(), cfg.NATSURL.Reveal()) {
		log.Warn("a connection is not protected", "what", f.Detail, "do", f.Do)
	}
	log.Info("mksync is running", "version", buildVersion(), "roles", strings.Join(roles, ","), "metakocka", cfg.MetaKockaURL)
	err = s.Run(ctx)
	if err == nil {
		log.Info("mksync has stopped")
	}
	return err
}

// monitor is how this process stands.
func (s *service) monitor() *syncer.Monitor {
	m := &syncer.Monitor{
		Version: buildVersion(), SlotName: s.cfg.Slot, PollInterval: s.cfg.PollInterval, Figures: s.store,
		Bus: s.bus, Connected: s.conn.IsConnected, Gate: s.gate, Trouble: s.reconciler.Trouble, Polls: slices.Contains(s.roles, rolePoller),
		Pushes: slices.Contains(s.roles, rolePusher), Pulls: slices.Contains(s.roles, rolePuller),
		Heartbeat: s.cfg.HeartbeatInterval, Patience: patience(s.cfg),
	}
	if slices.Contains(s.roles, roleListener) {
		m.Listener = s.listener.Status
	}
	m.Store = s.refusal
	return m
}

// refusal is why the streams take nothing; "": they do.
func (s *service) refusal() string {
	if s.nats != nil {
		return s.nats.Refusal()
	}
	if err := s.relay.Unwritable(); err != nil {
		return err.Error()
	}
	return ""
}

// patience is how long a heartbeat, or an event, may make no headway: a few
// heartbeats, and calls of MetaKocka that run into their time-out.
func patience(cfg config.Config) time.Duration {
	return 3*cfg.HeartbeatInterval + 2*cfg.MetaKockaTimeout
}

// desk is where this process is asked for things.
func (s *service) desk(m *syncer.Monitor) *syncer.Desk {
	return syncer.NewDesk(s.reconciler, s.store, s.bus, m.Status).WithChecker(s.checker).WithBulk(s.bulk).WithJobs(s.jobs)
}

// runAPI answers over HTTP and NATS until ctx ends.
func (s *service) runAPI(ctx context.Context) error {
	monitor := s.monitor()
	s.metrics.watch(monitor.Status)
	desk := s.desk(monitor)
	tokens, err := config.ParseTokens(s.cfg.APIToken)
	if err != nil {
		return fmt.Errorf("read MKSYNC_API_TOKEN: %w", err)
	}
	asyncAPI, err := control.AsyncAPI()
	if err != nil {
		return err
	}
	server, err := httpapi.New(ctx, httpapi.Config{
		AsyncAPI: asyncAPI,
		Addr:     s.cfg.HTTPAddr, Status: monitor.Status, Metrics: telemetry.Handler(s.metrics.registry, s.log),
		Desk: desk, Tokens: tokens, JWT: s.cfg.JWT(), Rate: float64(s.cfg.APIRate),
		Follow: func(job string, news func()) (func(), error) { return control.Follow(s.conn, job, news) },
	}, s.log)
	if err != nil {
		return fmt.Errorf("start the HTTP API: %w", err)
	}
	s.http.Store(server)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Run(ctx) })
	g.Go(func() error { return s.jobs.Run(ctx, desk) })
	g.Go(func() error { return s.bus.WatchLetters(ctx) })
	g.Go(func() error { return control.New(s.conn, buildVersion(), desk, s.log).Run(ctx) })
	return g.Wait()
}

// HTTPAddr is where the HTTP API listens; empty before it does.
func (s *service) HTTPAddr() string {
	if server := s.http.Load(); server != nil {
		return server.Addr()
	}
	return ""
}
