package metakocka

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestLawElementsAreThoseOfTheList: whatever JSON the elements are.
func TestLawElementsAreThoseOfTheList(t *testing.T) {
	t.Parallel()
	element := rapid.Custom(func(t *rapid.T) json.RawMessage {
		values := map[string]any{rapid.String().Draw(t, "key"): []any{
			rapid.String().Draw(t, "text"), rapid.SampledFrom([]string{`\`, `"`, `[]{},`, `a\"b`}).Draw(t, "odd"), nil, rapid.Float64().Draw(t, "number"),
		}}
		raw, err := json.Marshal(rapid.SampledFrom([]any{values, values["x"], rapid.String().Draw(t, "scalar"), []any{}, 1, true}).Draw(t, "value"))
		require.NoError(t, err)
		return raw
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(element).Draw(t, "elements")
		for _, indent := range []bool{false, true} {
			list, err := json.Marshal(want)
			require.NoError(t, err)
			if indent {
				list, err = json.MarshalIndent(want, " ", "\t")
				require.NoError(t, err)
			}
			got, whole := elementsOf(list)
			require.True(t, whole)
			require.Len(t, got, len(want))
			for i := range want {
				require.JSONEq(t, string(want[i]), string(got[i]))
			}
		}
	})
}

// TestLawAnAnswerIsReadAsJSONIs: attribute by attribute, as encoding/json reads it.
func TestLawAnAnswerIsReadAsJSONIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(rapid.String(), rapid.SampledFrom([]json.RawMessage{
			json.RawMessage(`"a:b,{\\\"\""`), json.RawMessage("[1, {\"x\": [\"]\"]}]"), json.RawMessage("null"), json.RawMessage("-1.5e3"), json.RawMessage("{}"),
		})).Draw(t, "object")
		body, err := json.Marshal(want)
		require.NoError(t, err)
		cut := rapid.IntRange(0, len(body)).Draw(t, "cut")
		_, ok := parseObject(body[:cut])
		require.Equal(t, cut == len(body), ok, "%s", body[:cut])
		var read map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(body, &read))
		got, _ := parseObject(body)
		require.Equal(t, read, got)
	})
}
