package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
)

// TestMessagesGoOneAfterTheOther: each way has its own queue, and what rests holds up those
// behind it, for they are to arrive in order.
func TestMessagesGoOneAfterTheOther(t *testing.T) {
	t.Parallel()
	k := keep(t)
	var known map[string]int
	decide := func(channels ...store.AlertChannel) {
		t.Helper()
		require.NoError(t, k.DecideAlerts(t.Context(), &known, func(now time.Time) (all []store.Alert) {
			require.WithinDuration(t, time.Now(), now, time.Minute)
			known = map[string]int{"conflicts": known["conflicts"] + 1}
			for _, c := range channels {
				all = append(all, store.Alert{Channel: c, Type: "attention.needed", Reasons: []store.AlertReason{{Code: "conflicts", Count: known["conflicts"]}}})
			}
			return all
		}))
	}
	take := func(c store.AlertChannel, count, tries int) (id string) {
		t.Helper()
		a, err := k.TakeAlert(t.Context(), c, time.Minute)
		require.NoError(t, err)
		if count == 0 {
			require.Nil(t, a)
			return ""
		}
		require.NotNil(t, a)
		require.Equal(t, []int{count, tries}, []int{a.Reasons[0].Count, a.Tries})
		return a.ID
	}

	take(store.AlertMail, 0, 0)
	decide(store.AlertMail, store.AlertWebhook)
	decide(store.AlertMail)
	require.Equal(t, 2, known["conflicts"], "what people know is kept from one to the next")
	first := take(store.AlertMail, 1, 1)
	take(store.AlertMail, 0, 0) // it is being sent
	webhook := take(store.AlertWebhook, 1, 1)

	require.NoError(t, k.AlertFailed(t.Context(), first, "no route", time.Minute))
	take(store.AlertMail, 0, 0) // it rests
	require.NoError(t, k.AlertFailed(t.Context(), first, "no route", 0))
	require.Equal(t, first, take(store.AlertMail, 1, 2))
	require.NoError(t, k.AlertFailed(t.Context(), first, "no route", 2*time.Hour)) // no rest is that long: a clock went back
	require.Equal(t, first, take(store.AlertMail, 1, 3))

	unsent := func(want ...store.AlertChannel) {
		t.Helper()
		got, err := k.Unsent(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, want, each(got, func(u store.Unsent) store.AlertChannel { return u.Channel }))
	}
	unsent()
	require.NoError(t, k.AlertGivenUp(t.Context(), first, "no such mailbox"))
	require.NoError(t, k.AlertSent(t.Context(), webhook))
	require.NoError(t, k.AlertFailed(t.Context(), webhook, "too late", 0)) // it was sent
	take(store.AlertWebhook, 0, 0)
	unsent(store.AlertMail)
	second := take(store.AlertMail, 2, 1)
	require.NoError(t, k.AlertFailed(t.Context(), second, "no route", 0))
	require.NoError(t, k.AlertSent(t.Context(), second))
	unsent()
	take(store.AlertMail, 0, 0)

	k.exec("UPDATE mksync_alerts SET ended_at = now() - interval '91 days' WHERE id = $1", first)
	decide()
	k.is(3, "SELECT count(*) FROM mksync_alerts")
	decide(store.AlertMail)
	k.is(0, "SELECT count(*) FROM mksync_alerts WHERE id = $1", first)
	k.is(3, "SELECT count(*) FROM mksync_alerts")
}
