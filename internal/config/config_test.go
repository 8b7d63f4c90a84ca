package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// problems are the lines that a configuration is refused with.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var configErr *InvalidError
	require.ErrorAs(t, err, &configErr)
	lines := make([]string, 0, len(configErr.Problems))
	for _, p := range configErr.Problems {
		lines = append(lines, p.String())
	}
	return lines
}

func TestNothingSetGivesTheDefaults(t *testing.T) {
	t.Parallel()
	config, err := Load("", nil)
	require.NoError(t, err)
	require.Equal(t, Default(), config)
	require.Equal(t, "https://main.metakocka.si/rest/eshop/v1", config.MetaKockaURL)
	require.Equal(t, 2, config.MetaKockaConcurrency)
	require.Equal(t, 60*time.Second, config.PollInterval)
	require.Equal(t, 10*time.Second, config.MetaKockaSettle)
	require.Equal(t, "unlink", config.DeletePolicy)
	require.NoError(t, config.Policy().Validate())
}

func TestEnvironmentWinsOverTheFile(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "mksync.yaml", "poll_interval: 5m\nmax_deletes: 7\nauto_import: yes\ncontacts_max_age: 2d\nstream_max_bytes: 1.5GiB\n")
	config, err := Load("", []string{
		"MKSYNC_CONFIG=" + path, "MKSYNC_POLL_INTERVAL=30s", "MKSYNC_MAX_DELETES=", "POLL_INTERVAL=1h",
	})
	require.NoError(t, err)
	require.Equal(t, 30*time.Second, config.PollInterval)
	require.Equal(t, 7, config.MaxDeletes, "an empty variable counts as not set")
	require.True(t, config.AutoImport)
	require.Equal(t, 48*time.Hour, config.ContactsMaxAge)
	require.Equal(t, ByteSize(1.5*(1<<30)), config.StreamMaxBytes)
}

func TestSecretsAreReadFromFiles(t *testing.T) {
	t.Parallel()
	secret := writeFile(t, "key", "k-123\n")
	token := writeFile(t, "token", "t-456-t-456-t-456")
	path := writeFile(t, "mksync.yaml", "metakocka_secret_key: old\napi_token_file: "+token+"\n")
	config, err := Load(path, []string{"MKSYNC_METAKOCKA_SECRET_KEY_FILE=" + secret})
	require.NoError(t, err)
	require.Equal(t, "k-123", config.MetaKockaSecretKey.Reveal())
	require.Equal(t, "t-456-t-456-t-456", config.APIToken.Reveal())

	_, err = Load("", []string{
		"MKSYNC_API_TOKEN=a-token-of-16-or-more", "MKSYNC_API_TOKEN_FILE=" + token,
		"MKSYNC_METAKOCKA_SECRET_KEY_FILE=" + writeFile(t, "empty", "\n"),
		"MKSYNC_DATABASE_URL_FILE=" + filepath.Join(t.TempDir(), "missing"),
	})
	lines := problems(t, err)
	require.Len(t, lines, 3)
	require.Contains(t, lines[0], "MKSYNC_DATABASE_URL_FILE: open ")
	require.Regexp(t, `^MKSYNC_METAKOCKA_SECRET_KEY_FILE: the file .* is empty$`, lines[1])
	require.Equal(t, "MKSYNC_API_TOKEN: set together with MKSYNC_API_TOKEN_FILE; keep one of the two", lines[2])
}

func TestEveryProblemIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "mksync.yaml", `
pol_interval: 60s
http_addr: nonsense
max_deletes: many
max_deletes: 3
conflict_rule: [newest]
fields:
  name: {direction: off}
  e_mail: {column: mail}
  phone: {colum: mobile, direction: sideways}
  email: {column: shared}
  notes: {column: shared}
filter:
  - status: {a: b}
  - kind: [a, null]
`)
	_, err := Load(path, []string{
		"MKSYNC_METAKOCKA_SECRET=x", "MKSYNC_POLL_INTERVAL=60", "MKSYNC_DELETE_POLICY=anonymise",
		"MKSYNC_METAKOCKA_URL=main.metakocka.si", "MKSYNC_SLOT=My-Slot", "MKSYNC_METAKOCKA_TIMEOUT=-1s",
	}, NeedDatabase, NeedMetaKocka)
	require.Equal(t, []string{
		"mksync.yaml line 5: max_deletes: given twice",
		"mksync.yaml line 2: pol_interval: unknown key; did you mean poll_interval?",
		"mksync.yaml line 6: conflict_rule: expected a single value",
		`mksync.yaml line 4: max_deletes: "many" is not a whole number`,
		"mksync.yaml line 9: fields.e_mail: unknown field; did you mean email?",
		"mksync.yaml line 10: fields.phone.colum: unknown key; did you mean column?",
		"mksync.yaml line 14: filter.status: expected a value, a list of values, null or `not null`",
		"mksync.yaml line 15: filter.kind: a list holds single values, and no null",
		"MKSYNC_METAKOCKA_TIMEOUT: a duration cannot be negative",
		`MKSYNC_POLL_INTERVAL: "60" is not a duration such as 500ms, 60s, 5m or 30d`,
		"MKSYNC_METAKOCKA_SECRET: unknown variable; did you mean MKSYNC_METAKOCKA_SECRET_KEY?",
		"MKSYNC_DATABASE_URL (in the file: database_url): missing; set it to the CRM's Postgres, postgres://user:password@host:5432/crm",
		"MKSYNC_METAKOCKA_COMPANY_ID (in the file: metakocka_company_id): missing; set it to the company's id in MetaKocka",
		"MKSYNC_METAKOCKA_SECRET_KEY (in the file: metakocka_secret_key): missing; set it, or MKSYNC_METAKOCKA_SECRET_KEY_FILE, to the company's API key in MetaKocka",
		`MKSYNC_SLOT: "My-Slot" is not a slot name: lower-case letters, digits and _, at most 63`,
		"MKSYNC_METAKOCKA_URL: not an address such as https://main.metakocka.si/rest/eshop/v1",
		`MKSYNC_DELETE_POLICY: "anonymise" is not one of unlink, deactivate, anonymize; did you mean anonymize?`,
		`mksync.yaml line 3: http_addr: "nonsense" is not an address such as 127.0.0.1:8080`,
		"mksync.yaml line 8: fields.name.direction: the name cannot be off: a partner needs one",
		`mksync.yaml line 10: fields.phone.direction: "sideways" is not one of both, to_metakocka, to_crm, off`,
		"mksync.yaml line 12: fields.notes.column: the column shared is taken by email",
	}, problems(t, err))
	require.Contains(t, err.Error(), "the configuration has 21 problems:\n  mksync.yaml line 5: ")
}

func TestBrokenFilesAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a: [":                      "yaml",
		"- a\n- b\n":                "expected `key: value` lines",
		"slot: a\n---\nslot: b\n":   "more than one document",
		"filter: {status: active}":  "expected a list",
		"fields: [name]":            "fields: expected `key: value` lines",
		"fields:\n  name: full\n":   "fields.name: expected `key: value` lines",
		"nats_url: ftp://host:4222": "not a NATS address",
		"stream_replicas: 3":        "needs a NATS cluster",
	} {
		_, err := Load(writeFile(t, "mksync.yaml", text), nil)
		require.ErrorContains(t, err, want, text)
	}
	for _, text := range []string{"", "# nothing\n", "fields:\nfilter:\nslot:\n"} {
		config, err := Load(writeFile(t, "mksync.yaml", text), nil)
		require.NoError(t, err, text)
		require.Equal(t, Default(), config)
	}
	_, err := Load(filepath.Join(t.TempDir(), "missing.yaml"), nil)
	require.ErrorContains(t, err, "configuration file: open ")
}

func TestFieldsAndFilterAreRead(t *testing.T) {
	t.Parallel()
	config, err := Load(writeFile(t, "mksync.yaml", `
conflict_rule: crm
fields:
  phone: {column: mobile, direction: to_metakocka, rule: manual, keep_non_empty: true}
  website: {direction: off}
filter:
  - status: active
  - kind: [customer, 7]
    deleted_at: null
  - email: not null
  - notes: "not null"
`), nil)
	require.NoError(t, err)
	require.Equal(t, "mobile", config.Fields[mapping.FieldPhone].Column)
	policy := config.Policy()
	require.NoError(t, policy.Validate())
	require.Equal(t, mapping.FieldPolicy{
		Direction: mapping.DirectionToMetaKocka, Rule: mapping.RuleManual, KeepNonEmpty: true,
	}, policy.For(mapping.FieldPhone))
	require.Equal(t, mapping.DirectionOff, policy.For(mapping.FieldWebsite).Direction)
	require.Equal(t, mapping.RuleCRM, policy.For(mapping.FieldEmail).Rule)
	require.Equal(t, []Condition{
		{Column: "status", Values: []string{"active"}},
		{Column: "kind", Values: []string{"customer", "7"}},
		{Column: "deleted_at", Null: true},
		{Column: "email", NotNull: true},
		{Column: "notes", Values: []string{"not null"}},
	}, config.Filter)
}

