// Package config is everything that can be set: the defaults, the YAML file, the
// environment, and what is wrong with them, in lines that say where to look.
package config

import (
	"log/slog"
	"slices"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/mapping"
)

// Config is everything that can be set. Each setting has one key: `poll_interval`
// in the YAML file is MKSYNC_POLL_INTERVAL in the environment, and the
// environment wins. Load makes one.
type Config struct {
	from map[string]string // by key, where what is set comes from

	// Instance names this installation, so that several share one Postgres and one
	// NATS; empty: it is the only one.
	Instance string

	// The CRM's side.
	DatabaseURL   Secret
	ContactsTable string // schema.table
	ContactsKey   string // the column that names a contact
	// The column with the time of the last change, where there is one, and the time
	// zone of a column without.
	ContactsUpdatedAt, ContactsUpdatedAtZone string
	// Slot, publication and schema (of mksync's own tables) are called after the
	// instance where they are not set.
	Slot, Publication, Schema string
	// HeartbeatInterval is between two heartbeats of the listener; 0: none.
	HeartbeatInterval time.Duration
	Fields            map[mapping.Field]Field // every field is there
	Filter            []Condition             // a contact is synced when all hold; none: all are
	// Insert gives other columns of contacts that mksync makes a value, by column.
	Insert map[string]string

	// NATS: an external server, or an embedded one in DataDir where the URL is empty.
	NATSURL Secret
	// How mksync signs in to the external server: by user and password, token, nkey,
	// credentials file, or what is in the URL.
	NATSUser            string
	NATSPassword        Secret
	NATSToken           Secret
	NATSNkeySeed        Secret
	NATSCredentialsFile string
	// Whom it trusts there, where that is no public authority, and the certificate that
	// it shows with its key, all in PEM.
	NATSTLSCAFile, NATSTLSCertFile, NATSTLSKeyFile string

	NATSSyncInterval  time.Duration // how often the server syncs its files; negative: its default
	DataDir           string
	StreamReplicas    int
	StreamMaxBytes    ByteSize // for each stream; 0: no limit
	ContactsMaxAge    time.Duration
	PartnersMaxAge    time.Duration
	DeadLettersMaxAge time.Duration
	LowerStreams      bool // by a flag alone: streams that are there may get less

	// MetaKocka's side.
	MetaKockaURL         string
	MetaKockaCompanyID   string
	MetaKockaSecretKey   Secret
	MetaKockaConcurrency int           // calls in flight at once
	MetaKockaTimeout     time.Duration // of one call
	MetaKockaSettle      time.Duration // how long a call without an answer may still take effect

	// What is done with what is found.
	PollInterval       time.Duration
	CheckInterval      time.Duration // between full checks; 0: none by itself
	HistoryMaxAge      time.Duration // how long the history is kept; 0: for ever
	AutoImport         bool
	FirstSync          string // auto, review
	DeletePolicy       string // unlink, deactivate, anonymize
	RemoteDeletePolicy string // unlink, delete
	ConflictRule       mapping.Rule
	TieWinner          mapping.Side // wins where newest cannot tell
	MaxDeletes         int          // within ten minutes; further ones are held

	// The service itself.
	HTTPAddr string
	APIToken Secret // one, or name:token[:role]; neither this nor the next two: the API refuses everything but health
	// The JSON Web Tokens that the API takes: signed with the secret, or with one
	// of the keys at the address.
	APIJWTSecret    Secret
	APIJWKSURL      string
	APIJWTAudience  string // empty: any
	APIJWTIssuer    string // empty: any
	APIJWTRoles     string // claim=role, separated by commas
	APIJWTRoleClaim string
	APIOrigins      string // whose pages may ask, separated by commas
	APIRate         int    // requests in a second, of each token
	// PublicURL is where people reach this service's HTTP; empty: not known.
	PublicURL string
	// ConsoleCRMURL and ConsoleMetaKockaURL are where the console leads from a contact: {id}
	// stands for the contact's id, and for its partner's. Empty: nowhere.
	ConsoleCRMURL       string
	ConsoleMetaKockaURL string
	// Alerts are the messages to people.
	Alerts Alerts
	// DebugAddr serves Go's profiles; empty: nowhere. Without a host it is this machine alone.
	DebugAddr string
	LogLevel  string
	LogFormat string // empty: text on a terminal, json elsewhere
}

// Alerts say who is told that a person is needed, and how. Neither a webhook nor a mail: nobody.
type Alerts struct {
	WebhookURL, WebhookSecret Secret
	MailTo, MailFrom          string // addresses, separated by commas; one address
	SMTPURL                   Secret
	Language                  string // sl, en
}

