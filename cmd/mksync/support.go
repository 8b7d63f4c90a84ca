package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/support"
	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/syncer/operations"
)

// newSupportCommand makes the archive that goes with a report of a fault.
func newSupportCommand(app *cliEnv) *cobra.Command {
	return &cobra.Command{
		Use:   "support [FILE]",
		Short: "Make an archive for a report of a fault, without secrets and without people",
		Long: "Write one archive (tar, gzip) with what helps to find a fault: versions, status, what the doctor finds, the\n" +
			"settings in force, metrics, the last lines of the log, and how streams, consumers and slots stand. Secrets are\n" +
			"left out, and whatever may be a person's is a hash. What cannot be had, because the service or a server is\n" +
			"down, is said in its place. Nothing is sent anywhere.",
		Example: "  mksync support\n  mksync support /tmp/fault.tar.gz",
		Args:    between(0, 1, "", "name one file, or none"),
		RunE: func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			file := "mksync-support-" + now.Format("20060102-150405") + ".tar.gz"
			if len(args) > 0 {
				file = args[0]
			}
			return app.support(cmd.Context(), file, now)
		},
	}
}

func (app *cliEnv) support(ctx context.Context, file string, now time.Time) error {
	cfg, err := config.Load(app.configPath, app.environ)
	var wrong *config.InvalidError
	if err != nil && !errors.As(err, &wrong) {
		return err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // whoever asks names the file
	if err != nil {
		return fmt.Errorf("make the archive: %w", err)
	}

	running := &runningService{cfg: cfg}
	defer running.close()
	parts := append(app.supportParts(cfg), running.parts()...)
	lacking, err := support.Write(ctx, out, "mksync-support", support.NewCleaner(cfg.Secrets(), ownNames(cfg)), now, parts)
	if err = errors.Join(err, out.Close()); err != nil {
		_ = os.Remove(file)
		return fmt.Errorf("write the archive: %w", err)
	}

	for _, l := range lacking {
		app.note(l.Name + " could not be had: " + l.Why)
	}
	_, err = fmt.Fprintf(app.stdout, "%s has %s. Secrets are left out, and what may be a person's is a hash.\nLook through it before you send it: tar -xzOf %s | less\n",
		file, terminal.Amount(len(parts)+1, "file", "files"), file)
	return err
}

// ownNames are the names that the settings give to tables, columns and the like, which are
// nobody's.
func ownNames(cfg config.Config) []string {
	names := []string{cfg.ContactsTable, cfg.ContactsKey, cfg.ContactsUpdatedAt, cfg.Schema, cfg.Slot, cfg.Publication, cfg.Instance}
	for name, f := range cfg.Fields {
		names = append(names, string(name))
		names = append(names, f.Names(name)...)
		names = append(names, f.Also...)
	}
	for _, condition := range cfg.Filter {
		names = append(names, condition.Column)
	}
	for column := range cfg.Insert {
		names = append(names, column)
	}
	return names
}

// supportParts are what can be had without the service.
func (app *cliEnv) supportParts(cfg config.Config) []support.Part {
	return []support.Part{
		{Name: "version.json", About: "what made this archive", Make: func(_ context.Context, c *support.Cleaner) ([]byte, error) {
			return c.JSON(map[string]string{"version": buildVersion(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
		}},
		{Name: "settings.txt", About: "the settings in force, and where each comes from", Make: func(_ context.Context, c *support.Cleaner) ([]byte, error) {
			return []byte(settingLines(c, cfg)), nil
		}},
		{Name: "doctor.txt", About: "what `mksync doctor` finds", Make: func(ctx context.Context, c *support.Cleaner) ([]byte, error) {
			var lines strings.Builder
			app.examine(ctx, func(f doctor.Finding) { lines.WriteString(f.Head() + "  " + c.Text(f.Text()) + "\n") })
			return []byte(lines.String()), ctx.Err()
		}},
		{Name: "postgres.json", About: "version, settings, slots and sizes of Postgres", Make: func(ctx context.Context, c *support.Cleaner) ([]byte, error) {
			return support.Postgres(ctx, c, cfg.DatabaseURL.Reveal())
		}},
		{Name: "nats.json", About: "version of NATS, and how streams and consumers stand", Make: func(ctx context.Context, c *support.Cleaner) ([]byte, error) {
			nc, err := service.Dial(ctx, cfg)
			if err != nil {
				return nil, err
			}
			defer nc.Close()

			var streams []string
			for _, stream := range []string{bus.StreamContacts, bus.StreamPartners, bus.StreamDeadLetters} {
				streams = append(streams, cfg.Names().Stream(stream))
			}
			return support.NATS(ctx, c, nc, streams)
		}},
		{Name: "metrics.txt", About: "the metrics of the process at MKSYNC_HTTP_ADDR", Make: func(ctx context.Context, c *support.Cleaner) ([]byte, error) {
			return support.Metrics(ctx, c, cfg.HTTPAddr)
		}},
	}
}

// settingLines are the settings, one a line. A number of a setting is nobody's, unless it is
// the company's or one that the contacts are chosen by.
func settingLines(c *support.Cleaner, cfg config.Config) string {
	var lines strings.Builder
	for _, s := range cfg.Shown() {
		value := c.Text(s.Value)
		_, err := strconv.Atoi(s.Value)
		whose := s.Key == "metakocka_company_id" || strings.HasPrefix(s.Key, "filter.") || strings.HasPrefix(s.Key, "insert.")
		if err == nil && !whose {
			value = s.Value
		}
		if whose && value != "" {
			value = c.Hash(s.Value)
		}
		lines.WriteString(strings.TrimSpace(c.Text(s.Key)+": "+value+"  "+c.Text(s.From)) + "\n")
	}
	return lines.String()
}

// runningService is asked for what only a service knows; it is looked for once.
type runningService struct {
	cfg    config.Config
	client *service.Client
	err    error
}

func (r *runningService) reach(ctx context.Context) (*service.Client, error) {
	if r.client == nil && r.err == nil {
		r.client, r.err = service.Reach(ctx, r.cfg, buildVersion())
	}
	return r.client, r.err
}

func (r *runningService) close() {
	if r.client != nil && r.err == nil {
		r.client.Close()
	}
}

func (r *runningService) parts() []support.Part {
	return []support.Part{
		{Name: "status.json", About: "what `mksync status --json` says", Make: func(ctx context.Context, c *support.Cleaner) ([]byte, error) {
			client, err := r.reach(ctx)
			if err != nil {
				return nil, err
			}

			status, err := operations.OpStatus.Ask(ctx, client, operations.Nothing{})
			if err != nil {
				return nil, err
			}
			return c.JSON(status)
		}},
		{Name: "log.jsonl", About: "the last lines of the log of the process that answered", Make: func(ctx context.Context, c *support.Cleaner) ([]byte, error) {
			client, err := r.reach(ctx)
			if err != nil {
				return nil, err
			}

			last, err := operations.OpLog.Ask(ctx, client, operations.LogRequest{Limit: loggedLines})
			if err != nil {
				return nil, err
			}
			return support.Lines(c, last.Items)
		}},
		{Name: "processes.json", About: "the processes of the service", Make: func(ctx context.Context, c *support.Cleaner) ([]byte, error) {
			nc, err := service.Dial(ctx, r.cfg)
			if err != nil {
				return nil, err
			}
			defer nc.Close()

			found, err := control.Instances(ctx, nc, r.cfg.Names())
			if err != nil {
				return nil, err
			}
			return c.JSON(found)
		}},
	}
}

// loggedLines is how many of the last lines of the log an archive has.
const loggedLines = 500