func TestFieldsInSeveralColumnsAreRead(t *testing.T) {
	t.Parallel()
	config, err := Load(writeFile(t, "mksync.yaml", `
fields:
  name: {columns: [firstname, lastname], also: [full_name]}
  address: {columns: {street: address, city: city}}
filter:
  - organization_id: 5f0c
insert: {status: active, level: 3, organization_id: 5f0c}
`), nil)
	require.NoError(t, err)
	name, address := config.Fields[mapping.FieldName], config.Fields[mapping.FieldAddress]
	require.Equal(t, []string{"firstname", "lastname"}, name.Names(mapping.FieldName))
	require.Equal(t, []string{"full_name"}, name.Also)
	require.Equal(t, map[mapping.Part]string{mapping.PartStreet: "address", mapping.PartCity: "city"}, address.Columns)
	require.Equal(t, []mapping.Part{mapping.PartStreet, mapping.PartCity}, config.Policy().For(mapping.FieldAddress).Parts)
	require.Nil(t, config.Policy().For(mapping.FieldEmail).Parts)
	require.Equal(t, map[string]string{"status": "active", "level": "3", "organization_id": "5f0c"}, config.Insert)

	for text, want := range map[string]string{
		"fields:\n  email: {columns: [a, b]}\n":        "mksync.yaml line 2: fields.email.columns: only the name and the address can be in several columns",
		"fields:\n  name: {columns: [a]}\n":            "expected two columns, [given names, family name]",
		"fields:\n  name: {columns: {given: a}}\n":     "fields.name.columns: a name needs two columns",
		"fields:\n  address: {columns: {streat: a}}\n": "fields.address.columns.streat: unknown part; did you mean street?",
		"fields:\n  address: {columns: {}}\n":          "fields.address.columns: names no column",
		"fields:\n  name: {columns: [a, email]}\n":     "the column email is taken by name",
		"fields:\n  name: {also: email}\n":             "the column email is taken by name",
		"insert: {email: x}\n":                         "insert.email: the column email is the contact's email, which the partner gives",
		"insert: {id: x}\n":                            "insert.id: the key is made by the table, or by mksync",
		"insert: {kind: [x]}\n":                        "mksync.yaml line 1: insert.kind: expected a single value",
		"insert: {kind: x}\nfilter:\n  - kind: y\n":    "insert.kind: the filter does not take a contact with this value",
	} {
		_, err := Load(writeFile(t, "mksync.yaml", text), nil)
		require.ErrorContains(t, err, want, text)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const hidden = "hunter2-hunter2-hunter2"
	config, err := Load("", []string{
		"MKSYNC_DATABASE_URL=postgres://crm:" + hidden + "@db.test:5432/crm?password=" + hidden,
		"MKSYNC_NATS_URL=nats://" + hidden + "@nats.test:4222",
		"MKSYNC_METAKOCKA_SECRET_KEY=" + hidden, "MKSYNC_API_TOKEN=" + hidden,
	})
	require.NoError(t, err)
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("configuration", "config", config, "key", config.APIToken)
	}
	encoded, err := json.Marshal(config)
	require.NoError(t, err)
	out.Write(encoded)
	_, _ = fmt.Fprintf(&out, "%v %+v %#v %s %q %x", config, config, config, config.APIToken, config.APIToken, config.APIToken)
	_, _ = fmt.Fprint(&out, config.Redacted())
	require.NotContains(t, out.String(), hidden)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", hidden))
	require.Contains(t, out.String(), "postgres://db.test:5432/crm")
	require.Contains(t, out.String(), "nats://nats.test:4222")

	_, err = Load("", []string{
		"MKSYNC_DATABASE_URL=postgres://crm:" + hidden + "/@x:y:z/crm", "MKSYNC_NATS_URL=nats://" + hidden + " x",
		"MKSYNC_API_TOKEN=" + hidden + " x",
	})
	require.Len(t, problems(t, err), 3)
	require.NotContains(t, err.Error(), hidden)
}

