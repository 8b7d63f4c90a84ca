package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/mapping"
)

// Validate reports everything that is wrong with the values as a *ConfigError.
// A setting is missing only where one of the needs asks for it.
func (c Config) Validate(needs ...Need) error { return invalid(c.problems(needs)) }

func (c Config) problems(needs []Need) []Problem {
	v := &validator{}
	v.missing(c, needs)
	v.database(c)
	v.nats(c)
	v.natsAccess(c)
	v.metakocka(c)
	v.policies(c)
	v.service(c)
	v.alerts(c)
	v.fields(c)
	return v.problems
}

// validator gathers problems.
type validator struct{ problems []Problem }

// check adds a problem unless ok.
func (v *validator) check(ok bool, key, format string, args ...any) {
	if !ok {
		v.problems = append(v.problems, Problem{Key: key, Text: fmt.Sprintf(format, args...)})
	}
}

// oneOf checks a value against the words that are allowed.
func (v *validator) oneOf(key, value string, allowed ...string) {
	if err := OneOf(value, allowed...); err != nil {
		v.check(false, key, "%s", err)
	}
}

// OneOf checks a value against the words that are allowed; its error names the
// one that may have been meant.
func OneOf(value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%q is not one of %s%s", value, strings.Join(allowed, ", "), Suggestion(value, allowed))
}

func (v *validator) missing(c Config, needs []Need) {
	if slices.Contains(needs, NeedDatabase) {
		v.check(c.DatabaseURL != "", "database_url", "missing; set it to the CRM's Postgres, postgres://user:password@host:5432/crm")
	}
	if slices.Contains(needs, NeedMetaKocka) {
		v.check(c.MetaKockaCompanyID != "", "metakocka_company_id", "missing; set it to the company's id in MetaKocka")
		v.check(c.MetaKockaSecretKey != "", "metakocka_secret_key", "missing; set it, or MKSYNC_METAKOCKA_SECRET_KEY_FILE, to the company's API key in MetaKocka")
	}
}

// names that Postgres allows; slots are stricter than tables and columns.
var (
	instanceName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)
	slotName     = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
	tableName    = regexp.MustCompile(`^[^."\s]{1,63}(\.[^."\s]{1,63})?$`)
)

// taken are no names of an instance: the usual subjects begin with them.
var taken = []string{"crm", "metakocka", "mksync"}

func (v *validator) database(c Config) {
	v.check(c.Instance == "" || instanceName.MatchString(c.Instance), "instance", "%q is not a name of small letters, digits and _, at most 32", c.Instance)
	v.check(!slices.Contains(taken, c.Instance), "instance", "%q cannot be the name of one: subjects without an instance begin with it", c.Instance)
	v.check(slotName.MatchString(c.Schema) && !strings.HasPrefix(c.Schema, "pg_"), "schema", "%q is not a schema of small letters, digits and _", c.Schema)
	if c.DatabaseURL != "" {
		if problem := databaseAddress(c.DatabaseURL.Reveal()); problem != "" {
			v.check(false, "database_url", "%s", problem)
		}
	}
	v.check(tableName.MatchString(c.ContactsTable), "contacts_table", "%q is not a table name such as public.contacts", c.ContactsTable)
	v.check(columnName(c.ContactsKey), "contacts_key", "%q is not a column name", c.ContactsKey)
	v.check(columnName(c.ContactsUpdatedAt), "contacts_updated_at", "%q is not a column name", c.ContactsUpdatedAt)
	v.check(c.ContactsUpdatedAtZone != "", "contacts_updated_at_zone", "missing; UTC or a name such as Europe/Ljubljana")
	v.check(slotName.MatchString(c.Slot), "slot", "%q is not a slot name: lower-case letters, digits and _, at most 63", c.Slot)
	v.check(c.HeartbeatInterval == 0 || c.HeartbeatInterval >= time.Second, "heartbeat_interval", "%s is shorter than a second (0s: none)", c.HeartbeatInterval)
	v.check(columnName(c.Publication), "publication", "%q is not a publication name", c.Publication)
}

