package phrases

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestCataloguesAreComplete: each has a sentence for every reason, whose parameters are all
// known, and a name for every field, side and rule.
func TestCataloguesAreComplete(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for l, c := range catalogues {
		require.Len(t, c.texts, len(syncer.Reasons()), l)
		for _, f := range mapping.Fields() {
			require.NotEmpty(t, c.fields[f], "%s: %s", l, f)
		}
		for _, code := range syncer.Reasons() {
			full := syncer.Reason{
				Code: code, Field: mapping.FieldPhone, Side: mapping.SideCRM, Rule: mapping.RuleNewest, Winner: mapping.SideCRM,
				Since: &now, ChangedAfter: &now, ChangedAt: &now, RetryAt: &now,
			}
			for _, r := range []syncer.Reason{full, {Code: code}} {
				text := Sentence(l, r, time.UTC)
				require.NotEmpty(t, text, "%s: %s", l, code)
				require.False(t, strings.ContainsAny(text, "{}"), "%s: %s", l, text)
			}
		}
	}
}

// TestSentence: as a person reads it.
func TestSentence(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 12, 9, 42, 0, 0, time.UTC)
	seen := at.Add(time.Minute)
	r := syncer.Reason{
		Code: syncer.WhyChanged, Field: mapping.FieldPhone, Side: mapping.SideMetaKocka, Value: "040 555 123", ChangedAt: &at, Since: &seen,
	}
	zone := time.FixedZone("CET", 3600)
	require.Equal(t, "Phone is 040 555 123 in MetaKocka since 12 Nov 2026 at 10:43 because it was changed in the CRM on 12 Nov 2026 at 10:42; "+
		"MetaKocka's value had not changed since the two last agreed.", Sentence(English, r, zone))
	r.Side = mapping.SideCRM
	r.ChangedAfter = &at
	r.ChangedAt = &seen
	require.Contains(t, Sentence("de", r, time.UTC), "changed in MetaKocka between 12 Nov 2026 at 09:42 and 12 Nov 2026 at 09:43;")
}
