package main

import (
	"log/slog"
	"time"
)

// Config is everything that can be set. Each setting has one key: `poll_interval`
// in the YAML file is MKSYNC_POLL_INTERVAL in the environment, and the
// environment wins. LoadConfig makes one.
type Config struct {
	// The CRM's side.
	DatabaseURL   Secret
	ContactsTable string // schema.table
	Slot          string
	Publication   string
	Fields        map[string]FieldConfig // by canonical field; every field is there
	Filter        []Condition            // a contact is synced when all hold; none: all are

	// NATS: an external server, or an embedded one in DataDir where the URL is empty.
	NATSURL           Secret
	NATSSyncInterval  time.Duration // how often the server syncs its files; negative: its default
	DataDir           string
	StreamReplicas    int
	StreamMaxBytes    ByteSize // for each stream; 0: no limit
	ContactsMaxAge    time.Duration
	PartnersMaxAge    time.Duration
	DeadLettersMaxAge time.Duration

	// MetaKocka's side.
	MetaKockaURL         string
	MetaKockaCompanyID   string
	MetaKockaSecretKey   Secret
	MetaKockaConcurrency int           // calls in flight at once
	MetaKockaTimeout     time.Duration // of one call
	MetaKockaSettle      time.Duration // how long a call without an answer may still take effect

	// What is done with what is found.
	PollInterval       time.Duration
	AutoImport         bool
	DeletePolicy       string // unlink, deactivate, anonymize
	RemoteDeletePolicy string // unlink, delete
	ConflictRule       string // newest, crm, metakocka, manual
	TieWinner          string // crm, metakocka: who wins where newest cannot tell
	MaxDeletes         int    // within ten minutes; further ones are held

	// The service itself.
	HTTPAddr  string
	APIToken  Secret // empty: the API refuses everything but health
	LogLevel  string
	LogFormat string // empty: text on a terminal, json elsewhere
}

// FieldConfig says how one canonical field is synced.
type FieldConfig struct {
	Column       string // of the contacts table
	Direction    string // both, to_metakocka, to_crm, off
	Rule         string // newest, crm, metakocka, manual; empty: the ConflictRule
	KeepNonEmpty bool   // an empty value never overwrites
}

// fieldNames are the canonical fields in their fixed order.
func fieldNames() []string {
	return []string{
		"name", "company_name", "email", "phone", "address", "country", "tax_number", "notes", "website",
	}
}

// DefaultConfig is the configuration before anything is set.
func DefaultConfig() Config {
	c := Config{
		ContactsTable:        "public.contacts",
		Slot:                 "mksync",
		Publication:          "mksync",
		Fields:               map[string]FieldConfig{},
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
		DeletePolicy:         "unlink",
		RemoteDeletePolicy:   "unlink",
		ConflictRule:         "newest",
		TieWinner:            "crm",
		MaxDeletes:           100,
		HTTPAddr:             "127.0.0.1:8080",
		LogLevel:             "info",
	}
	for _, name := range fieldNames() {
		c.Fields[name] = FieldConfig{Column: name, Direction: "both"}
	}
	return c
}

// Rule is the conflict rule of a field: its own or the general one.
func (c Config) Rule(field string) string {
	if own := c.Fields[field].Rule; own != "" {
		return own
	}
	return c.ConflictRule
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
	return append(attrs, slog.Any("fields", c.Fields), slog.Any("filter", c.Filter))
}

// LogValue makes a logged configuration the redacted one.
func (c Config) LogValue() slog.Value { return slog.GroupValue(c.Redacted()...) }
