package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
)

func titles(hints []Hint) []string {
	var list []string
	for _, h := range hints {
		list = append(list, h.Title)
	}
	return list
}

func TestHintsFitHostAndFinding(t *testing.T) {
	t.Parallel()
	wal, replication := []string{nameWALLevel}, []string{nameReplication}
	pooler := poolerHint.Title
	for name, c := range map[string]struct {
		server server
		failed []string
		titles []string
	}{
		"nothing failed":        {server{host: "db.abc.supabase.co", port: 5432}, nil, nil},
		"something else failed": {server{host: "db.abc.supabase.co", port: 5432}, []string{nameKey}, nil},
		"supabase":              {server{host: "db.abc.supabase.co", port: 5432}, replication, []string{"this is Supabase"}},
		"supabase pooler":       {server{host: "aws-0-eu.pooler.supabase.com", port: 6543}, replication, []string{pooler, "this is Supabase"}},
		"pooler, no connection": {server{host: "10.0.0.5", port: 6432}, []string{nameConnection}, []string{pooler}},
		"pooler by its answer":  {server{host: "db.internal", port: 5432, noReplication: true}, replication, []string{pooler, anyHostHint.Title}},
		"supabase, hidden rows": {server{host: "localhost", marks: []string{markSupabase}}, []string{nameSecurity}, []string{"this is Supabase"}},
		"rds by name":           {server{host: "crm.c1.eu-central-1.rds.amazonaws.com"}, wal, []string{"this is Amazon RDS or Aurora"}},
		"rds behind a tunnel":   {server{host: "127.0.0.1", marks: []string{markRDS}}, wal, []string{"this is Amazon RDS or Aurora"}},
		"cloud sql":             {server{host: "10.1.2.3", marks: []string{markCloudSQL}}, wal, []string{"this is Google Cloud SQL"}},
		"azure":                 {server{host: "x.postgres.database.azure.com"}, wal, []string{"this is Azure Database for PostgreSQL"}},
		"neon":                  {server{host: "ep-x-pooler.eu.aws.neon.tech"}, replication, []string{pooler, "this is Neon"}},
		"own machine":           {server{host: "localhost", port: 5432}, wal, nil},
		"own socket":            {server{host: "/var/run/postgresql", port: 5432}, wal, nil},
		"some other host":       {server{host: "db.example.com", port: 5432}, wal, []string{anyHostHint.Title}},
		"other host, hidden":    {server{host: "db.example.com", port: 5432}, []string{nameSecurity}, nil},
	} {
		require.Equal(t, c.titles, titles(c.server.hints(c.failed)), name)
	}
}

func TestSecretsAreTakenOut(t *testing.T) {
	t.Parallel()
	r := newRedactor(Config{
		Database:  Database{URL: "postgres://u:p%40ssword-long@host/db"},
		NATS:      NATS{URL: "nats://tokentokentoken@a:4222, nats://me:secretsecret@b:4222"},
		MetaKocka: MetaKocka{SecretKey: "key-key-key-key"},
	})
	for _, secret := range []string{"p@ssword-long", "p%40ssword-long", "tokentokentoken", "secretsecret", "key-key-key-key"} {
		f := r.clean(fail("x", coded.Say("doctor.x", "said {words}", secret+"\n so"), verbatim(secret)))
		require.Equal(t, "[secret]", f.Remedy.Params["values"])
		require.Equal(t, "said [secret] so", f.Detail)
		require.Equal(t, "[secret]", f.Do)
	}
	require.Equal(t, `parse "nats://[secret]@host"`, r.text(`parse "nats://me:short@host"`))
	require.Equal(t, "mail a@b.si", r.text("mail a@b.si"))
}

func TestLinesAreAligned(t *testing.T) {
	t.Parallel()
	require.Equal(t, "ok    wal_level              logical", ok("wal_level", verbatim("logical")).Line())
	require.Equal(t, "FAIL  max_replication_slots  all in use -> drop one", fail("max_replication_slots", verbatim("all in use"), verbatim("drop one")).Line())
}
