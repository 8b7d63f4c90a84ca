package pgserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// kept makes the cluster's files as a copy of a cluster that was made before, and keeps
// the first there is. What cannot be kept is made anew by the next.
func (l *local) kept(ctx context.Context) error {
	dir, err := l.keptAt()
	if err != nil {
		return l.initdb(ctx)
	}
	if password, err := os.ReadFile(filepath.Join(dir, "password")); err == nil {
		l.password = string(password)
		return l.copyOf(filepath.Join(dir, "data"))
	}
	if err := l.initdb(ctx); err != nil {
		return err
	}
	_ = l.keep(dir)
	return nil
}

// keptAt is where the cluster is kept that the binaries here make, as they are made here.
func (l *local) keptAt() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w", err)
	}
	info, err := os.Stat(filepath.Join(l.bin, "initdb"))
	if err != nil {
		return "", fmt.Errorf("look at initdb: %w", err)
	}
	made := sha256.Sum256(fmt.Append(nil, l.bin, info.ModTime(), info.Size(), initdbArguments))
	return filepath.Join(cache, "mksync-pg", fmt.Sprintf("%x", made[:8])), nil
}

// copyOf gives the cluster's files the contents of others. A program of its own copies
// them: these are a thousand files, for which the race detector makes five times as much
// work of it.
func (l *local) copyOf(data string) error {
	to := l.files.path("data")
	if out, err := exec.Command("cp", "-R", data, to).CombinedOutput(); err != nil { //nolint:noctx // a moment's work
		return fmt.Errorf("copy the cluster that is kept: %w: %s", err, lastLines(out))
	}
	return errors.Join(os.Chmod(to, 0o700), filepath.WalkDir(to, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, l.account.own(path))
	}))
}

// keep keeps the cluster's files, whole or not at all: several processes may come here at
// once.
func (l *local) keep(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	unfinished, err := os.MkdirTemp(filepath.Dir(dir), "unfinished-")
	if err != nil {
		return err
	}
	err = os.CopyFS(filepath.Join(unfinished, "data"), os.DirFS(l.files.path("data")))
	if err == nil {
		err = os.WriteFile(filepath.Join(unfinished, "password"), []byte(l.password), 0o600)
	}
	if err == nil {
		err = os.Rename(unfinished, dir)
	}
	return errors.Join(err, os.RemoveAll(unfinished))
}
