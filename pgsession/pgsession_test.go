package pgsession_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/pgsession"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// odd are settings with which nearly everything would go wrong, as a role, a database
// or a server may have them.
var odd = map[string]string{
	"client_encoding": "LATIN2", "DateStyle": "German", "IntervalStyle": "sql_standard", "TimeZone": "America/Caracas",
	"extra_float_digits": "-15", "bytea_output": "escape", "standard_conforming_strings": "off",
	"default_transaction_isolation": "serializable", "default_transaction_read_only": "on", "default_transaction_deferrable": "on", "row_security": "on",
	"synchronous_commit": "off", "search_path": "public, pg_catalog", "statement_timeout": "150ms", "lock_timeout": "1ms",
	"idle_in_transaction_session_timeout": "1ms", "idle_session_timeout": "2s", "tcp_keepalives_idle": "7200",
}

// oddRole is a role with such settings; its address has some more of them.
func oddRole(t *testing.T, database string) string {
	t.Helper()
	role := testenv.SlotName(t)
	testenv.Exec(t, database, "CREATE ROLE "+role+" SUPERUSER LOGIN REPLICATION PASSWORD 'x'")
	t.Cleanup(func() {
		testenv.Exec(t, database, "DROP OWNED BY "+role)
		testenv.Exec(t, database, "DROP ROLE "+role)
	})
	for name, value := range odd {
		if name == "search_path" {
			testenv.Exec(t, database, "ALTER ROLE "+role+" SET search_path = "+value)
			continue
		}
		testenv.Exec(t, database, "ALTER ROLE "+role+" SET "+name+" = '"+value+"'")
	}
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "x")
	q := u.Query()
	q.Set("pool_max_conns", "7")
	q.Set("datestyle", "SQL")
	u.RawQuery = q.Encode()
	return u.String()
}

// TestSessionsDoNotDependOnTheRole: what the role, the database or the address sets does
// not reach a session of mksync's, be it for statements or for the log.
func TestSessionsDoNotDependOnTheRole(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	address := oddRole(t, database)
	testenv.Exec(t, database, "CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'not this one' $$")
	for _, replication := range []string{"", "database"} {
		pc, err := pgconn.ParseConfig(address)
		require.NoError(t, err)
		if replication != "" {
			pc.RuntimeParams["replication"] = replication
		}
		pgsession.Prepare(pc)
		conn, err := pgconn.ConnectConfig(t.Context(), pc)
		require.NoError(t, err)
		ask := func(sql string) string {
			results, err := conn.Exec(t.Context(), sql).ReadAll()
			require.NoError(t, err)
			return string(results[0].Rows[0][0])
		}
		bounded := map[string]string{"": "15s", "database": "0"}[replication]
		for name, want := range map[string]string{
			"application_name": "mksync", "client_encoding": "UTF8", "datestyle": "ISO, YMD", "intervalstyle": "postgres", "timezone": "UTC",
			"extra_float_digits": "3", "bytea_output": "hex", "standard_conforming_strings": "on",
			"default_transaction_isolation": "read committed", "default_transaction_read_only": "off", "default_transaction_deferrable": "off", "row_security": "off",
			"synchronous_commit": "local", "search_path": "public", "statement_timeout": "0", "lock_timeout": bounded,
			"idle_in_transaction_session_timeout": bounded, "idle_session_timeout": "0", "tcp_keepalives_idle": "5",
		} {
			if strings.HasPrefix(name, "idle_session") && ask("SHOW server_version_num") < "140000" {
				continue
			}
			require.Equal(t, want, ask("SHOW "+name), "%s of a session with replication=%q", name, replication)
		}
		require.Equal(t, "ana", ask("SELECT lower('ANA')"))
		require.Equal(t, "Špela", ask("SELECT 'Špela'"))
		require.NoError(t, conn.Close(t.Context()))
	}
}

