package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
)

// Names of the findings about NATS.
const (
	nameNATS      = "NATS"
	nameJetStream = "JetStream"
	nameStreams   = "streams"
	nameDataDir   = "data directory"
)

const natsTimeout = 10 * time.Second

func checkNATS(ctx context.Context, cfg NATS) side {
	if cfg.Skip != "" {
		return side{findings: skipped(nameNATS, cfg.Skip)}
	}
	ctx, cancel := context.WithTimeout(ctx, natsTimeout)
	defer cancel()
	if cfg.URL != "" {
		return checkServer(ctx, cfg, cfg.URL, "")
	}
	if url, running := embedded.Lookup(cfg.DataDir); running {
		return checkServer(ctx, cfg, url, "embedded server of the running mksync, ")
	}
	return side{findings: []Finding{
		ok(nameNATS, "no MKSYNC_NATS_URL: mksync runs an embedded server while it works"),
		checkDataDir(cfg.DataDir),
	}}
}

// checkServer connects to a server and looks at what it keeps.
func checkServer(ctx context.Context, cfg NATS, url, what string) side {
	nc, err := bus.Connect(ctx, url, bus.ConnectOptions{Name: "mksync doctor", Extra: cfg.Options})
	if err != nil {
		return side{findings: append([]Finding{NATSProblem(err, cfg.SignIn)}, skipped(nameJetStream, "there is no connection")...)}
	}
	defer nc.Close()
	found := []Finding{ok(nameNATS, fmt.Sprintf("%s%s, version %s, messages of up to %d KiB", what, nc.ConnectedUrlRedacted(), nc.ConnectedServerVersion(), nc.MaxPayload()>>10))}
	js, err := jetstream.New(nc)
	if err != nil {
		return side{findings: append(found, fail(nameJetStream, err.Error(), "check MKSYNC_NATS_URL"))}
	}

	storage := checkJetStream(ctx, js)
	found = append(found, storage)
	if storage.Status != OK {
		return side{findings: found}
	}
	return side{findings: append(found, checkStreams(ctx, js, cfg, nc.ConnectedClusterName())), newest: newestEvent(ctx, js, nc, cfg.Names)}
}

// newestEvent is the id of the newest message in the contacts' stream; empty where there is
// none, or no stream: who merely looks makes none.
func newestEvent(ctx context.Context, js jetstream.JetStream, nc *nats.Conn, names bus.Names) string {
	if _, err := js.Stream(ctx, names.Stream(bus.StreamContacts)); err != nil {
		return ""
	}
	b, err := bus.Attach(nc, names)
	if err != nil {
		return ""
	}
	newest, _, _ := b.Last(ctx, bus.StreamContacts)
	return newest.ID
}

// checkJetStream asks whether the account may keep streams in files.
func checkJetStream(ctx context.Context, js jetstream.JetStream) Finding {
	info, err := js.AccountInfo(ctx)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return fail(nameJetStream, "not enabled on the server", "start it with --jetstream --store_dir <directory>, or put a jetstream block into its configuration")
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fail(nameJetStream, "not enabled for the account", "enable jetstream for the account in the server's configuration")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return fail(nameJetStream, "no answer", "let the user publish to $JS.API.> and subscribe to _INBOX.>; in a cluster, see that a majority of the servers runs")
	case err != nil:
		return fail(nameJetStream, err.Error(), "see the server's log")
	case info.Limits.MaxStore == 0 && len(info.Tiers) == 0:
		return fail(nameJetStream, "the account may not keep files", "raise max_file of the account: events must survive a restart")
	}
	return ok(nameJetStream, fmt.Sprintf("enabled, file storage%s", limitText(info)))
}

func limitText(info *jetstream.AccountInfo) string {
	if info.Limits.MaxStore <= 0 {
		return ""
	}
	return fmt.Sprintf(", %d of %d MiB in use", info.Store>>20, info.Limits.MaxStore>>20)
}

// checkStreams looks at the streams that are there; the others will be made.
func checkStreams(ctx context.Context, js jetstream.JetStream, cfg NATS, cluster string) Finding {
	var there []string
	for _, name := range []string{bus.StreamContacts, bus.StreamPartners, bus.StreamDeadLetters} {
		name = cfg.Names.Stream(name)
		s, err := js.Stream(ctx, name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			continue
		case err != nil:
			return fail(nameStreams, fmt.Sprintf("%s cannot be looked up: %s", name, err), "see the server's log, and the user's rights on $JS.API.>")
		case s.CachedInfo().Config.Storage == jetstream.MemoryStorage:
			return fail(nameStreams, name+" is kept in memory only and would not survive a restart", "delete it; mksync makes it with file storage")
		}
		there = append(there, fmt.Sprintf("%s (%d messages)", name, s.CachedInfo().State.Msgs))
	}

	if found := checkSubjects(ctx, js, cfg.Names); found.Status == Fail {
		return found
	}

	if cfg.Replicas > 1 && cluster == "" && len(there) == 0 {
		return fail(nameStreams, fmt.Sprintf("%d copies are asked for, and the server is in no cluster", cfg.Replicas), "set MKSYNC_STREAM_REPLICAS to 1, or use a cluster")
	}
	if len(there) == 0 {
		return ok(nameStreams, "will be made at the first start")
	}
	return ok(nameStreams, strings.Join(there, ", "))
}

// checkSubjects looks for streams of others on mksync's subjects: NATS makes no second one
// there, or an event would be where mksync does not look.
func checkSubjects(ctx context.Context, js jetstream.JetStream, names bus.Names) Finding {
	for ours, subject := range bus.StreamSubjects() {
		ours, subject = names.Stream(ours), names.Subject(subject)
		names := js.StreamNames(ctx, jetstream.WithStreamListSubject(subject))
		for name := range names.Name() {
			if name != ours {
				return fail(nameStreams, fmt.Sprintf("the stream %s of somebody else keeps messages of %s, which are for %s", name, subject, ours),
					"take these subjects from it (nats stream edit "+name+"), or remove it")
			}
		}
		if err := names.Err(); err != nil {
			return fail(nameStreams, fmt.Sprintf("streams cannot be listed: %s", err), "see the server's log, and the user's rights on $JS.API.>")
		}
	}
	return Finding{Status: OK}
}

// checkDataDir tries whether files can be made in the data directory, or where
// that is missing, in the nearest directory above it that exists.
func checkDataDir(dir string) Finding {
	full, err := filepath.Abs(dir)
	if err != nil {
		return fail(nameDataDir, err.Error(), "correct MKSYNC_DATA_DIR")
	}
	existing := full
	for !exists(existing) && filepath.Dir(existing) != existing {
		existing = filepath.Dir(existing)
	}
	if info, err := os.Stat(existing); err == nil && !info.IsDir() {
		return fail(nameDataDir, existing+" is a file", "let MKSYNC_DATA_DIR name a directory")
	}
	if err := tryWrite(existing); err != nil {
		return fail(nameDataDir, fmt.Sprintf("%s cannot be written: %s", existing, err), "give mksync's user the right to write there, or set MKSYNC_DATA_DIR")
	}
	if existing != full {
		return ok(nameDataDir, full+" will be made at the first start")
	}
	return ok(nameDataDir, full+" can be written")
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func tryWrite(dir string) error {
	f, err := os.CreateTemp(dir, ".mksync-doctor-*")
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