// TestABareAtInAPasswordIsNotPrinted: what follows it would be taken for the host.
func TestABareAtInAPasswordIsNotPrinted(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://crm:half@tail@db.test:5432/crm", "postgres://crm:half@tail/more@db.test/crm", "postgresql://crm:ha/lf@tail@db.test/crm",
	} {
		config, err := Load("", []string{"MKSYNC_DATABASE_URL=" + address, "MKSYNC_NATS_URL=nats://crm:42/tail@nats.test"})
		lines := problems(t, err)
		require.Len(t, lines, 2)
		require.Contains(t, lines[0], "an @ as %40")
		require.NotContains(t, err.Error()+fmt.Sprint(config.Redacted()), "tail")
	}
	_, err := Load("", []string{"MKSYNC_DATABASE_URL=postgres://crm:half%40tail@db.test/crm?application_name=a@b"})
	require.NoError(t, err)
}

func TestAMissingCertificateIsNamed(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "root.crt")
	_, err := Load("", []string{"MKSYNC_DATABASE_URL=postgres://crm:half@db.test/crm?sslmode=verify-full&sslrootcert=" + missing})
	require.ErrorContains(t, err, "MKSYNC_DATABASE_URL: the file "+missing+", which it names, cannot be read: no such file")
	_, err = Load("", []string{"MKSYNC_DATABASE_URL=postgres://crm:half@db.test/crm?sslmode=verify-full&sslrootcert=" + writeFile(t, "root.crt", "nothing")})
	require.ErrorContains(t, err, "certificates in PEM")
	require.NotContains(t, err.Error(), "half")
}

func TestVariablesOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	_, err := Load("", []string{
		"MKSYNC_SERVICE_HOST=10.0.0.1", "MKSYNC_SERVICE_PORT_HTTP=80", "MKSYNC_PORT=tcp://10.0.0.1:80",
		"MKSYNC_WEB_PORT_80_TCP_ADDR=10.0.0.1", "MKSYNC_TEST_DATABASE_URL=x",
	})
	require.NoError(t, err)
	_, err = Load("", []string{"MKSYNC_SUPPORT=1"})
	require.Equal(t, []string{"MKSYNC_SUPPORT: unknown variable"}, problems(t, err))
}

func TestConfirmDelayOutlastsTheSyncInterval(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]time.Duration{
		"":                                     1500 * time.Millisecond,
		"MKSYNC_NATS_URL=nats://host":          150 * time.Second,
		"MKSYNC_NATS_SYNC_INTERVAL=0s":         0,
		"MKSYNC_NATS_SYNC_INTERVAL=10s":        12500 * time.Millisecond,
		"MKSYNC_NATS_SYNC_INTERVAL=500ms":      time.Second,
		"MKSYNC_NATS_URL=a:4222, nats://b:422": 150 * time.Second,
	} {
		config, err := Load("", []string{env})
		require.NoError(t, err, env)
		require.Equal(t, want, config.ConfirmDelay(), env)
	}
}

// The example shows the defaults and names every key.
func TestExampleFileIsTrue(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "mksync.example.yaml")
	config, err := Load(path, nil)
	require.NoError(t, err)
	require.NotEmpty(t, config.from)
	config.from = nil
	require.Equal(t, Default(), config)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, s := range settings(&config) {
		section, key := inSection(s.key)
		if section != "" {
			key = "  " + key
		}
		require.Regexp(t, `(?m)^(# )?`+key+`(_file)?:`, string(text))
	}

	// With its comments taken off, what is commented out is right, too.
	commented := regexp.MustCompile(`(?m)^# ((?:(?:  )?[a-z_]+:|  - ).*)$`)
	var lines []string
	for _, match := range commented.FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(match[1], "_file:") {
			lines = append(lines, match[1])
		}
	}
	config, err = Load(writeFile(t, "commented.yaml", strings.Join(lines, "\n")), nil)
	require.NoError(t, err)
	require.Len(t, config.Filter, 4)
	require.Equal(t, "1234", config.MetaKockaCompanyID)
	require.Len(t, config.Told().Channels(), 2)
}

