package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startInstalled installs Postgres and starts it. Several test binaries may
// come here at once, so one installs and the others wait for it.
func startInstalled(ctx context.Context, opts Options) (*Server, error) {
	if opts.NoInstall || os.Getenv("MKSYNC_TEST_NO_INSTALL") != "" {
		return nil, errors.New("installation is switched off")
	}
	apt, err := aptCommand(ctx)
	if err != nil {
		return nil, err
	}
	lock, err := waitLock(ctx, filepath.Join(os.TempDir(), fmt.Sprintf("mksync-pg-install-%d.lock", os.Getuid())))
	if err != nil {
		return nil, fmt.Errorf("wait for another installation: %w", err)
	}
	defer func() { _ = lock.Close() }()
	if _, err := findBinaries(ctx); err != nil {
		opts.Logger.InfoContext(ctx, "installing Postgres with apt-get")
		if err := install(ctx, apt); err != nil {
			return nil, err
		}
	}
	return startLocal(ctx, opts)
}

// aptCommand is the command line that runs apt-get as root without a question.
func aptCommand(ctx context.Context) ([]string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, errors.New("no apt-get on this system")
	}
	if os.Geteuid() == 0 {
		return []string{"env", "DEBIAN_FRONTEND=noninteractive", "apt-get"}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := exec.CommandContext(ctx, "sudo", "-n", "true").Run(); err != nil {
		return nil, errors.New("it needs root")
	}
	return []string{"sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"}, nil
}

// install fetches the package; with an old package list a second time, after
// the list was brought up to date.
func install(ctx context.Context, apt []string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	get := []string{"-o", "DPkg::Lock::Timeout=120", "install", "-y", "-qq", "--no-install-recommends", "postgresql"}
	if aptGet(ctx, apt, get...) == nil {
		return nil
	}
	if err := aptGet(ctx, apt, "update", "-qq"); err != nil {
		return err
	}
	return aptGet(ctx, apt, get...)
}

func aptGet(ctx context.Context, apt []string, args ...string) error {
	args = append(append([]string{}, apt[1:]...), args...)
	out, err := exec.CommandContext(ctx, apt[0], args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("run apt-get: %w: %s", err, lastLines(out))
	}
	return nil
}
