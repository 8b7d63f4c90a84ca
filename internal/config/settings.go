package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// variablePrefix begins the name of every environment variable of ours.
const variablePrefix = "MKSYNC_"

// ByteSize is an amount of storage in bytes, written as 512MiB or 10GB.
type ByteSize int64

// setting binds a key to its place in a Config. The type of the place says how
// a value is read: *string, *Secret, *int, *bool, *time.Duration or *ByteSize.
type setting struct {
	key  string
	into any
}

// settings are all single-valued settings of c. What is set, shown and
// suggested comes from this one list.
func settings(c *Config) []setting { //nolint:funlen // a list
	return []setting{
		{"instance", &c.Instance},
		{"database_url", &c.DatabaseURL},
		{"contacts_table", &c.ContactsTable},
		{"contacts_key", &c.ContactsKey},
		{"contacts_updated_at", &c.ContactsUpdatedAt},
		{"contacts_updated_at_zone", &c.ContactsUpdatedAtZone},
		{"slot", &c.Slot},
		{"publication", &c.Publication},
		{"schema", &c.Schema},
		{"heartbeat_interval", &c.HeartbeatInterval},

		{"nats_url", &c.NATSURL},
		{"nats_user", &c.NATSUser},
		{"nats_password", &c.NATSPassword},
		{"nats_token", &c.NATSToken},
		{"nats_nkey_seed", &c.NATSNkeySeed},
		{"nats_credentials_file", &c.NATSCredentialsFile},
		{"nats_tls_ca_file", &c.NATSTLSCAFile},
		{"nats_tls_cert_file", &c.NATSTLSCertFile},
		{"nats_tls_key_file", &c.NATSTLSKeyFile},
		{"nats_sync_interval", &c.NATSSyncInterval},

		{"data_dir", &c.DataDir},
		{"stream_replicas", &c.StreamReplicas},
		{"stream_max_bytes", &c.StreamMaxBytes},
		{"contacts_max_age", &c.ContactsMaxAge},
		{"partners_max_age", &c.PartnersMaxAge},
		{"deadletters_max_age", &c.DeadLettersMaxAge},

		{"metakocka_url", &c.MetaKockaURL},
		{"metakocka_company_id", &c.MetaKockaCompanyID},
		{"metakocka_secret_key", &c.MetaKockaSecretKey},
		{"metakocka_concurrency", &c.MetaKockaConcurrency},
		{"metakocka_timeout", &c.MetaKockaTimeout},
		{"metakocka_settle", &c.MetaKockaSettle},

		{"poll_interval", &c.PollInterval},
		{"check_interval", &c.CheckInterval},
		{"history_max_age", &c.HistoryMaxAge},
		{"first_sync", &c.FirstSync},
		{"auto_import", &c.AutoImport},
		{"delete_policy", &c.DeletePolicy},
		{"remote_delete_policy", &c.RemoteDeletePolicy},
		{"conflict_rule", (*string)(&c.ConflictRule)},
		{"tie_winner", (*string)(&c.TieWinner)},
		{"max_deletes", &c.MaxDeletes},

		{"http_addr", &c.HTTPAddr},
		{"api_token", &c.APIToken},
		{"api_jwt_secret", &c.APIJWTSecret},
		{"api_jwks_url", &c.APIJWKSURL},
		{"api_jwt_audience", &c.APIJWTAudience},
		{"api_jwt_issuer", &c.APIJWTIssuer},
		{"api_jwt_roles", &c.APIJWTRoles},
		{"api_jwt_role_claim", &c.APIJWTRoleClaim},
		{"api_origins", &c.APIOrigins},
		{"api_rate", &c.APIRate},
		{"public_url", &c.PublicURL},
		{"console_crm_url", &c.ConsoleCRMURL},
		{"console_metakocka_url", &c.ConsoleMetaKockaURL},

		{"alerts.webhook_url", &c.Alerts.WebhookURL},
		{"alerts.webhook_secret", &c.Alerts.WebhookSecret},
		{"alerts.mail_to", &c.Alerts.MailTo},
		{"alerts.mail_from", &c.Alerts.MailFrom},
		{"alerts.smtp_url", &c.Alerts.SMTPURL},
		{"alerts.language", &c.Alerts.Language},

		{"debug_addr", &c.DebugAddr},
		{"log_level", &c.LogLevel},
		{"log_format", &c.LogFormat},
	}
}

// Variable is the environment variable of a key; one in a section has the section's name
// before it.
func Variable(key string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// alertsSection is the one section of single values in the file.
const alertsSection = "alerts"

// isSecret reports whether the setting may also be given as a file.
func (s setting) isSecret() bool {
	_, ok := s.into.(*Secret)
	return ok
}

// set reads text into the setting's place. Its error never quotes a secret.
func (s setting) set(text string) error {
	var err error
	switch p := s.into.(type) {
	case *string:
		*p = text
	case *Secret:
		*p = Secret(text)
	case *int:
		*p, err = parseInt(text)
	case *bool:
		*p, err = parseBool(text)
	case *time.Duration:
		*p, err = ParseDuration(text)
	case *ByteSize:
		*p, err = parseSize(text)
	default:
		err = fmt.Errorf("no way to read a %T", p)
	}
	return err
}

// show is a setting's value as it may be printed.
func show(into any) string {
	switch p := into.(type) {
	case *Secret:
		return p.Address()
	case *string:
		return *p
	case *int:
		return strconv.Itoa(*p)
	case *bool:
		return strconv.FormatBool(*p)
	case *time.Duration:
		return p.String()
	case *ByteSize:
		return strconv.FormatInt(int64(*p), 10)
	default:
		return ""
	}
}

func parseInt(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", text)
	}
	return n, nil
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	default:
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
}

// ParseDuration reads a Go duration or a number of days, 30d.
func ParseDuration(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is not a duration such as 500ms, 60s, 5m or 30d", text)
	if digits, isDays := strings.CutSuffix(text, "d"); isDays {
		days, err := strconv.Atoi(digits)
		if err != nil || days < 0 || days > 100*365 {
			return 0, wrong
		}
		return time.Duration(days) * day, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, wrong
	}
	if d < 0 {
		return 0, errors.New("a duration cannot be negative")
	}
	return d, nil
}

// parseSize reads a number of bytes with or without a unit.
func parseSize(text string) (ByteSize, error) {
	units := []struct {
		suffix string
		bytes  float64
	}{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
		{"B", 1},
		{"", 1},
	}

	for _, unit := range units {
		digits, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err == nil && n >= 0 && n*unit.bytes < math.MaxInt64 {
			return ByteSize(n * unit.bytes), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size such as 512MiB or 10GB", text)
}
