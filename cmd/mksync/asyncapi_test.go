package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

var errNotAll = errors.New("not all events are there yet")

// descriptions compiles the schemas of an AsyncAPI document.
type descriptions struct {
	t        testing.TB
	compiler *jsonschema.Compiler
}

func describedAt(t testing.TB, text string) descriptions {
	t.Helper()
	var doc any
	require.NoError(t, yaml.Unmarshal([]byte(text), &doc))
	asJSON, err := json.Marshal(doc)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("mksync.json", value))
	return descriptions{t, c}
}

// holds checks JSON against a part of the document.
func (d descriptions) holds(part string, text []byte) {
	d.t.Helper()
	schema, err := d.compiler.Compile("mksync.json#/components/" + part)
	require.NoError(d.t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(d.t, err, string(text))
	require.NoError(d.t, schema.Validate(value), "%s: %s", part, text)
}

// headers checks a message's headers, all of which have to be described.
func (d descriptions) headers(part string, h nats.Header) {
	d.t.Helper()
	flat := map[string]string{}
	for name := range h {
		flat[name] = h.Get(name)
	}
	text, err := json.Marshal(flat)
	require.NoError(d.t, err)
	d.holds(part, text)
	known := "ce-specversion ce-id ce-source ce-type ce-time Nats-Msg-Id Nats-Expected-Last-Sequence " +
		"Nats-Expected-Last-Msg-Id Nats-Expected-Stream Mksync-Reason Mksync-Said Mksync-Count Mksync-Stream Mksync-Sequence Mksync-Subject Mksync-Time Mksync-Msg-Id "
	for name := range flat {
		require.Contains(d.t, known, name+" ", "a header that is not described")
	}
}

// stored are all messages of a stream.
func stored(t testing.TB, s *service.Service, stream string) (all []jetstream.Msg) {
	t.Helper()
	js, err := jetstream.New(s.Conn)
	require.NoError(t, err)
	str, err := js.Stream(t.Context(), stream)
	require.NoError(t, err)
	n := str.CachedInfo().State.Msgs
	if n == 0 {
		return nil
	}
	c, err := js.OrderedConsumer(t.Context(), stream, jetstream.OrderedConsumerConfig{})
	require.NoError(t, err)
	batch, err := c.Fetch(int(n), jetstream.FetchMaxWait(waits.Stretch(10*time.Second)))
	require.NoError(t, err)
	for m := range batch.Messages() {
		all = append(all, m)
	}
	return all
}

// TestEveryMessageIsAsDescribed: what really is published and answered fits the
// document that the service serves.
func TestEveryMessageIsAsDescribed(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Cene", "", "cene@partner.si"), world.Person("7002", "Drago", "", "")}})
	ana := w.Insert("Ana", "ana@novak.si")
	w.Insert(" ", strings.Repeat("pika", 3000)+"@x") // too large to be sent again each time, and a dead letter
	s, c := w.API(service.AllRoles[:4]...)
	d := describedAt(t, c.Do(http.MethodGet, "/api/asyncapi.yaml", "").Body)
	progress := make(chan *nats.Msg, 1000)
	sub, err := s.Conn.ChanSubscribe("mksync.progress.*", progress)
	require.NoError(t, err)
	defer func() { _ = sub.Unsubscribe() }()

	w.Status(ana, "synced")
	bor := w.Insert("Bor", "bor@novak.si")
	w.Exec("UPDATE contacts SET phone = '041 222 333' WHERE id = $1", ana)
	w.Status(bor, "synced")
	w.Exec("UPDATE contacts SET email = 'x' || email WHERE name = ' '")
	w.Exec("DELETE FROM contacts WHERE id = $1", bor)
	w.Status(bor, "deleted")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true})) // so that the second waits for the first
	c.Later("bulk-import", `{"metakockaIds":["7001"]}`)
	queued := c.Later("bulk-import", `{"metakockaIds":["7001"]}`)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	c.Until(w, queued, world.Ended)
	require.NoError(t, w.ERP.DeletePartner("7002"))
	require.NoError(t, w.ERP.EditPartner("7001", func(p *metakocka.Partner) { p.Notes = "VIP" }))

	kinds := map[string]bool{}
	letters := 0
	w.Eventually(func() error {
		letters = len(stored(t, s, "MKSYNC_DEADLETTERS"))
		for _, m := range stored(t, s, "METAKOCKA_PARTNERS") {
			kinds[m.Headers().Get("ce-type")] = true
		}
		if letters == 0 || !kinds["metakocka.partners.changed"] {
			return errNotAll
		}
		return nil
	})
	w.Exec("TRUNCATE contacts")
	w.Eventually(func() error {
		all := stored(t, s, "CRM_CONTACTS")
		if all[len(all)-1].Subject() != "crm.contacts.truncate" {
			return errNotAll
		}
		for _, m := range all {
			kinds[m.Headers().Get("ce-type")] = true
			d.headers("schemas/StoredEventHeaders", m.Headers())
			d.holds("schemas/ContactEvent", m.Data())
		}
		return nil
	})
	for _, m := range stored(t, s, "METAKOCKA_PARTNERS") {
		d.headers("schemas/StoredEventHeaders", m.Headers())
		d.holds("schemas/PartnerEvent", m.Data())
	}
	for _, m := range stored(t, s, "MKSYNC_DEADLETTERS") {
		d.headers("schemas/DeadLetterHeaders", m.Headers())
		d.holds("messages/deadLetter/payload", m.Data())
	}
	require.NotEmpty(t, progress)
	for len(progress) > 0 {
		m := <-progress
		kinds[m.Header.Get("ce-type")] = true
		d.headers("schemas/EventHeaders", m.Header)
		d.holds("schemas/Job", m.Data)
	}
	for _, kind := range []string{
		"crm.contacts.snapshot", "crm.contacts.insert", "crm.contacts.update", "crm.contacts.delete", "crm.contacts.truncate",
		"metakocka.partners.created", "metakocka.partners.changed", "mksync.job.queued", "mksync.job.running", "mksync.job.done",
	} {
		require.True(t, kinds[kind], "no %s was seen: %v", kind, kinds)
	}
	answersAreAsDescribed(t, s, d, ana)
}