// databaseAddress is what is wrong with the address of the database. The parser's
// own words are not quoted: they may hold parts of the password.
func databaseAddress(address string) string {
	const usual = "not a Postgres address such as postgres://user:password@host:5432/crm (a special character in the password is written as %XX, an @ as %40)"
	_, err := pgx.ParseConfig(address)
	if scheme, rest, isURL := strings.Cut(address, "://"); isURL && scheme != "" {
		// Postgres takes the first @ for the end of the password: what is behind it
		// would be looked up, and printed, as a host.
		beforeParameters, _, _ := strings.Cut(rest, "?")
		if strings.Count(beforeParameters, "@") > 1 {
			return usual
		}
	}
	var path *fs.PathError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &path):
		return fmt.Sprintf("the file %s, which it names, cannot be read: %s", path.Path, path.Err)
	case strings.Contains(err.Error(), "failed to configure TLS"):
		return "what it says of TLS (sslmode, sslrootcert, sslcert, sslkey) cannot be used: see that the files are certificates in PEM, and that both sslcert and sslkey are given"
	}
	return usual
}

func (v *validator) nats(c Config) {
	for address := range strings.SplitSeq(c.NATSURL.Reveal(), ",") {
		if address = strings.TrimSpace(address); address != "" {
			v.check(natsAddress(address), "nats_url", "not a NATS address such as nats://host:4222 (several are separated by commas)")
		}
	}
	v.check(c.DataDir != "", "data_dir", "empty; name a directory")
	v.check(c.StreamReplicas >= 1 && c.StreamReplicas <= 5, "stream_replicas", "%d is not between 1 and 5", c.StreamReplicas)
	v.check(c.StreamReplicas <= 1 || c.NATSURL != "", "stream_replicas", "more than one copy needs a NATS cluster; set nats_url")
}

func natsAddress(address string) bool {
	if !strings.Contains(address, "://") {
		address = "nats://" + address
	}
	u, err := url.Parse(address)
	// An @ behind the host is the end of a password that held a slash.
	return err == nil && u.Hostname() != "" && !strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") && slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme)
}

func (v *validator) metakocka(c Config) {
	u, err := url.Parse(c.MetaKockaURL)
	v.check(err == nil && u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http"),
		"metakocka_url", "not an address such as https://main.metakocka.si/rest/eshop/v1")
	v.check(err != nil || (u.User == nil && u.RawQuery == "" && u.Fragment == ""),
		"metakocka_url", "give the address alone, without user, password and parameters")
	v.check(c.MetaKockaConcurrency >= 1 && c.MetaKockaConcurrency <= 64,
		"metakocka_concurrency", "%d is not between 1 and 64", c.MetaKockaConcurrency)
	v.check(c.MetaKockaTimeout >= time.Second, "metakocka_timeout", "%s is too short; calls of tens of seconds are normal", c.MetaKockaTimeout)
}

func (v *validator) policies(c Config) {
	v.check(c.PollInterval >= time.Second, "poll_interval", "%s is shorter than a second", c.PollInterval)
	v.check(c.HistoryMaxAge == 0 || c.HistoryMaxAge >= day, "history_max_age", "%s is shorter than a day (0s: for ever)", c.HistoryMaxAge)
	v.check(c.CheckInterval == 0 || c.CheckInterval >= time.Minute, "check_interval", "%s is shorter than a minute (0s: none)", c.CheckInterval)
	v.oneOf("first_sync", c.FirstSync, "auto", "review")
	v.oneOf("delete_policy", c.DeletePolicy, "unlink", "deactivate", "anonymize")
	v.oneOf("remote_delete_policy", c.RemoteDeletePolicy, "unlink", "delete")
	v.oneOf("conflict_rule", string(c.ConflictRule), rules()...)
	v.oneOf("tie_winner", string(c.TieWinner), words([]mapping.Side{mapping.SideCRM, mapping.SideMetaKocka})...)
	v.check(c.MaxDeletes >= 0, "max_deletes", "%d is negative", c.MaxDeletes)
}

func rules() []string {
	return words([]mapping.Rule{mapping.RuleNewest, mapping.RuleCRM, mapping.RuleMetaKocka, mapping.RuleManual})
}

func directions() []string {
	return words([]mapping.Direction{
		mapping.DirectionBoth, mapping.DirectionToMetaKocka, mapping.DirectionToCRM, mapping.DirectionOff,
	})
}

// words are the names of a kind's values.
func words[W ~string](values []W) []string {
	names := make([]string, 0, len(values))
	for _, value := range values {
		names = append(names, string(value))
	}
	return names
}

