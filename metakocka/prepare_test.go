package metakocka_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
)

func TestPrepareIsCalledRightBeforeAWrite(t *testing.T) {
	t.Parallel()
	var steps []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		steps = append(steps, r.URL.Path)
		_, _ = w.Write([]byte(`{"mk_id":"1","partner_list":[{"mk_id":"1","customer":"Ana"}]}`))
	}))
	defer server.Close()
	c := newClient(t, server.URL)

	broken := errors.New("database away")
	_, err := c.Update(t.Context(), metakocka.Update{MKID: "1"}, func(context.Context) error { return broken })
	require.ErrorIs(t, err, broken)
	require.False(t, metakocka.IsTransient(err), "MetaKocka is not to blame")
	require.Empty(t, steps)

	note := func(context.Context) error { steps = append(steps, "stored"); return nil }
	_, err = c.Add(t.Context(), metakocka.NewPartner{Customer: "Ana"}, note)
	require.NoError(t, err)
	_, err = c.Find(t.Context(), metakocka.Query{ID: "1"})
	require.NoError(t, err)
	require.Equal(t, []string{"stored", "/add_partner", "/get_partner"}, steps)
}
