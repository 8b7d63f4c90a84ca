package service

import (
	"maps"
	"slices"
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
)

// DoctorConfig is what the doctor looks at. A side whose own settings are wrong
// is left out; a missing company or key leaves MetaKocka's address.
func DoctorConfig(c config.Config, problems []config.Problem) doctor.Config {
	cdc, contacts := ListenerConfig(c), ContactsConfig(c)
	want := doctor.Config{
		Database: doctor.Database{
			Skip: wrongSetting(problems, "database_url", "contacts_table", "slot", "publication", "schema", "instance"),
			URL:  cdc.DatabaseURL, Table: cdc.Table, KeyColumn: cdc.KeyColumn, UpdatedAt: contacts.UpdatedAt, Zone: contacts.Zone,
			Fields: map[mapping.Field]doctor.Columns{}, Deletes: c.RemoteDeletePolicy == "delete",
			Insert: slices.Sorted(maps.Keys(c.Insert)), Imports: c.AutoImport,
			Slot: cdc.Slot, Publication: cdc.Publication, Installation: Installation(c),
			Reviews: c.FirstSync == syncer.FirstSyncReview, Alerts: c.Told().Channels(),
		},
		NATS: doctor.NATS{
			Names: c.Names(),
			Skip: wrongSetting(problems, "nats_url", "nats_user", "nats_password", "nats_token", "nats_nkey_seed", "nats_credentials_file",
				"nats_tls_ca_file", "nats_tls_cert_file", "nats_tls_key_file", "data_dir"),
			URL: c.NATSURL.Reveal(), Options: c.NATSOptions(), SignIn: c.NATSSignIn(), Encrypted: c.NATSEncrypted(),
			DataDir: c.DataDir, Replicas: c.StreamReplicas,
		},
		MetaKocka: doctor.MetaKocka{
			Skip: wrongSetting(problems, "metakocka_url"),
			URL:  strings.TrimRight(c.MetaKockaURL, "/"), CompanyID: c.MetaKockaCompanyID, SecretKey: c.MetaKockaSecretKey.Reveal(),
		},
	}

	for field, f := range c.Fields {
		if f.Direction != mapping.DirectionOff {
			written := f.Direction != mapping.DirectionToMetaKocka
			want.Database.Fields[field] = doctor.Columns{Read: f.Names(field), Also: f.Also, Written: written}
		}
	}

	for _, condition := range c.Filter {
		want.Database.Filter = append(want.Database.Filter, condition.Column)
	}
	return want
}

// wrongSetting names the first of the keys that has a problem, as a reason not
// to look further; nothing where none has.
func wrongSetting(problems []config.Problem, keys ...string) coded.Text {
	for _, key := range keys {
		if slices.ContainsFunc(problems, func(p config.Problem) bool { return p.Key == key }) {
			return coded.Say("doctor.setting", "{setting} is missing or wrong", config.Variable(key))
		}
	}
	return coded.Text{}
}