// TestTextsOfADatabaseWithAnotherEncoding are the same in Go as in the database; one
// without an encoding gives its bytes.
func TestTextsOfADatabaseWithAnotherEncoding(t *testing.T) {
	t.Parallel()
	for encoding, bad := range map[string]string{"LATIN2": "", "SQL_ASCII": "\xe8"} {
		u, err := url.Parse(testenv.Server(t).URL())
		require.NoError(t, err)
		name := testenv.SlotName(t)
		testenv.Exec(t, u.String(), "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING '"+encoding+"' LC_COLLATE 'C' LC_CTYPE 'C'")
		t.Cleanup(func() { testenv.Exec(t, testenv.Server(t).URL(), "DROP DATABASE "+name+" WITH (FORCE)") })
		u.Path = "/" + name
		conn, err := pgsession.Connect(t.Context(), u.String())
		require.NoError(t, err)
		var got string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT $1::text", "Špela Črnigoj").Scan(&got))
		require.Equal(t, "Špela Črnigoj", got)
		if bad != "" {
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT $1::text", bad).Scan(&got))
			require.Equal(t, bad, got)
		}
		require.NoError(t, conn.Close(t.Context()))
	}
}

// TestAPoolerInTransactionModeIsRefused: a session's locks would silently not hold. One
// in session mode is as good as the server itself.
func TestAPoolerInTransactionModeIsRefused(t *testing.T) {
	t.Parallel()
	database := testenv.DB(t)
	for _, processes := range []int{1, 3} {
		p, address := startPooler(t, database, processes, false)
		_, err := pgsession.Connect(t.Context(), address)
		require.ErrorIs(t, err, pgsession.ErrPooled, "%d server processes", processes)
		for range processes { // nothing was set in a session that somebody else gets
			server := <-p.servers
			results, err := server.Exec(t.Context(), "SHOW row_security").ReadAll()
			require.NoError(t, err)
			require.Equal(t, "on", string(results[0].Rows[0][0]))
			defer func() { p.servers <- server }()
		}
	}
	_, address := startPooler(t, database, 3, true)
	conn, err := pgsession.Connect(t.Context(), address)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var off string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW row_security").Scan(&off))
	require.Equal(t, "off", off)
}

// pooler gives clients server processes: for a transaction, or for a session.
type pooler struct {
	session bool
	servers chan *pgconn.PgConn // those that are free
}

// startPooler is a small pooler for tests, and its address.
func startPooler(t *testing.T, database string, processes int, session bool) (*pooler, string) {
	t.Helper()
	p := &pooler{session: session, servers: make(chan *pgconn.PgConn, processes)}
	for range processes {
		conn, err := pgconn.Connect(t.Context(), database)
		require.NoError(t, err)
		p.servers <- conn
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	t.Cleanup(func() { // before the servers' connections are closed, which are given back at the end
		cancel()
		_ = listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.serve(ctx, client) })
		}
	})
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.Host = listener.Addr().String()
	u.RawQuery = "sslmode=disable"
	return p, u.String()
}

func (p *pooler) serve(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	defer stop()
	front := pgproto3.NewBackend(client, client)
	if _, err := front.ReceiveStartupMessage(); err != nil {
		return
	}
	front.Send(&pgproto3.AuthenticationOk{})
	front.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	front.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	front.Send(&pgproto3.BackendKeyData{ProcessID: 4711, SecretKey: []byte{1, 2, 3, 4}})
	front.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	var server *pgconn.PgConn
	defer func() {
		if server != nil {
			_, _ = server.Exec(context.Background(), "ROLLBACK").ReadAll()
			p.servers <- server
		}
	}()
	for front.Flush() == nil {
		msg, err := front.Receive()
		if err != nil {
			return
		}
		if _, ended := msg.(*pgproto3.Terminate); ended {
			return
		}
		if server == nil {
			select {
			case server = <-p.servers:
			case <-ctx.Done():
				return
			}
		}
		back := server.Frontend()
		back.Send(msg)
		if !asksForAll(msg) {
			continue
		}
		idle, err := relay(back, front)
		if err != nil {
			return
		}
		if idle && !p.session {
			p.servers <- server
			server = nil
		}
	}
}

func asksForAll(msg pgproto3.FrontendMessage) bool {
	switch msg.(type) {
	case *pgproto3.Query, *pgproto3.Sync:
		return true
	}
	return false
}

// relay passes a server's answers on, to the last; idle: no transaction is open.
func relay(back *pgproto3.Frontend, front *pgproto3.Backend) (idle bool, err error) {
	if err := back.Flush(); err != nil {
		return false, err
	}
	for {
		msg, err := back.Receive()
		if err != nil {
			return false, err
		}
		front.Send(msg)
		gone := front.Flush()
		if ready, ok := msg.(*pgproto3.ReadyForQuery); ok { // also where the client is gone
			return ready.TxStatus == 'I', gone
		}
	}
}
