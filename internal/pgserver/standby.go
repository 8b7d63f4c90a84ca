package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// Standby is another server, with a copy of everything, that follows this one and is read
// only until Promote. It follows by way of through, an address of this server. Only a
// local server can have one: ErrNoStandby.
func (s *Server) Standby(ctx context.Context, through string) (*Server, error) {
	primary, ok := s.host.(*local)
	if !ok {
		return nil, ErrNoStandby
	}
	dir, err := newFiles(Options{Durable: primary.durable}, primary.account)
	if err != nil {
		return nil, err
	}

	l := &local{bin: primary.bin, files: dir, env: primary.env, account: primary.account, password: primary.password, durable: primary.durable}
	copied := func(ctx context.Context) error { return l.copyFrom(ctx, through) }
	if !executable(filepath.Join(l.bin, "pg_basebackup")) {
		copied = func(ctx context.Context) error { return l.copyRunning(ctx, primary, through) }
	}
	if err := l.create(ctx, copied); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	return &Server{url: serverURL("127.0.0.1", l.port, l.password), host: l}, nil
}

// copyFrom makes the cluster's files as a copy of a server that runs, and lets it be
// followed.
func (l *local) copyFrom(ctx context.Context, primary string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(l.bin, "pg_basebackup"),
		"--dbname="+primary, "--pgdata="+l.files.path("data"), "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	l.account.apply(cmd)
	cmd.Dir = l.files.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run pg_basebackup: %w: %s", err, lastLines(out))
	}
	return nil
}

// copyRunning is copyFrom for binaries without pg_basebackup: it copies the files beneath a
// primary that runs on this machine. The name of a database is for the worker that brings
// slots to the standby.
func (l *local) copyRunning(ctx context.Context, primary *local, through string) error {
	conn, err := pgx.Connect(ctx, serverURL("127.0.0.1", primary.port, primary.password))
	if err != nil {
		return fmt.Errorf("begin a backup: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "SELECT pg_backup_start('standby', true)"); err != nil {
		return fmt.Errorf("begin a backup: %w", err)
	}
	if err := l.copyOf(primary.files.path("data")); err != nil {
		return err
	}
	var label string
	if err := conn.QueryRow(ctx, "SELECT labelfile FROM pg_backup_stop(false)").Scan(&label); err != nil {
		return fmt.Errorf("end a backup: %w", err)
	}

	data := l.files.path("data")
	own, err := os.ReadFile(filepath.Join(data, "postgresql.auto.conf"))
	if err != nil {
		return fmt.Errorf("read the copy's settings: %w", err)
	}
	slots, _ := filepath.Glob(filepath.Join(data, "pg_replslot", "*"))
	for _, path := range append(slots, filepath.Join(data, "postmaster.pid")) {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("make the copy a standby: %w", err)
		}
	}
	for name, text := range map[string]string{
		"backup_label": label, "standby.signal": "",
		"postgresql.auto.conf": string(own) + fmt.Sprintf("primary_conninfo = '%s'\n", through),
	} {
		if err := l.account.writeFile(filepath.Join(data, name), text); err != nil {
			return err
		}
	}
	return nil
}

// Promote makes a standby a server of its own, which begins a new timeline.
func (s *Server) Promote(ctx context.Context) error {
	pool, err := s.maintenance()
	if err != nil {
		return err
	}
	var promoted bool
	if err := pool.QueryRow(ctx, "SELECT pg_promote()").Scan(&promoted); err != nil {
		return fmt.Errorf("promote the standby: %w", err)
	}
	if !promoted {
		return errors.New("promote the standby: it did not end its recovery within a minute")
	}
	return nil
}
