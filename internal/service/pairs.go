package service

import (
	"context"
	"fmt"
	"strings"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/pgsession"
)

// ReadPairs reads the pairs of ids that a table of the CRM's database holds; choose picks
// its columns, and blank counts the rows that lack one of the two.
func ReadPairs(ctx context.Context, cfg config.Config, table string, choose func(columns []string) (contact, partner string, err error)) (pairs [][2]string, blank int, err error) {
	conn, err := pgsession.Connect(ctx, cfg.DatabaseURL.Reveal())
	if err != nil {
		return nil, 0, config.ExplainDatabase(cfg, fmt.Errorf("open database: %w", err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	beside, _, qualified := strings.Cut(cfg.ContactsTable, ".")
	if !qualified {
		beside = "public"
	}
	return pgstore.ReadPairs(ctx, conn, table, beside, cfg.Schema, choose)
}
