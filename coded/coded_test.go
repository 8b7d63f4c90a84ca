package coded

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// TestSay: names stand for values in their order, a name that comes again for the same value.
func TestSay(t *testing.T) {
	t.Parallel()
	said := Say("x.linked", "contact {contact} is linked with {partner}: unlink {contact} first", "c-1", 7001)
	require.Equal(t, "contact c-1 is linked with 7001: unlink c-1 first", said.String())
	require.Equal(t, map[string]string{"contact": "c-1", "partner": "7001"}, said.Params)

	why := Say("x.not_yet", "it is stored: {cause}. Try again", said)
	require.Equal(t, "it is stored: contact c-1 is linked with 7001: unlink c-1 first. Try again", why.String())
	body, err := json.Marshal(why)
	require.NoError(t, err)
	require.JSONEq(t, `{"code":"x.not_yet","cause":{"code":"x.linked","params":{"contact":"c-1","partner":"7001"}}}`, string(body))

	loud := why.Clean(strings.ToUpper)
	require.Equal(t, "C-1", loud.Cause.Params["contact"])
	require.Equal(t, "c-1", said.Params["contact"], "it is another")
	require.True(t, Text{}.IsZero())
}

// TestCount: the words fit the number.
func TestCount(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "1 deletion of a waits", 2: "2 deletions of a wait"} {
		said := Count("x.wait", n, "{n} deletion of {side} waits", "{n} deletions of {side} wait", "a")
		require.Equal(t, want, said.String())
		require.Equal(t, map[string]string{"n": fmt.Sprint(n), "side": "a"}, said.Params)
	}
}

// TestOf: an error says its own text, however deep it is; else what a database answered,
// without what was put before it; else its words.
func TestOf(t *testing.T) {
	t.Parallel()
	own := Fail("x.gone", "{what} is gone", "it")
	require.Equal(t, "x.gone", Of(fmt.Errorf("look: %w", own)).Code)
	require.ErrorIs(t, fmt.Errorf("look: %w", own), own)
	require.Equal(t, map[string]string{"words": "no route"}, Of(errors.New("no route")).Params)

	answered := Of(fmt.Errorf("load mapping: %w", &pgconn.PgError{Severity: "ERROR", Code: "40P01", Message: "deadlock detected"}))
	require.True(t, answered.IsWords())
	require.Equal(t, map[string]string{"words": "ERROR: deadlock detected (SQLSTATE 40P01)"}, answered.Params)
	require.Equal(t, "load mapping: ERROR: deadlock detected (SQLSTATE 40P01)", answered.String())
}

// TestAnd: what is said behind a text is said with it, and no text becomes another by that.
func TestAnd(t *testing.T) {
	t.Parallel()
	one, two, three := Say("x.one", "one {n2}", 1), Say("x.two", "two"), Say("x.three", "three")
	all := one.And(Text{}).And(two.And(three))
	require.Equal(t, "one 1; two; three", all.String())
	require.Equal(t, []string{"x.one", "x.two", "x.three"}, []string{all.Code, all.More[0].Code, all.More[1].Code})
	require.Equal(t, all, one.And(two).And(three))
	require.Empty(t, one.More)
	require.True(t, Text{}.And(Text{}).IsZero())
	require.Equal(t, "ONE 1; TWO; THREE", all.Clean(strings.ToUpper).String())
	require.Equal(t, []Text{two, one}, []Text{Text{}.Or(two), one.Or(two)})

	long := one.And(two)
	_, _ = long.And(two), long.And(three)
	require.Len(t, long.More, 1)
}

// TestRecord: what is stored beside the words is read with them, and with no others.
func TestRecord(t *testing.T) {
	t.Parallel()
	said := Say("x.gone", "{what} is gone: {cause}", "it", Words("no route")).And(Say("x.two", "two"))
	body, err := json.Marshal(said.Record())
	require.NoError(t, err)
	var r *Record
	require.NoError(t, json.Unmarshal(body, &r))
	read := Stored(said.String(), r)
	require.Equal(t, said.String(), read.String())
	again, err := json.Marshal(read.Record())
	require.NoError(t, err)
	require.JSONEq(t, string(body), string(again))

	for _, earlier := range []Text{Stored("it is gone", nil), Stored("it is gone", r), Told("it is gone", Text{})} {
		require.True(t, earlier.IsEarlier())
		require.Equal(t, "it is gone", earlier.String())
		require.Nil(t, earlier.Record(), "there is nothing more to it")
	}
	require.True(t, Stored("", nil).IsZero())
	require.Equal(t, Text{}, Stored("", r), "the words were cleared")
}
