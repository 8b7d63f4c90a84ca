// Command bench measures mksync beside what it can be compared with: it starts
// a throw-away Postgres and NATS server, runs every competitor in turn in each
// round, and prints medians and ratios of one run.
//
//	go run ./bench [-quick] [-sections drain,latency] [-json file]
//
// The figures and what they mean are in docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := dispatch(ctx)
	stopped := ctx.Err() != nil
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case stopped:
		fmt.Fprintln(os.Stderr, "bench: stopped; everything it started is gone")
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// dispatch runs the benchmark, or the part of it that this process was started for.
func dispatch(ctx context.Context) error {
	if name := os.Getenv(partVariable); name != "" {
		return runPart(ctx, name)
	}
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// options are what a run was asked for.
type options struct {
	Sections  []string    `json:"sections"`
	Rounds    int         `json:"rounds"`
	Scale     float64     `json:"scale"`
	Seed      uint64      `json:"seed"`
	Listeners []candidate `json:"listeners,omitempty"`
	Builds    []build     `json:"builds,omitempty"`
	JSON      string      `json:"-"`
	Profile   string      `json:"profile,omitempty"`
}

// candidate is a listener of somebody else that is to be measured beside ours.
type candidate struct {
	Name    string `json:"name"`
	Command string `json:"command"`
}

// build is a binary of mksync, of another version, that is to be measured beside this one.
type build struct {
	Who  string `json:"who"`
	Path string `json:"path"`
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var names string
	var quick bool
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)

	f.StringVar(&names, "sections", "", "comma-separated sections; all when empty")
	f.IntVar(&o.Rounds, "rounds", 3, "how often everything is measured; medians are shown")
	f.Float64Var(&o.Scale, "scale", 1, "multiplies the amounts of work")
	f.BoolVar(&quick, "quick", false, "a tenth of the work, one round: a look, not a measurement")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of generated data")
	f.StringVar(&o.JSON, "json", "", "file to write everything to, rounds and machine included")
	f.StringVar(&o.Profile, "profile", "", "existing directory for CPU profiles of mksync's listener, the relay and the NATS servers; the figures suffer")
	f.Func("listener", "name=command of another listener for the sections drain and latency; it finds DATABASE_URL, NATS_URL, SLOT, PUBLICATION and STREAM in its environment (may be repeated)", func(text string) error {
		name, command, ok := strings.Cut(text, "=")
		if !ok || name == "" || command == "" {
			return errors.New("want name=command")
		}
		o.Listeners = append(o.Listeners, candidate{Name: name, Command: command})
		return nil
	})

	f.Func("build", "name=path of another build of mksync, for the sections drain, latency and flow (may be repeated)", func(text string) error {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			return errors.New("want name=path")
		}
		path, err := filepath.Abs(path)
		o.Builds = append(o.Builds, build{Who: whoMksync + " " + name, Path: path})
		return err
	})

	f.Usage = func() {
		fmt.Fprintf(stderr, "Usage: go run ./bench [flags]\n\nSections:\n")
		for _, s := range sections() {
			fmt.Fprintf(stderr, "  %-10s %s\n", s.name, s.about)
		}
		fmt.Fprintln(stderr, "\nFlags:")
		f.PrintDefaults()
	}

	if err := f.Parse(args); err != nil {
		return o, err
	}

	if quick {
		o.Rounds = 1
		o.Scale /= 10
	}

	if f.NArg() > 0 || o.Rounds < 1 || o.Scale <= 0 || o.Scale > 100 {
		return o, errors.New("want no further arguments, -rounds of at least 1 and -scale between 0 and 100; see -help")
	}

	var err error
	o.Sections, err = chooseSections(names)
	return o, err
}

// chooseSections are the named sections in the order of the table.
func chooseSections(names string) ([]string, error) {
	var all, chosen []string
	for _, s := range sections() {
		all = append(all, s.name)
	}
	if names == "" {
		return all, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("there is no section %q; there are %s", name, strings.Join(all, ", "))
		}
		chosen = append(chosen, name)
	}
	return slices.DeleteFunc(all, func(name string) bool { return !slices.Contains(chosen, name) }), nil
}

// run measures what args ask for. A section that fails does not keep the others
// from being measured; it is an error in the end.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}

	began := time.Now()
	l, err := newLab(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()

	rep := report{Command: "go run ./bench " + strings.Join(args, " "), Began: began, Options: o, Machine: l.machine}
	for _, s := range sections() {
		if !slices.Contains(o.Sections, s.name) {
			continue
		}

		l.say("== %s: %s", s.name, s.about)
		at := time.Now()
		res, sectionErr := s.run(ctx, l)
		if ctx.Err() != nil {
			return ctx.Err()
		}

		res.Section = s.name
		res.About = s.about
		res.Seconds = time.Since(at).Seconds()
		if sectionErr != nil {
			res.Error = sectionErr.Error()
			err = errors.Join(err, fmt.Errorf("section %s: %w", s.name, sectionErr))
		}
		rep.Results = append(rep.Results, res)
	}

	rep.Seconds = time.Since(began).Seconds()
	return errors.Join(err, rep.print(stdout), rep.save(o.JSON))
}
