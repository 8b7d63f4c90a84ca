package demo

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/console"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer/operations"
)

// People of what waits for whoever looks at the console.
const (
	zala   = "Zala Korošec"
	lan    = "Lan Lovec"
	kaja   = "Kaja Vidmar"
	noName = " "
)

// waits makes something of each kind that waits for a person, for whoever opens the console:
// a conflict, an unclear match, a held deletion and a contact that is refused. The service is
// told to ask a person in each conflict, and before each deletion.
func (d *demo) waits(ctx context.Context) error {
	if err := d.askPeople(ctx); err != nil {
		return err
	}
	for _, c := range []mapping.Contact{
		{Name: zala, Email: "zala@korosec.example", Phone: "041 222 333", Address: "Trg republike 1, Ljubljana, 1000", Country: "SI"},
		{Name: kaja, Email: "kaja@vidmar.example", Phone: "051 333 444", Country: "SI"},
	} {
		if err := d.insert(ctx, c); err != nil {
			return err
		}
		if _, err := d.until(ctx, c.Name+" is linked", func() error { return d.has(ctx, c.Name, store.StatusSynced) }); err != nil {
			return err
		}
	}

	for _, one := range []struct {
		says string
		make func(ctx context.Context) error
		name string
		want store.Status
	}{
		{"conflict: both sides change the phone of " + zala, d.undecided, zala, store.StatusConflict},
		{"unclear match: MetaKocka has two partners that " + lan + " may be", d.twoPartners, lan, store.StatusHeld},
		{"held deletion: " + kaja + " is deleted in the CRM", d.deleteKaja, kaja, store.StatusHeld},
		{"error: a contact without a name", d.nameless, noName, store.StatusError},
	} {
		if err := one.make(ctx); err != nil {
			return err
		}
		if _, err := d.until(ctx, one.says, func() error { return d.has(ctx, one.name, one.want) }); err != nil {
			return err
		}
		d.say.line(inMksync, "%s", one.says)
	}
	return nil
}

// askPeople starts the service anew, with settings by which a person decides.
func (d *demo) askPeople(ctx context.Context) error {
	if err := d.world.service.stop(); err != nil {
		return fmt.Errorf("stop the service: %w", err)
	}
	d.world.service.env = append(d.world.service.env, "MKSYNC_CONFLICT_RULE=manual", "MKSYNC_MAX_DELETES=0")
	if err := d.world.service.start(); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	_, err := d.until(ctx, "the service is ready", func() error { return d.ready(ctx) })
	return err
}

// undecided is a conflict that waits.
func (d *demo) undecided(ctx context.Context) error {
	link, err := d.link(ctx, zala)
	if err != nil {
		return err
	}
	return d.bothEdit(ctx, zala, link.partner, "041 222 999", "041 222 111")
}

// twoPartners are made in MetaKocka with the e-mail of a contact that is entered right after.
func (d *demo) twoPartners(ctx context.Context) error {
	const email = "lan@lovec.example"
	for _, street := range []string{"Cankarjeva cesta 2", "Ob parku 7"} {
		_, err := d.world.erp.AddPartner(metakocka.Partner{
			Customer: lan, Contacts: []metakocka.Contact{{Name: lan, Email: email}},
			Addresses: []metakocka.Address{{Type: metakocka.AddressBilling, Street: street, PostNumber: "5000", City: "Nova Gorica", Country: "Slovenija"}},
		})
		if err != nil {
			return err
		}
	}
	return d.insert(ctx, mapping.Contact{Name: lan, Email: email, Country: "SI"})
}

func (d *demo) deleteKaja(ctx context.Context) error {
	if _, err := d.world.db.Exec(ctx, "DELETE FROM contacts WHERE id = $1", d.id(kaja)); err != nil {
		return fmt.Errorf("delete contact: %w", err)
	}
	return nil
}

func (d *demo) nameless(ctx context.Context) error {
	return d.insert(ctx, mapping.Contact{Name: noName, Email: "brez.imena@posta.example"})
}

// signIn is a link that signs whoever opens it in, once.
func (d *demo) signIn() (string, error) {
	cfg, err := config.Load("", d.world.service.env)
	if err != nil {
		return "", err
	}
	path, err := console.Link(cfg.SessionKey(), operations.Caller{Name: "demo", Role: operations.Admin}, rand.Text())
	return "http://" + d.world.httpAddr + path, err
}
