package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
)

// tableInterval is how often the columns of the contacts table are looked at.
const tableInterval = 30 * time.Second

// watchTable notices columns that come and go, and says which fields are synced
// from then on. It ends the process where the database is another one than before.
func (s *Service) watchTable(ctx context.Context) error {
	interval := tableInterval
	if s.Pace.Look > 0 {
		interval = s.Pace.Look
	}

	tick := time.NewTicker(interval)
	defer tick.Stop()

	once := syncer.LogOnce{Log: s.log}
	for fields := s.Store.Fields(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}

		// A database that was put in the place of ours ends the service; one that is away does not.
		err := s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return s.ours(ctx, conn.Conn()) })
		if errors.Is(err, cdc.ErrSystemChanged) {
			return config.ExplainDatabase(s.Config, err)
		}

		err = s.Store.Refresh(ctx)
		once.Warn(ctx, "the contacts table cannot be worked with", err)
		if err != nil {
			continue
		}

		if change := s.fieldChange(fields, s.Store.Fields()); change != "" {
			s.log.Warn("the columns of the contacts table changed", "change", change)
		}
		fields = s.Store.Fields()
	}
}

// fieldChange says which fields are synced no longer, or from now on.
func (s *Service) fieldChange(old, now []mapping.Field) string {
	var said []string
	for _, f := range mapping.Fields() {
		had, has := slices.Contains(old, f), slices.Contains(now, f)
		switch {
		case had && !has:
			said = append(said, fmt.Sprintf("column %s is gone, %s is no longer synced", s.columnsOf(f), f))
		case has && !had:
			said = append(said, fmt.Sprintf("column %s is there, %s is synced from now on", s.columnsOf(f), f))
		}
	}
	return strings.Join(said, "; ")
}

// columnsGone are the fields that are not synced because the table lacks a column that the
// configuration names. One that merely goes by its own name may be meant to be missing.
func columnsGone(cfg config.Config, synced []mapping.Field) []string {
	var gone []string
	for _, f := range mapping.Fields() {
		at := cfg.Fields[f]
		names := slices.Concat(at.Names(f), at.Also)
		meant := at.Direction == mapping.DirectionOff || f.GoesByItsName(names)
		if !meant && !slices.Contains(synced, f) {
			gone = append(gone, fmt.Sprintf("%s (%s)", f, strings.Join(names, ", ")))
		}
	}
	return gone
}

func (s *Service) columnsOf(f mapping.Field) string {
	return strings.Join(s.Config.Fields[f].Names(f), " or ")
}
