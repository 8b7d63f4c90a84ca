package cdc

import (
	"context"
	"errors"

	"github.com/crmmind/mksync/coded"
)

// Finding is the result of one check.
type Finding struct {
	Name   string
	OK     bool
	Detail coded.Text
	Do     coded.Text // what to do; nothing when OK
}

// Check looks at everything the listener needs and changes nothing. What cannot
// be looked at because an earlier finding is bad is left out.
func Check(ctx context.Context, cfg Config) []Finding {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return []Finding{bad("configuration", err)}
	}

	conn, err := connect(ctx, cfg, false)
	if err != nil {
		return []Finding{bad("connection", err)}
	}
	defer closeConn(conn)

	found := []Finding{{Name: "connection", OK: true, Detail: coded.Say("doctor.server.postgres", "Postgres {version}", conn.ParameterStatus("server_version"))}}
	found = append(found, checkReplication(ctx, cfg))

	f, err := loadFacts(ctx, conn, cfg)
	if err != nil {
		return append(found, bad("catalogs", err))
	}
	for _, r := range requirements {
		if p := r.problem(cfg, f); p != nil {
			found = append(found, bad(r.name, p))
			if r.name == "table" {
				break // the rest speaks of the table
			}
			continue
		}
		if detail := r.detail(cfg, f); !detail.IsZero() {
			found = append(found, Finding{Name: r.name, OK: true, Detail: detail})
		}
	}
	return found
}

// checkReplication opens a replication connection: roles can have the right by
// more than one way, so the attempt is the only sure test.
func checkReplication(ctx context.Context, cfg Config) Finding {
	conn, err := connect(ctx, cfg, true)
	if err != nil {
		return bad("replication right", err)
	}
	closeConn(conn)
	return Finding{Name: "replication right", OK: true, Detail: coded.Say("doctor.replication.granted", "granted")}
}

func bad(name string, err error) Finding {
	var setup *SetupError
	if errors.As(err, &setup) {
		return Finding{Name: name, Detail: setup.What, Do: setup.Do}
	}
	return Finding{Name: name, Detail: coded.Of(err), Do: coded.Say("doctor.connection.do", "correct the database URL or start Postgres")}
}
