package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/metakocka/sim"
)

// simulatorFlags are the options of `mksync simulator`.
type simulatorFlags struct {
	addr      string
	options   sim.Options
	listAll   string
	faults    sim.Faults
	errorRate float64
	verbose   bool
}

// newSimulatorCommand runs the MetaKocka simulator as a server.
func newSimulatorCommand(app *cliEnv) *cobra.Command {
	var f simulatorFlags
	cmd := &cobra.Command{
		Use:   "simulator",
		Short: "Run a MetaKocka simulator to try mksync with",
		Long: "Play MetaKocka's partner API, strictly, until SIGTERM or SIGINT. Partners are kept in memory. Under\n" +
			"/control/ is what a person at the ERP's screens would do.",
		Example: "  mksync simulator\n  mksync simulator --addr 127.0.0.1:0 --latency 300ms --error-rate 0.05",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return misused(cmd, err)
			}
			return app.simulate(cmd.Context(), f)
		},
	}

	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", "127.0.0.1:9090", "where to listen; port 0 takes a free one")
	flags.StringVar(&f.options.CompanyID, "company-id", sim.DefaultCompanyID, "company id that calls have to carry")
	flags.StringVar(&f.options.SecretKey, "secret-key", sim.DefaultSecretKey, "key that calls have to carry")
	flags.DurationVar(&f.faults.Latency, "latency", 0, "how long each call takes")
	flags.DurationVar(&f.faults.Jitter, "jitter", 0, "up to so much longer, at random")
	flags.Float64Var(&f.errorRate, "error-rate", 0, "share of calls that go wrong, 0 to 1: error pages, lost answers, cut connections")
	flags.Uint64Var(&f.options.Seed, "seed", 0, "of the chance that decides which calls go wrong")
	flags.BoolVar(&f.options.Serial, "serial", false, "run calls one after another, as MetaKocka does")
	flags.IntVar(&f.options.AnswerCap, "answer-cap", 0, "most partners in one answer; 0: all")
	choose(cmd, &f.listAll, "list-all", "all", "what get_partner without arguments, or with an empty name, does", slices.Sorted(maps.Keys(listAllWords))...)
	choose(cmd, &f.options.Notes, "notes", sim.Dropped, "what happens to notes", sim.Kept, sim.Dropped, sim.Refused)
	choose(cmd, &f.options.Website, "website", sim.Dropped, "what happens to websites", sim.Kept, sim.Dropped, sim.Refused)
	choose(cmd, &f.options.TooLong, "too-long", sim.Cut, "what happens to values that are too long", sim.Cut, sim.Refused)
	flags.BoolVar(&f.verbose, "verbose", false, "print every call with its arguments")
	return cmd
}

// listAllWords are the values of --list-all.
var listAllWords = map[string]string{"refused": sim.Refused, "all": sim.ListsAll, "nothing": sim.ListsNothing}

// check names the first number that makes no sense.
func (f simulatorFlags) check() error {
	switch {
	case !(f.errorRate >= 0 && f.errorRate <= 1):
		return errors.New("--error-rate: not between 0 and 1")
	case f.faults.Latency < 0 || f.faults.Jitter < 0:
		return errors.New("--latency, --jitter: a duration cannot be negative")
	case f.options.AnswerCap < 0:
		return errors.New("--answer-cap: negative")
	case f.options.CompanyID == "" || f.options.SecretKey == "":
		return errors.New("--company-id, --secret-key: empty")
	}
	return nil
}

// withErrors spreads the error rate over the ways a call goes wrong; half of
// them are processed all the same.
func (f simulatorFlags) withErrors() sim.Faults {
	each := f.errorRate / 6
	faults := f.faults
	faults.Rate429 = each
	faults.Rate5xx = each
	faults.CutBefore = each
	faults.GatewayTimeout = each
	faults.CutAfter = each
	faults.CutHalf = each
	return faults
}

func (app *cliEnv) simulate(ctx context.Context, f simulatorFlags) error {
	f.options.ListAll = listAllWords[f.listAll]
	server := sim.New(f.options)
	defer server.Close()
	if err := server.SetFaults(f.withErrors()); err != nil {
		return err
	}

	if f.verbose {
		server.OnCall(func(c sim.Call) {
			_, _ = fmt.Fprintf(app.stderr, "%s %s%s\n", c.Endpoint, c.Arguments, faultText(c.Fault))
		})
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another --addr", f.addr, err)
	}

	if reachableByOthers(listener.Addr()) {
		_, _ = fmt.Fprintf(app.stderr, "warning: %s can be reached from other machines, and /control/ asks for no key: keep this to networks you trust\n", f.addr)
	}

	if err := announceSimulator(app.stdout, listener.Addr(), f.options); err != nil {
		return errors.Join(err, listener.Close())
	}
	return serveSimulator(ctx, listener, server)
}

func faultText(fault sim.Fault) string {
	if fault == sim.NoFault {
		return ""
	}
	return " -> " + string(fault)
}

// reachableByOthers reports an address that is not this machine's alone.
func reachableByOthers(addr net.Addr) bool {
	tcp, isTCP := addr.(*net.TCPAddr)
	return !isTCP || !tcp.IP.IsLoopback()
}

// announceSimulator says where the simulator is and how to use it.
func announceSimulator(w io.Writer, addr net.Addr, options sim.Options) error {
	base := "http://" + reachable(addr)
	_, err := fmt.Fprintf(w, `MetaKocka simulator listens on %[1]s

  export MKSYNC_METAKOCKA_URL=%[1]s%[2]s
  export MKSYNC_METAKOCKA_COMPANY_ID=%[3]s
  export MKSYNC_METAKOCKA_SECRET_KEY=%[4]s

What a person at the ERP's screens does:
  curl %[1]s/control/partners
  curl -X POST %[1]s/control/partners -d '{"customer":"Ana Novak"}'
  curl -X PATCH %[1]s/control/partners/MK_ID -d '{"contact":{"phone":"01 234 56 78"}}'
  curl -X DELETE %[1]s/control/partners/MK_ID
Faults, calls so far, and all back to the start:
  curl -X PUT %[1]s/control/faults -d '{"latency":"2s","rate_5xx":0.1,"down":false}'
  curl %[1]s/control/calls
  curl -X POST %[1]s/control/reset
`, base, sim.BasePath, options.CompanyID, options.SecretKey)
	return err
}

// reachable is an address that a client on this machine can use.
func reachable(addr net.Addr) string {
	tcp, isTCP := addr.(*net.TCPAddr)
	if !isTCP || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
}

// serveSimulator answers until ctx ends, which is no error.
func serveSimulator(ctx context.Context, listener net.Listener, server *sim.Server) error {
	web := &http.Server{
		Handler: server, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}

	failed := make(chan error, 1)
	go func() { failed <- web.Serve(listener) }()

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}

	server.Close() // calls that wait for their latency are cut
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if web.Shutdown(stopCtx) != nil {
		_ = web.Close()
	}

	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
