package alerts

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/status"
)

// TestAMessageAsItIsRead, in either language.
func TestAMessageAsItIsRead(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 9, 0, 0, 0, time.FixedZone("CET", 3600))
	needed := store.Alert{ID: "7f", Type: store.AttentionNeeded, At: at, Reasons: []store.AlertReason{
		{Code: string(status.WaitingConflict), Count: 2}, {Code: string(status.WaitingDeletion), Count: 1}, {Code: string(status.ProblemPaused), Count: 1},
	}}
	c := Config{Language: phrases.Slovenian, Installation: "acme", Console: "https://mksync.primer.si/console/"}
	l := c.write(needed)
	require.Equal(t, "mksync: nekaj čaka na vas (acme)", l.subject)
	require.Equal(t, `Med CRM-jem in MetaKocko nekaj čaka na človeka:

- 2 polji, spremenjeni na obeh straneh, čakata na odločitev
- 1 izbris čaka na potrditev
- pošiljanje je ustavljeno: MetaKocka ni dosegljiva ali vse zavrača

https://mksync.primer.si/console/

mksync piše enkrat, ko kaj čaka, dokler čaka največ enkrat na dan, in enkrat, ko nič več ne čaka.
`, l.text)

	require.Equal(t, "https://mksync.primer.si/console/waiting?kind=conflict", l.body.Reasons[0].URL)
	require.Equal(t, "https://mksync.primer.si/console/", l.body.Reasons[2].URL)

	c = Config{Language: phrases.English}
	body, err := json.Marshal(c.write(needed).body)
	require.NoError(t, err)
	require.JSONEq(t, `{"type": "attention.needed", "at": "2026-11-30T08:00:00Z", "reasons": [
		{"code": "waiting.conflict", "count": 2, "text": "2 fields were changed on both sides and wait for a decision"},
		{"code": "waiting.deletion", "count": 1, "text": "1 deletion waits for approval"},
		{"code": "problem.paused", "count": 1, "text": "sending is paused: MetaKocka is away or refuses everything"}]}`, string(body))
	l = c.write(store.Alert{Type: store.AttentionOver, At: at})
	require.Equal(t, "mksync: nothing waits for you any more", l.subject)
	body, err = json.Marshal(l.body)
	require.NoError(t, err)
	require.JSONEq(t, `{"type": "attention.over", "at": "2026-11-30T08:00:00Z", "reasons": []}`, string(body))
}

// TestEveryCodeCanBeSaid: a message never shows a code in place of a text.
func TestEveryCodeCanBeSaid(t *testing.T) {
	t.Parallel()
	for _, l := range phrases.Languages() {
		for _, code := range status.Codes() {
			for _, n := range []int{1, 2, 3, 5} {
				said := Say(l, store.AlertReason{Code: string(code), Count: n})
				require.NotEqual(t, string(code), said)
				require.NotContains(t, said, "alert.")
			}
		}
	}
	require.Equal(t, "problem.of_a_later_version", Say(phrases.English, store.AlertReason{Code: "problem.of_a_later_version", Count: 1}))
}

// TestSecretsAndAddresses: what is taken, and what is refused without being quoted.
func TestSecretsAndAddresses(t *testing.T) {
	t.Parallel()
	key, err := ReadSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	require.Len(t, key, 24)
	for _, wrong := range []string{"", "whsec_", "whsec_YWJj", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!KQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		_, err := ReadSecret(wrong)
		require.ErrorIs(t, err, ErrSecret, wrong)
	}

	for address, want := range map[string]SMTP{
		"smtp://mail.primer.si":                    {Host: "mail.primer.si", Port: 587},
		"smtps://mail.primer.si":                   {Host: "mail.primer.si", Port: 465, Encrypted: true},
		"smtp://ana%40primer.si:g%2Fslo@[::1]:25/": {Host: "::1", Port: 25, User: "ana@primer.si", Password: "g/slo"},
	} {
		got, err := ReadSMTP(address)
		require.NoError(t, err, address)
		require.Equal(t, want, got)
	}
	for _, wrong := range []string{"", "mail.primer.si:25", "http://mail.primer.si", "smtp://", "smtp://host:0", "smtp://host:x", "smtp://a:b@c@host", "smtp://host/path", "smtp://host?x=y"} {
		_, err := ReadSMTP(wrong)
		require.ErrorIs(t, err, ErrSMTP, wrong)
	}

	all, err := ReadAddresses("Ana <ana@primer.si>, bor@primer.si")
	require.NoError(t, err)
	require.Equal(t, []string{"ana@primer.si", "bor@primer.si"}, all)
	_, err = ReadAddresses("ana")
	require.Error(t, err)
}

// TestRestsGrow: from the first to the last, for about a day before a message is given up.
func TestRestsGrow(t *testing.T) {
	t.Parallel()
	var all time.Duration
	for tries := 1; tries < UsualPace.Tries; tries++ {
		rest := UsualPace.rest(tries)
		want := min(UsualPace.First<<min(tries-1, 20), UsualPace.Last)
		require.InDelta(t, float64(want), float64(rest), float64(want)/5+1, tries)
		all += rest
	}
	require.InDelta(t, 24, all.Hours(), 2)
}