// Field says how one canonical field is synced. An empty Rule stands for
// the ConflictRule.
type Field struct {
	Column  string                  // of the contacts table
	Columns map[mapping.Part]string // instead, of a field in several columns
	Also    []string                // columns that are written with the whole value, and never read
	mapping.FieldPolicy
}

// Default is the configuration before anything is set.
func Default() Config {
	c := Config{
		ContactsTable:     "public.contacts",
		ContactsKey:       "id",
		ContactsUpdatedAt: "updated_at", ContactsUpdatedAtZone: "UTC",
		Slot:                 "mksync",
		Publication:          "mksync",
		Schema:               "public",
		HeartbeatInterval:    30 * time.Second,
		Fields:               map[mapping.Field]Field{},
		NATSSyncInterval:     -1,
		DataDir:              "./mksync-data",
		StreamReplicas:       1,
		ContactsMaxAge:       30 * day,
		PartnersMaxAge:       30 * day,
		DeadLettersMaxAge:    90 * day,
		MetaKockaURL:         "https://main.metakocka.si/rest/eshop/v1",
		MetaKockaConcurrency: 2,
		MetaKockaTimeout:     time.Minute,
		MetaKockaSettle:      10 * time.Second,
		PollInterval:         time.Minute,
		CheckInterval:        day,
		HistoryMaxAge:        400 * day,
		FirstSync:            "auto",
		DeletePolicy:         "unlink",
		RemoteDeletePolicy:   "unlink",
		ConflictRule:         mapping.RuleNewest,
		TieWinner:            mapping.SideCRM,
		MaxDeletes:           100,
		HTTPAddr:             "127.0.0.1:8080",
		APIJWTAudience:       "authenticated",
		APIJWTRoles:          httpapi.RoleService,
		APIJWTRoleClaim:      "role",
		APIRate:              50,
		Alerts:               Alerts{Language: string(phrases.English)},
		LogLevel:             "info",
	}

	for _, field := range mapping.Fields() {
		c.Fields[field] = Field{
			Column:      string(field),
			FieldPolicy: mapping.FieldPolicy{Direction: mapping.DirectionBoth},
		}
	}
	return c
}

// Names are those of the instance.
func (c Config) Names() bus.Names { return bus.NamesOf(c.Instance) }

// parts are those that have columns of their own; nil: the field is in one.
func (f Field) parts(of mapping.Field) []mapping.Part {
	if len(f.Columns) == 0 {
		return nil
	}
	return slices.DeleteFunc(mapping.PartsOf(of), func(p mapping.Part) bool { return f.Columns[p] == "" })
}

// Names are the columns that the field is read from.
func (f Field) Names(of mapping.Field) []string {
	if len(f.Columns) == 0 {
		return []string{f.Column}
	}
	var names []string
	for _, p := range f.parts(of) {
		names = append(names, f.Columns[p])
	}
	return names
}

// Policy is how two contacts are merged.
func (c Config) Policy() mapping.Policy {
	p := mapping.Policy{Fields: map[mapping.Field]mapping.FieldPolicy{}, TieWinner: c.TieWinner}
	for field, config := range c.Fields {
		if config.Rule == "" {
			config.Rule = c.ConflictRule
		}
		config.Parts = config.parts(field)
		p.Fields[field] = config.FieldPolicy
	}
	return p
}

// SyncInterval is how often the NATS server syncs its files: as set, or one
// second for the embedded server and NATS's own default for another.
func (c Config) SyncInterval() time.Duration {
	switch {
	case c.NATSSyncInterval >= 0:
		return c.NATSSyncInterval
	case c.NATSURL == "":
		return time.Second
	default:
		return 2 * time.Minute
	}
}

// ConfirmDelay is how long a stored event waits until the database may forget
// it: longer than the NATS server leaves it unsynced, so that a power cut costs
// a re-read and no event.
func (c Config) ConfirmDelay() time.Duration {
	interval := c.SyncInterval()
	if interval == 0 {
		return 0
	}
	return interval + max(interval/4, 500*time.Millisecond)
}

// Redacted is every setting by its key, fit to be shown: of a URL only where it
// points, of a secret only whether it is set.
func (c Config) Redacted() []slog.Attr {
	var attrs []slog.Attr
	for _, s := range settings(&c) {
		attrs = append(attrs, slog.String(s.key, show(s.into)))
	}
	return append(attrs, slog.Any("fields", c.Fields), slog.Any("filter", c.Filter), slog.Any("insert", c.Insert))
}

// LogValue makes a logged configuration the redacted one.
func (c Config) LogValue() slog.Value { return slog.GroupValue(c.Redacted()...) }
