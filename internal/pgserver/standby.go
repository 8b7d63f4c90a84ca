package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
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
	if err := l.create(ctx, func(ctx context.Context) error { return l.copyFrom(ctx, through) }); err != nil {
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
