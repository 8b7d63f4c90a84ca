package phrases

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestSentence: as a person reads it, in either language.
func TestSentence(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CET", 3600)
	at := time.Date(2026, 11, 12, 9, 42, 0, 0, time.UTC)
	seen := at.Add(time.Minute)
	changed := syncer.Reason{Code: syncer.WhyChanged, Field: mapping.FieldPhone, Side: mapping.SideMetaKocka, Value: "040 555 123", ChangedAt: &at}
	since := changed
	since.Since = &seen
	back := syncer.Reason{Code: syncer.WhyChanged, Field: mapping.FieldTaxNumber, Side: mapping.SideCRM, ChangedAfter: &at, ChangedAt: &seen}
	notes := syncer.Reason{Code: syncer.WhyParked, Field: mapping.FieldNotes, CRM: "stara stranka"}
	conflict := syncer.Reason{
		Code: syncer.WhyConflict, Field: mapping.FieldCountry, Value: "AT", CRM: "AT", MetaKocka: "DE", Rule: mapping.RuleNewest, Winner: mapping.SideCRM,
	}
	failed := syncer.Reason{Code: syncer.StandsError, Words: "Napaka 12", Retries: 2, RetryAt: &at}
	decide := syncer.Reason{Code: syncer.StandsConflict, Fields: []mapping.Field{mapping.FieldPhone, mapping.FieldEmail}}

	for _, c := range []struct {
		r      syncer.Reason
		en, sl string
	}{
		{
			changed,
			"Phone is 040 555 123 in MetaKocka because it was changed in the CRM on 12 Nov 2026 at 10:42; MetaKocka's value had not changed since the two last agreed.",
			"Telefon v MetaKocki je 040 555 123, ker je bil 12. nov. 2026 ob 10:42 spremenjen v CRM-ju; vrednost v MetaKocki se od zadnje uskladitve ni spremenila.",
		},
		{
			since,
			"Phone is 040 555 123 in MetaKocka since 12 Nov 2026 at 10:43 because it was changed in the CRM on 12 Nov 2026 at 10:42; MetaKocka's value had not changed since the two last agreed.",
			"Telefon v MetaKocki je 040 555 123 (od 12. nov. 2026 ob 10:43), ker je bil 12. nov. 2026 ob 10:42 spremenjen v CRM-ju; vrednost v MetaKocki se od zadnje uskladitve ni spremenila.",
		},
		{
			back,
			"Tax number is empty in the CRM because it was changed in MetaKocka between 12 Nov 2026 at 10:42 and 12 Nov 2026 at 10:43; the CRM's value had not changed since the two last agreed.",
			"Davčna številka v CRM-ju je prazna, ker je bila med 12. nov. 2026 ob 10:42 in 12. nov. 2026 ob 10:43 spremenjena v MetaKocki; vrednost v CRM-ju se od zadnje uskladitve ni spremenila.",
		},
		{
			notes,
			"Notes is stara stranka in the CRM and empty in MetaKocka because both sides changed it, and a person has to decide.",
			"Opombe so v CRM-ju stara stranka, v MetaKocki prazne, ker sta polje spremenili obe strani; čaka na odločitev.",
		},
		{
			conflict,
			"Country is AT because both sides had changed it (the CRM: AT, MetaKocka: DE), and the rule “newest” decided for the CRM.",
			"Država je AT, ker sta polje spremenili obe strani (CRM: AT, MetaKocka: DE) in je pravilo »novejša vrednost« odločilo za CRM.",
		},
		{
			failed,
			"The contact was refused: Napaka 12. It was tried again 2 times by itself. It is tried again on 12 Nov 2026 at 10:42.",
			"Stik je bil zavrnjen: Napaka 12. Prenos se je sam ponovil že 2-krat. Ponovni poskus bo 12. nov. 2026 ob 10:42.",
		},
		{decide, "A person has to decide phone, e-mail.", "Na odločitev čaka: telefon, e-naslov."},
	} {
		require.Equal(t, c.en, English.Sentence(c.r, zone))
		require.Equal(t, c.sl, Slovenian.Sentence(c.r, zone))
		require.Equal(t, c.en, Language("de").Sentence(c.r, zone))
	}
	require.Empty(t, English.Sentence(syncer.Reason{}, zone))
}

// TestWhatCannotBeSaid shows the id, and no half of a text.
func TestWhatCannotBeSaid(t *testing.T) {
	t.Parallel()
	require.Equal(t, "console.no_such_text", Slovenian.Text("console.no_such_text"))
	require.Equal(t, "name.part.since", Slovenian.Text("name.part.since"))
	require.Equal(t, "name.part.since", Slovenian.Text("name.part.since", "other", 1))
	require.False(t, Has("console.no_such_text"))
	require.True(t, Has("name.part.since"))
}

// TestChoose follows what a browser says that its user reads.
func TestChoose(t *testing.T) {
	t.Parallel()
	for accepted, want := range map[string]Language{
		"": English, "sl": Slovenian, "sl-SI,sl;q=0.9,en;q=0.8": Slovenian, "en-US,en;q=0.9,sl;q=0.8": English,
		"de-DE,de;q=0.9,sl;q=0.5": Slovenian, "hr,bs;q=0.9": English, "*": English, "en;q=0.1,sl;q=0.2": Slovenian,
		"sl;q=0,en": English, "what is this;;;": English,
	} {
		require.Equal(t, want, Choose(accepted), accepted)
	}
}
