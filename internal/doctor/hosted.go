package doctor

import (
	"net"
	"slices"
	"strings"
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

var poolerHint = Hint{
	Title: "this looks like the address of a connection pooler",
	Lines: []string{
		"pooler ports do not support replication (PgBouncer 6432, Supabase's pooler 6543 and 5432, Neon's -pooler hosts, RDS Proxy)",
		"let MKSYNC_DATABASE_URL name the server itself: its own host, usually port 5432",
		"Supabase: db.<project>.supabase.co:5432 (IPv6, or the IPv4 add-on); Neon: the host without -pooler; RDS: the instance's endpoint",
	},
}

var hostedHints = map[site]Hint{
	siteSupabase: {
		Title: "this is Supabase",
		Lines: []string{
			"wal_level is logical there already; connect directly (db.<project>.supabase.co:5432), for the poolers do not support replication",
			"the role postgres may replicate; give another role the right with: ALTER ROLE <role> REPLICATION",
			"row level security hides rows from every role but the table's owner and those with BYPASSRLS",
		},
	},
	siteRDS: {
		Title: "this is Amazon RDS or Aurora",
		Lines: []string{
			"set rds.logical_replication = 1 in the instance's (Aurora: cluster's) parameter group and reboot; wal_level follows",
			"there is no ALTER ROLE ... REPLICATION; run as the master user: GRANT rds_replication TO <role>",
			"connect to the instance's (Aurora: the cluster's writer) endpoint; RDS Proxy does not support replication",
		},
	},
	siteCloudSQL: {
		Title: "this is Google Cloud SQL",
		Lines: []string{
			"set the flag cloudsql.logical_decoding = on and restart the instance; wal_level follows",
			"run as a user of the role cloudsqlsuperuser: ALTER USER <role> WITH REPLICATION",
		},
	},
	siteAzure: {
		Title: "this is Azure Database for PostgreSQL",
		Lines: []string{
			"set the server parameter wal_level = logical and restart the server",
			"run as the administrator: ALTER ROLE <role> WITH REPLICATION",
			"connect to port 5432; 6432 is the built-in PgBouncer, which does not support replication",
		},
	},
	siteNeon: {
		Title: "this is Neon",
		Lines: []string{
			"turn on logical replication in the project's settings; wal_level follows",
			"roles made in Neon's console may replicate; connect to the host without -pooler",
		},
	},
}

var anyHostHint = Hint{
	Title: "on a hosted Postgres the provider's settings decide",
	Lines: []string{
		"Amazon RDS and Aurora: rds.logical_replication = 1 in the parameter group, reboot; GRANT rds_replication TO <role>",
		"Google Cloud SQL: cloudsql.logical_decoding = on, restart; ALTER USER <role> WITH REPLICATION",
		"Azure: server parameter wal_level = logical, restart. Supabase: connect directly. Neon: turn on logical replication",
		"pooler ports (6432, 6543, hosts with \"pooler\") do not support replication",
	},
}
