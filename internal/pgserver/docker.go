package pgserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/crmmind/mksync/internal/subprocess"
)

// Image is the container image of a throw-away server.
const Image = "postgres:16-alpine"

// container is a server that the docker program runs. The program stays attached
// to it, so that the container ends with us where the system can do that.
type container struct {
	docker   string // path of the program
	name     string
	password string
	process  *subprocess.Process
	said     *tail
}

// startDocker runs the server in a container, with the docker program.
func startDocker(ctx context.Context, opts Options) (*Server, error) {
	if len(opts.Env) > 0 {
		return nil, ErrLocalOnly
	}
	docker, err := exec.LookPath("docker")
	if err != nil {
		return nil, errors.New("no docker in PATH")
	}
	c := &container{docker: docker, name: prefix + strings.ToLower(rand.Text()), password: newPassword(), said: &tail{}}
	if _, err := c.ask(ctx, 5*time.Second, "version", "--format", "{{.Server.Version}}"); err != nil {
		return nil, err
	}

	// The image may have to be fetched first.
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	if err := c.run(opts.Durable); err != nil {
		return nil, err
	}
	url, err := c.awaitAnswer(ctx)
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return &Server{url: url, host: c}, nil
}

// ask runs the docker program and gives the first line of what it prints.
func (c *container) ask(ctx context.Context, within time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	out, err := exec.CommandContext(ctx, c.docker, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("run docker %s: %w: %s", args[0], err, lastLines(out))
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), nil
}

// run starts the container. The password is in no command line, which the other
// users of the machine see.
func (c *container) run(durable bool) error {
	args := append([]string{
		"run", "--rm", "--name", c.name, "-p", "127.0.0.1::5432", "-e", "POSTGRES_PASSWORD", Image,
	}, Settings(durable)...)
	cmd := exec.Command(c.docker, args...) //nolint:noctx // it outlives the call; stop ends it
	cmd.Env = append(os.Environ(), "POSTGRES_PASSWORD="+c.password)
	cmd.Stdout = c.said
	cmd.Stderr = c.said
	var err error
	// Postgres ends at once on this signal, which the program passes on.
	if c.process, err = subprocess.StartApart(cmd, syscall.SIGINT); err != nil {
		return fmt.Errorf("run docker: %w", err)
	}
	return nil
}

// awaitAnswer waits until a connection can be made, and gives the server's address.
func (c *container) awaitAnswer(ctx context.Context) (url string, err error) {
	err = awaitAnswer(ctx, c.process, func(ctx context.Context) error {
		address, err := c.ask(ctx, 10*time.Second, "port", c.name, "5432/tcp")
		if err != nil {
			return err
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("find the container's port: %w", err)
		}
		url = serverURL(host, port, c.password)
		return ping(ctx, url)
	})
	if errors.Is(err, errStopped) {
		return "", fmt.Errorf("run %s: %w: %s", Image, err, c.said)
	}
	return url, err
}

func (c *container) restart(context.Context) error { return ErrNotRestartable }
func (c *container) crash() error                  { return ErrNotRestartable }

// stop removes the container, or ends the program that would have made it.
func (c *container) stop() error {
	_, err := c.ask(context.Background(), 30*time.Second, "rm", "--force", "--volumes", c.name)
	_ = c.process.Cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-c.process.Done():
		return nil // with it the container is gone
	case <-time.After(10 * time.Second):
		_ = c.process.Cmd.Process.Kill()
		<-c.process.Done()
		return err
	}
}

// tail keeps the end of what a program prints.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	const most = 4096
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(len(t.text)-most, 0):]
	return len(b), nil
}

// String is the last lines, on one.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return lastLines(t.text)
}
