package service_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestContactReachesMetaKockaAndBack(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Start()
	id := w.One(`INSERT INTO contacts (name, company_name, email, phone, address, country, tax_number)
		VALUES ('Žiga Kovač', 'Kovač d.o.o.', 'ziga@kovac.si', '040 123 456', 'Slovenska cesta 1, Ljubljana, 1000', 'SI', 'SI12345679') RETURNING id::text`)
	p := w.Partner(id)
	require.Equal(t, "Kovač d.o.o.", p.Customer)
	require.NoError(t, w.ERP.EditPartner(p.MKID, func(p *metakocka.Partner) { p.Contacts[0].Email = "info@kovac.si" }))
	w.Eventually(func() error {
		if got := w.One("SELECT email FROM contacts WHERE id = $1", id); got != "info@kovac.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	w.Status(id, "synced")
}

// TestPendingIsNotCountedTwice where no pusher ever ran.
func TestPendingIsNotCountedTwice(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Persons(3)
	s, _ := w.Start(service.RoleListener)
	w.Eventually(func() error {
		if got := s.Monitor().Status(t.Context()); got.Pusher.Pending != 3 {
			return fmt.Errorf("%d are pending, %+v", got.Pusher.Pending, got.Streams)
		}
		return nil
	})
}
