package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// withConn runs f with a connection of its own.
func withConn(ctx context.Context, url string, f func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return f(conn)
}

// withRow reads one row.
func withRow(ctx context.Context, url, sql string, into ...any) error {
	return withConn(ctx, url, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(into...) })
}

// execute runs one statement.
func execute(ctx context.Context, url, sql string, args ...any) error {
	return withConn(ctx, url, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	})
}
