package service_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/alerts"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAPersonIsToldOfAConflict, and that it is over: no message tells whose it is, or what it
// is about.
func TestAPersonIsToldOfAConflict(t *testing.T) {
	t.Parallel()
	told := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- string(body)
	}))
	t.Cleanup(hook.Close)

	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = "manual"
	w.Config.Alerts.WebhookURL, w.Config.Alerts.WebhookSecret = config.Secret(hook.URL), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	w.Config.Alerts.Language = "sl"
	w.Config.PublicURL = "https://mksync.primer.si"
	pace := alerts.UsualPace
	pace.Look, pace.Send, pace.Calm = 50*time.Millisecond, 50*time.Millisecond, 100*time.Millisecond
	w.Pace.Alerts = pace
	s, _ := w.Start(service.RoleAPI) // each reconcile is this test's
	next := func() string {
		t.Helper()
		body, ok := waits.Within(time.Minute, told)
		require.True(t, ok)
		return body
	}

	ana := w.Linked(s, "ana@primer.si")
	p := w.Partner(ana)
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 111 222" })
	w.Set(ana, mapping.FieldPhone, "041 333 444")
	w.Reconciled(s, ana)
	body := next()
	require.Contains(t, body, `"reasons":[{"code":"waiting.conflict","count":1,"text":"1 polje, spremenjeno na obeh straneh, čaka na odločitev","url":"https://mksync.primer.si/console/waiting?kind=conflict"}]}`)
	for _, personal := range []string{ana, p.MKID, "ana@", "Oseba", "111 222", "333 444"} {
		require.NotContains(t, body, personal)
	}

	w.Set(ana, mapping.FieldPhone, "041 111 222")
	w.Reconciled(s, ana)
	require.Contains(t, next(), `"type":"attention.over"`)
	w.Eventually(func() error {
		if w.Count("SELECT count(*) FROM mksync_alerts WHERE ended_at IS NULL") > 0 {
			return errors.New("a message is not noted as sent")
		}
		return nil
	})
	require.Equal(t, 2, w.Count("SELECT count(*) FROM mksync_alerts"))
}