// answersAreAsDescribed asks for what needs no more than a contact's id.
func answersAreAsDescribed(t *testing.T, s *service.Service, d descriptions, contact string) {
	t.Helper()
	for _, ask := range []struct{ subject, message, request string }{
		{"status", "status", ``},
		{"contacts.sync", "contactsSync", `{"contactId":"` + contact + `"}`},
		{"contacts.import", "contactsImport", `{"metakockaId":"7001","by":"x"}`},
		{"contacts.mappings", "contactsMappings", `{"contactId":"` + contact + `"}`},
		{"contacts.bulk-sync", "contactsBulkSync", `{"contactIds":["` + contact + `"]}`},
		{"contacts.bulk-import", "contactsBulkImport", `{"metakockaIds":["7001","x"]}`},
		{"mappings.list", "mappingsList", `{"status":"synced","limit":5}`},
		{"mappings.orphans", "mappingsOrphans", `{}`},
		{"partners.list", "partnersList", `{"unsynced":true}`},
		{"jobs.list", "jobsList", `{}`},
		{"jobs.show", "jobsShow", `{"id":"` + contact + `"}`},
		{"conflicts.list", "conflictsList", `{"all":true}`},
		{"deletions.list", "deletionsList", `{"all":true}`},
		{"dead-letters.list", "deadLettersList", `{}`},
		{"check", "check", `{}`},
		{"contacts.sync", "contactsSync", `{"contactId":5}`},
	} {
		if ask.request != "" && !strings.Contains(ask.request, ":5}") {
			d.holds("messages/"+ask.message+"Request/payload", []byte(ask.request))
		}
		m, err := s.Conn.Request("mksync."+ask.subject, []byte(ask.request), waits.Stretch(30*time.Second))
		require.NoError(t, err, ask.subject)
		d.holds("messages/"+ask.message+"Reply/payload", m.Data)
		if len(m.Header) > 0 {
			text, err := json.Marshal(map[string]string{"Nats-Service-Error-Code": m.Header.Get("Nats-Service-Error-Code")})
			require.NoError(t, err)
			d.holds("schemas/ReplyHeaders", text)
		}
	}
}
