package service

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/console"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/status"
)

// Monitor is how this process stands.
func (s *Service) Monitor() *status.Monitor {
	m := &status.Monitor{
		Version: s.Version, SlotName: s.Config.Slot, PollInterval: s.Config.PollInterval, Figures: s.Store,
		Bus: s.Bus, Connected: s.Conn.IsConnected, Gate: s.gate, Trouble: s.Reconciler.Trouble, Polls: slices.Contains(s.Roles, RolePoller),
		Pushes: slices.Contains(s.Roles, RolePusher), Pulls: slices.Contains(s.Roles, RolePuller),
		Heartbeat: s.Config.HeartbeatInterval, Patience: Patience(s.Config), Recent: &s.metrics.recent,
	}
	if slices.Contains(s.Roles, RoleListener) {
		m.Listener = s.Listener.Status
	}
	m.Alerts = s.Config.Told().Channels()
	m.Store = s.refusal
	m.ColumnsGone = func() []string { return columnsGone(s.Config, s.Store.Fields()) }
	return m
}

// refusal is why the streams take nothing; "": they do.
func (s *Service) refusal() string {
	if s.NATS != nil {
		return s.NATS.Refusal()
	}
	if err := s.relay.Unwritable(); err != nil {
		return err.Error()
	}
	return ""
}

// Patience is how long a heartbeat, or an event, may stall: a few
// heartbeats, and calls of MetaKocka that run into their time-out.
func Patience(cfg config.Config) time.Duration {
	return 3*cfg.HeartbeatInterval + 2*cfg.MetaKockaTimeout
}

// API is where this process is asked for things.
func (s *Service) API(m *status.Monitor) *operations.API {
	api := operations.NewAPI(s.Reconciler, s.Store, s.Bus, m.Status).WithChecker(s.Checker).WithBulk(s.bulk).WithJobs(s.jobs).WithSpeech(say).WithKept(s.standbys.Reached)
	if s.Tail != nil {
		api.WithLog(s.lastLines)
	}
	return api
}

// lastLines are the last lines of the log.
func (s *Service) lastLines(n int) (lines []operations.LogLine) {
	for _, l := range s.Tail.Last(n) {
		attributes, err := json.Marshal(l.Attributes)
		if err != nil {
			continue // a number that JSON has not
		}
		lines = append(lines, operations.LogLine{At: l.At, Level: l.Level, Message: l.Message, Attributes: attributes})
	}
	return lines
}

// say says a reason to a person.
func say(language string, r syncer.Reason, zone *time.Location) string {
	return phrases.Language(language).Sentence(r, zone)
}

// fillSearch stores what an older version's links are searched by. Until then, and where
// that fails, a search finds fewer.
func (s *Service) fillSearch(ctx context.Context) error {
	if err := s.Store.FillSearch(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("contacts of an older version are not all found by a search; the next start tries again", "error", err)
	}
	return nil
}

// runAPI answers over HTTP and NATS until ctx ends.
func (s *Service) runAPI(ctx context.Context) error {
	monitor := s.Monitor()
	s.metrics.watch(monitor.Status)
	api := s.API(monitor)

	tokens, err := config.ParseTokens(s.Config.APIToken)
	if err != nil {
		return fmt.Errorf("read MKSYNC_API_TOKEN: %w", err)
	}
	origins, err := s.Config.Origins()
	if err != nil {
		return fmt.Errorf("read MKSYNC_API_ORIGINS: %w", err)
	}

	server, err := httpapi.New(ctx, httpapi.Config{
		AsyncAPI: control.AsyncAPI,
		Addr:     s.Config.HTTPAddr, Status: monitor.Status, Metrics: telemetry.Handler(s.metrics.registry, s.log),
		API: api, Tokens: tokens, JWT: s.Config.JWT(), Origins: origins, Rate: float64(s.Config.APIRate),
		Console: func(door httpapi.Door) http.Handler { return s.console(api, door, origins) }, Trace: s.traceRequests(),
		Follow: func(job string, news func()) (func(), error) {
			return control.Follow(s.Conn, s.Config.Names(), job, news)
		},
	}, s.log)
	if err != nil {
		return fmt.Errorf("start the HTTP API: %w", err)
	}

	s.http.Store(server)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Run(ctx) })
	g.Go(func() error { return s.jobs.Run(ctx, api) })
	g.Go(func() error { return s.fillSearch(ctx) })
	g.Go(func() error { return s.Bus.WatchDeadLetters(ctx) })
	g.Go(func() error {
		asked := control.New(s.Conn, s.Config.Names(), s.Version, api, httpapi.RolesOf(tokens), s.log)
		asked.Trace = s.traceAsked()
		return asked.Run(ctx)
	})
	return g.Wait()
}

// console is the web console.
func (s *Service) console(api operations.Answerer, door httpapi.Door, origins []string) http.Handler {
	return console.New(console.Config{
		API: api, System: s.system(), Origins: origins, Key: s.Config.SessionKey(), Zone: time.Local, Used: s.Store, Log: s.log,
		CRMURL: s.Config.ConsoleCRMURL, MetaKockaURL: s.Config.ConsoleMetaKockaURL,
	}, door)
}

// system is what the console shows of the service itself.
func (s *Service) system() console.System {
	return console.System{
		Settings: s.Config.Shown(),
		Doctor: func(ctx context.Context, emit func(doctor.Finding)) []doctor.Hint {
			return doctor.Run(ctx, DoctorConfig(s.Config, nil), emit)
		},
		Processes: func(ctx context.Context) ([]control.Instance, error) {
			return control.Instances(ctx, s.Conn, s.Config.Names())
		},
		Recent: func() []status.Minute { return s.metrics.recent.Minutes(time.Now()) },
	}
}

// HTTPAddr is where the HTTP API listens; empty before it does.
func (s *Service) HTTPAddr() string {
	if server := s.http.Load(); server != nil {
		return server.Addr()
	}
	return ""
}
