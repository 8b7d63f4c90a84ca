package operations

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/syncer"
)

// anyRequest has a field of each type that a request has.
type anyRequest struct {
	Text    string    `json:"text"`
	Flag    bool      `json:"flag,omitempty"`
	Number  int       `json:"number,omitempty"`
	List    []string  `json:"list,omitempty"`
	At      time.Time `json:"at,omitzero"`
	hidden  string
	Skipped string `json:"-"`
	Page
}

// TestRequestsAreStrict: what is wrong is said with the field or the list's index, and
// nothing is guessed.
func TestRequestsAreStrict(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`[`, mostDeep+1) + strings.Repeat(`]`, mostDeep+1)
	for request, says := range map[string]string{
		`[]`:                                    "the request must be a JSON object",
		`"x"`:                                   "the request must be a JSON object",
		`{"text":"a"} {}`:                       "the request is not JSON: something follows the object",
		`{"text":`:                              "the request is not JSON: ",
		`{"colour":"red"}`:                      "colour: is not a field of this request; known: text, flag, number, list, at, after, limit",
		`{"Text":"a"}`:                          "Text: is not a field of this request",
		`{"hidden":"a"}`:                        "hidden: is not a field of this request",
		`{"Skipped":"a"}`:                       "Skipped: is not a field of this request",
		`{"text":"a","text":"b"}`:               "text: is given twice",
		`{"text":7}`:                            "text: must be a text, not a number",
		`{"text":["a"]}`:                        "text: must be a text, not a list",
		`{"text":{"a":1}}`:                      "text: must be a text, not an object",
		`{"text":true}`:                         "text: must be a text, not true or false",
		`{"flag":"yes"}`:                        "flag: must be true or false, not a text",
		`{"list":"a"}`:                          "list: must be a list, not a text",
		`{"list":["a",7]}`:                      "list[1]: must be a text, not a number",
		`{"limit":"5"}`:                         "limit: must be a whole number, not a text",
		`{"limit":1.5}`:                         "limit: must be a whole number from -9223372036854775808 to 9223372036854775807",
		`{"number":1e99}`:                       "number: must be a whole number from",
		`{"at":"yesterday"}`:                    "the request cannot be read: ",
		`{"list":` + deep + `}`:                 "the request is not JSON: it is nested too deep",
		"{\"list\":[\"a\",\"\xff\"]}":           "list[1]: is not UTF-8 text",
		"{\"\xff\":1}":                          ": is not UTF-8 text",
		`{"` + strings.Repeat("č", 61) + `":1}`: strings.Repeat("č", 60) + "…: is not a field",
	} {
		var into anyRequest
		err := decode([]byte(request), &into)
		require.True(t, syncer.IsCode(err, syncer.CodeMalformed), "%s: %v", request, err)
		require.ErrorContains(t, err, says, request)
	}
	for request, want := range map[string]anyRequest{
		"":                {},
		" \n":             {},
		"{}":              {},
		` {"text":null} `: {},
		`{"text":"a","flag":true,"number":7,"list":["b"],"after":"c","limit":3}`: {Text: "a", Flag: true, Number: 7, List: []string{"b"}, Page: Page{After: "c", Limit: 3}},
	} {
		var into anyRequest
		require.NoError(t, decode([]byte(request), &into), request)
		require.Equal(t, want, into)
		require.Empty(t, into.hidden)
	}
	require.ErrorContains(t, decode([]byte(`{"a":1}`), &Nothing{}), "known: none")
}

// TestEveryRequestNamesItsFields: of one whose fields had no names, nothing could be asked.
func TestEveryRequestNamesItsFields(t *testing.T) {
	t.Parallel()
	for _, e := range Endpoints() {
		request, _ := e.Types()
		names := fieldNames(request)
		require.NotContains(t, names, "", "%s: a field has no name", e.Subject())
		seen := map[string]bool{}
		for _, n := range names {
			require.False(t, seen[n], "%s: %s is there twice", e.Subject(), n)
			require.Regexp(t, "^[a-z][A-Za-z]*$", n, e.Subject())
			seen[n] = true
		}
	}
}

// TestReasonsThatAPersonGives are texts of a length that a list can show.
func TestReasonsThatAPersonGives(t *testing.T) {
	t.Parallel()
	require.NoError(t, checkReason("", false))
	require.NoError(t, checkReason("a friend,\nč "+strings.Repeat("ž", longestReason-12), true))
	for reason, says := range map[string]string{
		" ": "reason: is missing", strings.Repeat("ž", longestReason+1): "at most", "a\x00b": "reason: is no text", "a\tb": "reason: is no text", "a\ufffd": "reason: is no text",
	} {
		require.ErrorContains(t, checkReason(reason, true), says)
	}
}

// TestTimesOfRequests.
func TestTimesOfRequests(t *testing.T) {
	t.Parallel()
	at, err := moment("since", "2026-08-31T14:00:00.5+02:00")
	require.NoError(t, err)
	require.True(t, at.Equal(time.Date(2026, 8, 31, 12, 0, 0, 500_000_000, time.UTC)))
	none, err := moment("since", "")
	require.NoError(t, err)
	require.Zero(t, none)
	for _, text := range []string{"yesterday", "2026-08-31", "2026-08-31T14:00:00", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z"} {
		_, err := moment("since", text)
		require.ErrorContains(t, err, "since: is not a time such as 2026-08-31T14:00:00Z", text)
	}
}
