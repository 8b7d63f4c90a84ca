package doctor

import (
	"net"
	"slices"
	"strings"

	"github.com/crmmind/mksync/coded"
)

// site is who runs a Postgres.
type site string

const (
	siteUnknown  site = ""
	siteSupabase site = "Supabase"
	siteRDS      site = "Amazon RDS"
	siteCloudSQL site = "Google Cloud SQL"
	siteAzure    site = "Azure"
	siteNeon     site = "Neon"
)

// server is what is known of where the database is. Marks are settings and
// roles by which a hosted server can be told, also behind a tunnel.
type server struct {
	host  string
	port  uint16
	marks []string
	// noReplication: it does not know the parameter that asks for replication, as
	// poolers do not.
	noReplication bool
}

const (
	markRDS      = "rds.logical_replication"
	markCloudSQL = "cloudsql.logical_decoding"
	markAzure    = "azure.extensions"
	markNeon     = "neon.timeline_id"
	markSupabase = "supabase_admin"
)

// site goes by the marks, then by the host's name.
func (s server) site() site {
	for _, known := range []struct {
		site    site
		mark    string
		domains []string
	}{
		{siteSupabase, markSupabase, []string{".supabase.co", ".supabase.com"}},
		{siteRDS, markRDS, []string{".rds.amazonaws.com", ".rds.amazonaws.com.cn"}},
		{siteCloudSQL, markCloudSQL, nil},
		{siteAzure, markAzure, []string{".postgres.database.azure.com", ".postgres.cosmos.azure.com"}},
		{siteNeon, markNeon, []string{".neon.tech"}},
	} {
		named := slices.ContainsFunc(known.domains, func(d string) bool { return strings.HasSuffix(s.host, d) })
		if named || slices.Contains(s.marks, known.mark) {
			return known.site
		}
	}
	return siteUnknown
}

// pooled reports an address that looks like a connection pooler's.
func (s server) pooled() bool {
	return s.noReplication || s.port == 6543 || s.port == 6432 || strings.Contains(s.host, "pooler") ||
		strings.Contains(s.host, ".proxy-")
}

func (s server) local() bool {
	ip := net.ParseIP(s.host)
	return s.host == "localhost" || strings.HasPrefix(s.host, "/") || (ip != nil && ip.IsLoopback())
}

// hints are what fits the findings that failed, by name.
func (s server) hints(failed []string) []Hint {
	has := func(name string) bool { return slices.Contains(failed, name) }
	var hints []Hint
	if s.pooled() && (has(nameConnection) || has(nameReplication)) {
		hints = append(hints, poolerHint)
	}
	if !has(nameWALLevel) && !has(nameReplication) && !has(nameSecurity) {
		return hints
	}
	if hint, known := hostedHints[s.site()]; known {
		return append(hints, hint)
	}
	if s.local() || (!has(nameWALLevel) && !has(nameReplication)) {
		return hints
	}
	return append(hints, anyHostHint)
}

var poolerHint = hint(
	coded.Say("doctor.hint.pooler.title", "this looks like the address of a connection pooler"),
	coded.Say("doctor.hint.pooler.line1", "pooler ports do not support replication (PgBouncer 6432, Supabase's pooler 6543 and 5432, Neon's -pooler hosts, RDS Proxy)"),
	coded.Say("doctor.hint.pooler.line2", "let MKSYNC_DATABASE_URL name the server itself: its own host, usually port 5432"),
	coded.Say("doctor.hint.pooler.line3", "Supabase: db.<project>.supabase.co:5432 (IPv6, or the IPv4 add-on); Neon: the host without -pooler; RDS: the instance's endpoint"),
)

var hostedHints = map[site]Hint{
	siteSupabase: hint(
		coded.Say("doctor.hint.supabase.title", "this is Supabase"),
		coded.Say("doctor.hint.supabase.line1", "wal_level is logical there already; connect directly (db.<project>.supabase.co:5432), for the poolers do not support replication"),
		coded.Say("doctor.hint.supabase.line2", "the role postgres may replicate; give another role the right with: ALTER ROLE <role> REPLICATION"),
		coded.Say("doctor.hint.supabase.line3", "row level security hides rows from every role but the table's owner and those with BYPASSRLS"),
	),
	siteRDS: hint(
		coded.Say("doctor.hint.rds.title", "this is Amazon RDS or Aurora"),
		coded.Say("doctor.hint.rds.line1", "set rds.logical_replication = 1 in the instance's (Aurora: cluster's) parameter group and reboot; wal_level follows"),
		coded.Say("doctor.hint.rds.line2", "there is no ALTER ROLE ... REPLICATION; run as the master user: GRANT rds_replication TO <role>"),
		coded.Say("doctor.hint.rds.line3", "connect to the instance's (Aurora: the cluster's writer) endpoint; RDS Proxy does not support replication"),
	),
	siteCloudSQL: hint(
		coded.Say("doctor.hint.cloud_sql.title", "this is Google Cloud SQL"),
		coded.Say("doctor.hint.cloud_sql.line1", "set the flag cloudsql.logical_decoding = on and restart the instance; wal_level follows"),
		coded.Say("doctor.hint.cloud_sql.line2", "run as a user of the role cloudsqlsuperuser: ALTER USER <role> WITH REPLICATION"),
	),
	siteAzure: hint(
		coded.Say("doctor.hint.azure.title", "this is Azure Database for PostgreSQL"),
		coded.Say("doctor.hint.azure.line1", "set the server parameter wal_level = logical and restart the server"),
		coded.Say("doctor.hint.azure.line2", "run as the administrator: ALTER ROLE <role> WITH REPLICATION"),
		coded.Say("doctor.hint.azure.line3", "connect to port 5432; 6432 is the built-in PgBouncer, which does not support replication"),
	),
	siteNeon: hint(
		coded.Say("doctor.hint.neon.title", "this is Neon"),
		coded.Say("doctor.hint.neon.line1", "turn on logical replication in the project's settings; wal_level follows"),
		coded.Say("doctor.hint.neon.line2", "roles made in Neon's console may replicate; connect to the host without -pooler"),
	),
}

var anyHostHint = hint(
	coded.Say("doctor.hint.any_host.title", "on a hosted Postgres the provider's settings decide"),
	coded.Say("doctor.hint.any_host.line1", "Amazon RDS and Aurora: rds.logical_replication = 1 in the parameter group, reboot; GRANT rds_replication TO <role>"),
	coded.Say("doctor.hint.any_host.line2", "Google Cloud SQL: cloudsql.logical_decoding = on, restart; ALTER USER <role> WITH REPLICATION"),
	coded.Say("doctor.hint.any_host.line3", "Azure: server parameter wal_level = logical, restart. Supabase: connect directly. Neon: turn on logical replication"),
	coded.Say("doctor.hint.any_host.line4", "pooler ports (6432, 6543, hosts with \"pooler\") do not support replication"),
)

// hint makes one.
func hint(title coded.Text, lines ...coded.Text) Hint {
	h := Hint{Title: title.String(), Heading: title, Says: lines}
	for _, line := range lines {
		h.Lines = append(h.Lines, line.String())
	}
	return h
}
