package service_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestTheDocumentedRightsOnNATS: with just the rights of deploy/nats.conf everything works,
// for mksync, its commands and a program that only asks, and that one may do no more.
func TestTheDocumentedRightsOnNATS(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../deploy/nats.conf")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "nats.conf")
	filled := strings.NewReplacer("$MKSYNC_NATS_PASSWORD", "ours", "$MKSYNC_ASKER_PASSWORD", "theirs").Replace(string(text))
	require.NoError(t, os.WriteFile(file, []byte(filled), 0o600))
	server := natsserver.Start(t, natsserver.Configured(t, file))
	log := natsserver.Watch(server)

	w := world.New(t, sim.Options{})
	w.Config.NATSURL = config.Secret("nats://" + server.Addr().String())
	w.Config.NATSUser, w.Config.NATSPassword = "mksync", "ours"
	s, _ := w.Start()
	id := w.Insert("Hana Smreka", "hana@primer.si")
	w.Status(id, "synced")
	partner := w.Partner(id).MKID
	w.Eventually(func() error { return world.PolledSince(w, partner, "hana@primer.si") })
	require.NoError(t, w.ERP.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].Email = "hana.smreka@primer.si" }))
	w.Eventually(func() error {
		if got := w.One("SELECT email FROM contacts WHERE id = $1", id); got != "hana.smreka@primer.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	_, err = s.Bus.PublishSync(t.Context(), bus.StreamDeadLetters, bus.Message{Subject: bus.DeadLetterSubject("pusher", id), Header: nats.Header{"Mksync-Reason": {"it could not be"}}})
	require.NoError(t, err)
	letters, err := s.Bus.DeadLetters(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Bus.DiscardDeadLetter(t.Context(), letters[0].ID))

	w.Eventually(func() error {
		_, by, err := service.Status(t.Context(), w.Config, "0.0.0-dev")
		if err == nil && !strings.Contains(by, "the running service") {
			err = errors.New("told by " + by)
		}
		return err
	})
	for _, user := range []string{"mksync:ours", "asker:theirs"} {
		nc, err := nats.Connect("nats://" + user + "@" + server.Addr().String())
		require.NoError(t, err)
		defer nc.Close()
		client, told := control.NewClient(nc, bus.Names{}), false
		_, err = client.Answer(t.Context(), "contacts.sync", []byte(`{"contactId":"`+id+`"}`))
		require.NoError(t, err, user)
		watched := operations.WithWatch(t.Context(), func(context.Context, operations.Progress) error {
			told = true
			return nil
		})
		_, err = client.Answer(watched, "contacts.bulk-sync", []byte(`{"contactIds":["`+id+`"]}`))
		require.NoError(t, err, user)
		require.True(t, told, user)
	}
	require.Empty(t, log.Lines())

	asker, err := nats.Connect("nats://asker:theirs@" + server.Addr().String())
	require.NoError(t, err)
	defer asker.Close()
	for _, subject := range []string{"$JS.API.STREAM.PURGE.CRM_CONTACTS", "crm.contacts.delete." + id, "mksync.deletions.approve"} {
		require.NoError(t, asker.Publish(subject, nil))
	}
	w.Eventually(func() error {
		if n := len(log.Lines()); n < 3 {
			return errors.New("not refused: " + strings.Join(log.Lines(), "; "))
		}
		return nil
	})
}
