package pgstore

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Statements name mksync's tables without a schema. Here, and nowhere else, they get the
// schema that the tables are in. The session's search_path stays the role's: it is what
// the triggers of the contacts table see, and the CRM may have a table of one of our names.

// ownNames begin the names of mksync's tables.
var ownNames = [...]string{"mksync_", "metakocka_contact_mappings"}

// own is a statement with mksync's tables in the schema. A name in quotes is the CRM's, and
// one before a point is a schema's, or a table's that the statement has named.
func own(schema, sql string) string {
	var b strings.Builder
	for {
		at := -1
		for _, name := range ownNames {
			if i := strings.Index(sql, name); i >= 0 && (at < 0 || i < at) {
				at = i
			}
		}

		if at < 0 {
			break
		}

		// A name that goes on behind its first part, as metakocka_contact_mappings_partner does, is whole.
		end := at
		for end < len(sql) && !begins(sql[end]) && sql[end] != '.' {
			end++
		}

		b.WriteString(sql[:at])
		if (at == 0 || begins(sql[at-1])) && (end == len(sql) || sql[end] != '.') {
			b.WriteString(schema + ".")
		}
		b.WriteString(sql[at:end])
		sql = sql[end:]
	}
	b.WriteString(sql)
	return b.String()
}

// begins tells whether a name may begin behind c.
func begins(c byte) bool {
	return c != '.' && c != '"' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c < 0x80
}

// database is what takes statements: a pool, a connection, or a transaction on it.
type database interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Begin(ctx context.Context) (pgx.Tx, error)
}

// naming names the schema in statements. Each text is looked through once: for the longest
// that takes as long as a twentieth of a round trip.
type naming struct {
	schema string
	mu     sync.RWMutex // guards texts
	texts  map[string]string
}

// mostTexts bounds what is remembered. All statements there are come to some hundreds.
const mostTexts = 2000

// own is own, remembered.
func (n *naming) own(sql string) string {
	n.mu.RLock()
	text, there := n.texts[sql]
	n.mu.RUnlock()
	if there {
		return text
	}

	text = own(n.schema, sql)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.texts == nil || len(n.texts) >= mostTexts {
		n.texts = map[string]string{}
	}
	n.texts[sql] = text
	return text
}

// statements are given to a database with mksync's tables in the schema.
type statements struct {
	on database
	*naming
}

// over is a connection that is no store's, to be asked about mksync's tables in the schema.
func over(conn *pgx.Conn, schema string) statements {
	return statements{conn, &naming{schema: schema}}
}

func (s statements) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return s.on.Exec(ctx, s.own(sql), args...)
}

func (s statements) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return s.on.Query(ctx, s.own(sql), args...)
}

func (s statements) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return s.on.QueryRow(ctx, s.own(sql), args...)
}

func (s statements) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	for _, q := range b.QueuedQueries {
		q.SQL = s.own(q.SQL)
	}
	return s.on.SendBatch(ctx, b)
}

func (s statements) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := s.on.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return ownTx{begun{tx}, statements{tx, s.naming}}, nil
}

// ownPool, ownConn and ownTx are those of pgx, whose own ways to give a statement lie a
// step deeper and are not met.
type (
	ownPool struct {
		statements
		of *pgxpool.Pool
	}
	ownConn struct {
		acquired
		statements
	}
	ownTx struct {
		begun
		statements
	}
	acquired struct{ *pooled }
	pooled   = pgxpool.Conn // whose name would hide its method Conn
	begun    struct{ pgx.Tx }
)

func newPool(of *pgxpool.Pool, schema string) ownPool {
	return ownPool{statements{of, &naming{schema: schema}}, of}
}

// Acquire takes a connection, to be released.
func (p ownPool) Acquire(ctx context.Context) (*ownConn, error) {
	c, err := p.of.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return &ownConn{acquired{c}, statements{c, p.naming}}, nil
}

// with calls use with a connection.
func (p ownPool) with(ctx context.Context, use func(*ownConn) error) error {
	conn, err := p.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("reach the CRM's database: %w", err)
	}
	defer conn.Release()
	return use(conn)
}