// TestThePageOfSettingsIsTrue: docs/configuration.md names every setting and nothing
// else, with its default, and marks those that may be in a file.
func TestThePageOfSettingsIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	require.NoError(t, err)
	config, written, named := Default(), Default(), map[string]bool{}
	places := settings(&written)
	rows := regexp.MustCompile("(?m)^\\| `(MKSYNC_[A-Z_]+)`( ¹)? \\| (.*?) \\|").FindAllStringSubmatch(string(page), -1)
	for _, row := range rows {
		variable, marked, value := row[1], row[2] != "", row[3]
		i := slices.IndexFunc(places, func(s setting) bool { return Variable(s.key) == variable })
		require.GreaterOrEqual(t, i, 0, "there is no %s", variable)
		require.False(t, named[variable], "%s is there twice", variable)
		named[variable] = true
		require.Equal(t, places[i].isSecret(), marked, "%s: ¹ marks what may be in a file", variable)

		// A default that depends on something is told in words.
		if text := regexp.MustCompile("^`([^`]*)`$").FindStringSubmatch(value); text != nil {
			require.NoError(t, places[i].set(text[1]), variable)
		}
	}
	require.Equal(t, config, written, "a default is another one")
	for _, s := range places {
		require.True(t, named[Variable(s.key)], "the page does not name %s", Variable(s.key))
	}
}

func TestDemoIgnoresTheUsersOwnSettings(t *testing.T) {
	t.Parallel()
	kept := Foreign([]string{"PATH=/bin", "MKSYNC_CONFIG=/etc/mksync.yaml", "MKSYNC_DATABASE_URL=postgres://x", "MKSYNC_TEST_LOG=1"})
	require.Equal(t, []string{"PATH=/bin", "MKSYNC_TEST_LOG=1"}, kept)
}

// TestTextIsReadLikeAFile: of a file that is proposed, and not written yet.
func TestTextIsReadLikeAFile(t *testing.T) {
	t.Parallel()
	config, err := Parse("proposal", []byte("contacts_table: public.stranke\nslot: file"), []string{"MKSYNC_SLOT=environment"})
	require.NoError(t, err)
	require.Equal(t, []string{"public.stranke", "environment"}, []string{config.ContactsTable, config.Slot})
	_, err = Parse("proposal", []byte("slott: x"), nil)
	require.ErrorContains(t, err, "proposal line 1: slott: unknown key; did you mean slot?")
}

// TestAnInstanceNamesWhatHasNoName: what is named in the file or the environment stays.
func TestAnInstanceNamesWhatHasNoName(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "mksync.yaml", "instance: acme_2\npublication: mine\n")
	config, err := Load(path, []string{"MKSYNC_SCHEMA=own"})
	require.NoError(t, err)
	require.Equal(t, []string{"mksync_acme_2", "mine", "own"}, []string{config.Slot, config.Publication, config.Schema})
	for _, wrong := range []string{"Acme", "a-b", "a.b", "crm", "metakocka", "mksync", strings.Repeat("x", 33)} {
		_, err := Load("", []string{"MKSYNC_INSTANCE=" + wrong})
		require.ErrorContains(t, err, "MKSYNC_INSTANCE", wrong)
	}
	for _, wrong := range []string{"Own", "pg_own", `a"b`} {
		_, err := Load("", []string{"MKSYNC_SCHEMA=" + wrong})
		require.ErrorContains(t, err, "MKSYNC_SCHEMA", wrong)
	}
}

// TestOrigins are as a browser names them.
func TestOrigins(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"": nil, "https://crm.example.si": {"https://crm.example.si"},
		"https://crm.example.si, http://127.0.0.1:8000": {"https://crm.example.si", "http://127.0.0.1:8000"},
	} {
		got, err := Config{APIOrigins: text}.Origins()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"*", "null", "crm.example.si", "https://crm.example.si/", "https://CRM.example.si", "https://a.si,,https://b.si", "ftp://a.si", "https://u@a.si", "https://a.si?x"} {
		_, err := Config{APIOrigins: text}.Origins()
		require.Error(t, err, text)
	}
}