func (v *validator) service(c Config) {
	v.check(isAddress(c.HTTPAddr), "http_addr", "%q is not an address such as 127.0.0.1:8080", c.HTTPAddr)
	v.check(c.DebugAddr == "" || isAddress(c.DebugAddr), "debug_addr", "%q is not an address such as 127.0.0.1:6060", c.DebugAddr)
	v.check(!strings.ContainsAny(c.APIToken.Reveal(), " \t\r\n"), "api_token", "holds white space, which a header cannot carry")
	if _, err := ParseTokens(c.APIToken); err != nil {
		v.check(false, "api_token", "%s", err)
	}
	v.jwt(c)
	if _, err := c.Origins(); err != nil {
		v.check(false, "api_origins", "%s", err)
	}
	v.links(c)
	v.check(c.APIRate >= 1, "api_rate", "%d is less than one request in a second", c.APIRate)
	v.oneOf("log_level", c.LogLevel, "debug", "info", "warn", "error")
	v.check(slices.Contains([]string{"", "text", "json"}, c.LogFormat), "log_format", "%q is not one of text, json", c.LogFormat)
}

func (v *validator) jwt(c Config) {
	v.check(c.APIJWTSecret == "" || len(c.APIJWTSecret) >= httpapi.MinJWTSecret, "api_jwt_secret", "shorter than %d characters", httpapi.MinJWTSecret)
	if c.APIJWKSURL != "" {
		if err := httpapi.CheckJWKSURL(c.APIJWKSURL); err != nil {
			v.check(false, "api_jwks_url", "%s", err)
		}
	}
	if _, err := c.jwtRoles(); err != nil {
		v.check(false, "api_jwt_roles", "%s", err)
	}
	// Supabase lets users change their user_metadata themselves.
	claim, _, _ := strings.Cut(c.APIJWTRoleClaim, ".")
	v.check(claim != "" && claim != "user_metadata", "api_jwt_role_claim", "%q is not a claim that only the issuer can set, such as role or app_metadata.role", c.APIJWTRoleClaim)
}

func (v *validator) fields(c Config) {
	owner := map[string]mapping.Field{}
	for _, name := range mapping.Fields() {
		field, key := c.Fields[name], "fields."+string(name)
		v.oneOf(key+".direction", string(field.Direction), directions()...)
		if field.Rule != "" {
			v.oneOf(key+".rule", string(field.Rule), rules()...)
		}
		if field.Direction == mapping.DirectionOff {
			v.check(name != mapping.FieldName, key+".direction", "the name cannot be off: a partner needs one")
			continue
		}
		v.columns(name, field, owner)
	}
	for _, condition := range c.Filter {
		v.check(columnName(condition.Column), "filter."+condition.Column, "%q is not a column name", condition.Column)
	}
	v.insert(c, owner)
}

// columns checks the columns of one field, and notes that they are taken.
func (v *validator) columns(name mapping.Field, field Field, owner map[string]mapping.Field) {
	key := "fields." + string(name) + ".column"
	if field.Columns != nil {
		key += "s"
		v.check(len(field.Columns) > 0, key, "names no column")
		v.check(name != mapping.FieldName || len(field.Columns) == len(mapping.PartsOf(name)), key, "a name needs two columns, given and family; one column is given as column")
	}
	for _, column := range slices.Concat(field.Names(name), field.Also) {
		v.check(columnName(column), key, "%q is not a column name", column)
		v.check(owner[column] == "", key, "the column %s is taken by %s", column, owner[column])
		owner[column] = name
	}
}

// insert checks the values of other columns of new contacts.
func (v *validator) insert(c Config, owner map[string]mapping.Field) {
	for _, column := range sortedKeys(c.Insert) {
		key := "insert." + column
		v.check(columnName(column), key, "%q is not a column name", column)
		v.check(owner[column] == "", key, "the column %s is the contact's %s, which the partner gives", column, owner[column])
		v.check(column != c.ContactsKey, key, "the key is made by the table, or by mksync")
		for _, condition := range c.Filter {
			taken := condition.Column != column || condition.NotNull || slices.Contains(condition.Values, c.Insert[column])
			v.check(taken, key, "the filter does not take a contact with this value")
		}
	}
}

func columnName(name string) bool {
	return name != "" && len(name) <= 63 && !strings.ContainsAny(name, "\"\x00")
}

// isAddress reports whether text is a host, which may be empty, and a port's number.
func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	_, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil
}
