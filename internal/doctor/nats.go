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
	"github.com/crmmind/mksync/coded"
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
	if !cfg.Skip.IsZero() {
		return side{findings: skipped(nameNATS, cfg.Skip)}
	}
	ctx, cancel := context.WithTimeout(ctx, natsTimeout)
	defer cancel()
	if cfg.URL != "" {
		return checkServer(ctx, cfg, cfg.URL, false)
	}
	if url, running := embedded.Lookup(cfg.DataDir); running {
		return checkServer(ctx, cfg, url, true)
	}
	return side{findings: []Finding{
		ok(nameNATS, coded.Say("doctor.nats.embedded", "no MKSYNC_NATS_URL: mksync runs an embedded server while it works")),
		checkDataDir(cfg.DataDir),
	}}
}

// checkServer connects to a server and looks at what it keeps.
func checkServer(ctx context.Context, cfg NATS, url string, embedded bool) side {
	nc, err := bus.Connect(ctx, url, bus.ConnectOptions{Name: "mksync doctor", Extra: cfg.Options})
	if err != nil {
		return side{findings: append([]Finding{NATSProblem(err, cfg.SignIn)}, skipped(nameJetStream, noConnection)...)}
	}
	defer nc.Close()
	found := []Finding{ok(nameNATS, serverFound(nc, embedded))}
	js, err := jetstream.New(nc)
	if err != nil {
		return side{findings: append(found, fail(nameJetStream, coded.Of(err), coded.Say("doctor.jetstream.url_do", "check MKSYNC_NATS_URL")))}
	}

	storage := checkJetStream(ctx, js)
	found = append(found, storage)
	if storage.Status != OK {
		return side{findings: found}
	}
	return side{findings: append(found, checkStreams(ctx, js, cfg, nc.ConnectedClusterName())), newest: newestEvent(ctx, js, nc, cfg.Names)}
}

// serverFound is what a server says of itself.
func serverFound(nc *nats.Conn, embedded bool) coded.Text {
	url, version, size := nc.ConnectedUrlRedacted(), nc.ConnectedServerVersion(), nc.MaxPayload()>>10
	if embedded {
		return coded.Say("doctor.nats.own", "embedded server of the running mksync, {url}, version {version}, messages of up to {size} KiB", url, version, size)
	}
	return coded.Say("doctor.nats.server", "{url}, version {version}, messages of up to {size} KiB", url, version, size)
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
		return fail(nameJetStream, coded.Say("doctor.jetstream.off", "not enabled on the server"),
			coded.Say("doctor.jetstream.off_do", "start it with --jetstream --store_dir <directory>, or put a jetstream block into its configuration"))
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fail(nameJetStream, coded.Say("doctor.jetstream.account", "not enabled for the account"),
			coded.Say("doctor.jetstream.account_do", "enable jetstream for the account in the server's configuration"))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return fail(nameJetStream, coded.Say("doctor.jetstream.silent", "no answer"),
			coded.Say("doctor.jetstream.silent_do", "let the user publish to $JS.API.> and subscribe to _INBOX.>; in a cluster, see that a majority of the servers runs"))
	case err != nil:
		return fail(nameJetStream, coded.Of(err), coded.Say("doctor.jetstream.log_do", "see the server's log"))
	case info.Limits.MaxStore == 0 && len(info.Tiers) == 0:
		return fail(nameJetStream, coded.Say("doctor.jetstream.memory", "the account may not keep files"),
			coded.Say("doctor.jetstream.memory_do", "raise max_file of the account: events must survive a restart"))
	}

	if info.Limits.MaxStore <= 0 {
		return ok(nameJetStream, coded.Say("doctor.jetstream.on", "enabled, file storage"))
	}
	return ok(nameJetStream, coded.Say("doctor.jetstream.on_limited", "enabled, file storage, {used} of {limit} MiB in use", info.Store>>20, info.Limits.MaxStore>>20))
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
			return fail(nameStreams, coded.Say("doctor.streams.unreadable", "{stream} cannot be looked up: {words}", name, err),
				coded.Say("doctor.streams.rights_do", "see the server's log, and the user's rights on $JS.API.>"))
		case s.CachedInfo().Config.Storage == jetstream.MemoryStorage:
			return fail(nameStreams, coded.Say("doctor.streams.memory", "{stream} is kept in memory only and would not survive a restart", name),
				coded.Say("doctor.streams.memory_do", "delete it; mksync makes it with file storage"))
		}
		there = append(there, fmt.Sprintf("%s (%d messages)", name, s.CachedInfo().State.Msgs))
	}

	if found := checkSubjects(ctx, js, cfg.Names); found.Status == Fail {
		return found
	}

	if cfg.Replicas > 1 && cluster == "" && len(there) == 0 {
		return fail(nameStreams, coded.Say("doctor.streams.copies", "{count} copies are asked for, and the server is in no cluster", cfg.Replicas),
			coded.Say("doctor.streams.copies_do", "set MKSYNC_STREAM_REPLICAS to 1, or use a cluster"))
	}
	if len(there) == 0 {
		return ok(nameStreams, coded.Say("doctor.streams.later", "will be made at the first start"))
	}
	return ok(nameStreams, verbatim(strings.Join(there, ", ")))
}

// checkSubjects looks for streams of others on mksync's subjects: NATS makes no second one
// there, or an event would be where mksync does not look.
func checkSubjects(ctx context.Context, js jetstream.JetStream, names bus.Names) Finding {
	for ours, subject := range bus.StreamSubjects() {
		ours, subject = names.Stream(ours), names.Subject(subject)
		names := js.StreamNames(ctx, jetstream.WithStreamListSubject(subject))
		for name := range names.Name() {
			if name != ours {
				return fail(nameStreams, coded.Say("doctor.streams.foreign", "the stream {stream} of somebody else keeps messages of {subject}, which are for {ours}", name, subject, ours),
					coded.Say("doctor.streams.foreign_do", "take these subjects from it (nats stream edit {stream}), or remove it", name))
			}
		}
		if err := names.Err(); err != nil {
			return fail(nameStreams, coded.Say("doctor.streams.unlisted", "streams cannot be listed: {words}", err),
				coded.Say("doctor.streams.rights_do", "see the server's log, and the user's rights on $JS.API.>"))
		}
	}
	return Finding{Status: OK}
}

// checkDataDir tries whether files can be made in the data directory, or where
// that is missing, in the nearest directory above it that exists.
func checkDataDir(dir string) Finding {
	full, err := filepath.Abs(dir)
	if err != nil {
		return fail(nameDataDir, coded.Of(err), coded.Say("doctor.dir.do", "correct MKSYNC_DATA_DIR"))
	}
	existing := full
	for !exists(existing) && filepath.Dir(existing) != existing {
		existing = filepath.Dir(existing)
	}
	if info, err := os.Stat(existing); err == nil && !info.IsDir() {
		return fail(nameDataDir, coded.Say("doctor.dir.file", "{path} is a file", existing),
			coded.Say("doctor.dir.file_do", "let MKSYNC_DATA_DIR name a directory"))
	}
	if err := tryWrite(existing); err != nil {
		return fail(nameDataDir, coded.Say("doctor.dir.closed", "{path} cannot be written: {words}", existing, err),
			coded.Say("doctor.dir.closed_do", "give mksync's user the right to write there, or set MKSYNC_DATA_DIR"))
	}
	if existing != full {
		return ok(nameDataDir, coded.Say("doctor.dir.later", "{path} will be made at the first start", full))
	}
	return ok(nameDataDir, coded.Say("doctor.dir.writable", "{path} can be written", full))
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
