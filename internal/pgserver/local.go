package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/subprocess"
)

// local is a server that runs as a child of this process.
type local struct {
	bin      string
	files    *files
	env      []string
	account  *account
	port     string
	password string
	durable  bool
	process  *process
}

// startLocal runs the server from installed binaries.
func startLocal(ctx context.Context, opts Options) (*Server, error) {
	bin, err := opts.Bin, error(nil)
	if bin == "" {
		bin, err = findBinaries(ctx)
	}
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := newFiles(opts, who)
	if err != nil {
		return nil, err
	}

	l := &local{bin: bin, files: dir, env: opts.Env, account: who, password: newPassword(), durable: opts.Durable}
	create := l.initdb
	if opts.Kept {
		create = l.kept
	}
	if err := l.create(ctx, create); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	return &Server{url: serverURL("127.0.0.1", l.port, l.password), host: l}, nil
}

// create makes the cluster with its files and starts it. The port may be taken between its
// choice and the start, then another is tried.
func (l *local) create(ctx context.Context, files func(context.Context) error) error {
	if err := files(ctx); err != nil {
		return err
	}
	var err error
	for range 5 {
		if l.port, err = freePort(ctx); err != nil {
			return err
		}
		if err = l.start(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// initdbArguments are how a cluster is made, but for its place, its password and its locale.
var initdbArguments = []string{"--username=" + superuser, "--auth=md5", "--encoding=UTF8", "--no-sync"}

// initdb makes the cluster's files: with a Unicode locale where the system has
// it, else with the C locale, which every system has. Passwords are kept as MD5: SCRAM
// counts for long at each sign-in, at both ends and by design, which was a sixth of
// all that the tests do; and nothing leaves this machine.
func (l *local) initdb(ctx context.Context) error {
	passwords := l.files.path("password")
	if err := l.account.writeFile(passwords, l.password); err != nil {
		return err
	}
	var last error
	for _, locale := range []string{"C.UTF-8", "C"} {
		cmd := exec.CommandContext(ctx, filepath.Join(l.bin, "initdb"), append([]string{
			"--pgdata=" + l.files.path("data"), "--pwfile=" + passwords, "--locale=" + locale,
		}, initdbArguments...)...)
		l.account.apply(cmd)
		cmd.Dir = l.files.dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		last = fmt.Errorf("run initdb: %w: %s", err, lastLines(out))
	}
	return last
}

// start brings the server up and waits until it answers.
func (l *local) start(ctx context.Context) error {
	args := append([]string{
		"-D", l.files.path("data"), "-p", l.port, "-h", "127.0.0.1", "-k", "",
	}, Settings(l.durable)...)
	cmd := exec.Command(filepath.Join(l.bin, "postgres"), args...) //nolint:noctx // it outlives the call; stop ends it
	l.account.apply(cmd)
	cmd.Dir = l.files.dir
	cmd.Env = append(os.Environ(), l.env...)
	log, err := os.OpenFile(l.files.path("server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open server log: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout = log
	cmd.Stderr = log
	started, err := subprocess.Start(cmd, immediate)
	if err != nil {
		return fmt.Errorf("run postgres: %w", err)
	}
	l.process = &process{started}
	return l.awaitAnswer(ctx)
}

// awaitAnswer waits until a connection can be made.
func (l *local) awaitAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err := awaitAnswer(ctx, l.process.Process, func(ctx context.Context) error {
		return ping(ctx, serverURL("127.0.0.1", l.port, l.password))
	})
	switch {
	case errors.Is(err, errStopped):
		return fmt.Errorf("run postgres: %w: %s", err, l.logTail())
	case err != nil:
		l.process.kill()
	}
	return err
}

func (l *local) logTail() string {
	out, err := os.ReadFile(l.files.path("server.log"))
	if err != nil {
		return err.Error()
	}
	return lastLines(out)
}

func (l *local) restart(ctx context.Context) error {
	l.process.kill()
	if err := l.start(ctx); err != nil {
		return fmt.Errorf("restart Postgres: %w", err)
	}
	return nil
}

func (l *local) crash() error {
	l.process.kill()
	return nil
}

func (l *local) stop() error {
	if l.process != nil {
		l.process.kill()
	}
	return l.files.remove()
}

// lastLines is the end of a program's output, on one line.
func lastLines(out []byte) string {
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	if len(lines) > 3 {
		lines = lines[len(lines)-3:]
	}
	return strings.Join(lines, " | ")
}
