package operations_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAnAnswerOutlastsARefusal: a colleague with the firm's mailbox gets a partner of its
// own, also where MetaKocka refuses it at first, or its answer is lost.
func TestAnAnswerOutlastsARefusal(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Lambda d.o.o.", "50223054", "info@lambda-test.si")}})
	a := asksOf(w, w.Up())
	s := a.service
	w.Polls(1)
	lan := w.Add(mapping.Contact{Name: "Lan Lovec", Email: "info@lambda-test.si"})
	w.Status(lan, "held")
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointAdd, sim.FaultAfter))
	_ = a.syncsNew(lan) // its answer is lost
	w.Status(lan, "synced")
	w.Quiet(s)
	require.NotEqual(t, "7001", w.Partner(lan).MKID)
	require.Len(t, w.ERP.Partners(), 2)

	// A person imports the firm as a contact of its own, although one matches it.
	bor := w.Add(mapping.Contact{Name: "Bor Kos", Email: "info@lambda-test.si"})
	w.Status(bor, "held")
	refused(t, a.imports("7001"), "link the two by mksync link, or make a contact of its own by mksync import --new")
	require.NoError(t, a.importsNew("7001"))
	firm := w.ContactOf("7001")
	require.NotContains(t, []string{lan, bor}, firm)
	require.Contains(t, w.One("SELECT string_agg(metakocka_id, ' ') FROM mksync_answers WHERE contact_id = $1", bor), "7001")
	refused(t, a.importsNew("7001"), "partner 7001 is linked with contact "+firm, "mksync unlink "+firm+" first")
	w.Quiet(s)
}

// TestALostCallDoesNotUndoAnAnswer: what became of a creation is looked for among
// partners that a person has not said are others, also where one holds just what was sent.
func TestALostCallDoesNotUndoAnAnswer(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.PollInterval = time.Hour
	a := asksOf(w, w.Up())
	w.PolledOnce()
	for _, id := range []string{"7001", "7002"} { // no poll sees them
		_, err := w.ERP.AddPartner(world.Person(id, "Dva Enaka", "", "dva@enaka-test.si"))
		require.NoError(t, err)
	}
	id := w.Add(mapping.Contact{Name: "Dva Enaka", Email: "dva@enaka-test.si"})
	w.Status(id, "held")
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointAdd, sim.FaultBefore))
	require.Error(t, a.syncsNew(id))
	w.Eventually(func() error { _, err := a.sync(id); return err })
	require.NotContains(t, []string{"7001", "7002"}, w.Partner(id).MKID)
	require.Len(t, w.ERP.Partners(), 3)
}
