package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatNobodySees goes, and what breaks a line is a space where there is one line.
func TestWhatNobodySees(t *testing.T) {
	t.Parallel()
	for between, want := range map[string]string{
		"":     "\u0007\u007f\ufeff\u200b\u2060\u00ad\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
		" ":    "\n\r\t\v\f\u0085\u2028\u2029 ",
		"same": "\u200c\u200d\u2065\u206a\u202f\u00a0-",
	} {
		for _, r := range want {
			stays := between
			if between == "same" {
				stays = string(r)
			}
			require.Equal(t, "Ana"+stays+"Kralj", clean(FieldName, "Ana"+string(r)+"Kralj"), "%U", r)
		}
	}
	for _, r := range "\n\r\u2028\u2029" {
		require.Equal(t, "prva\ndruga", clean(FieldNotes, "prva"+string(r)+"druga"), "%U", r)
	}
	require.Equal(t, "prva\ndruga", clean(FieldNotes, "prva\r\ndruga"))
}
