package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// tokenOf is the token of whoever has a role.
func tokenOf(r operations.Role) string { return "the-token-of-the-" + string(r) }

// TestEveryRoleMayWhatItMay: each role asks for each operation, over HTTP by its token and
// over NATS by the name that is handed on. What it may is answered by the operation itself,
// which finds nothing to do, or the request malformed.
func TestEveryRoleMayWhatItMay(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	var tokens []string
	for _, r := range operations.Roles() {
		tokens = append(tokens, fmt.Sprintf("the-%[1]s:%[2]s:%[1]s", r, tokenOf(r)))
	}
	w.Config.APIToken, w.Config.APIRate = config.Secret(strings.Join(tokens, ",")), 1e6
	s, _ := w.Start(service.RoleAPI)
	w.Eventually(func() error {
		if s.HTTPAddr() == "" {
			return fmt.Errorf("no HTTP yet")
		}
		return nil
	})

	refused := func(code int, message string, e operations.Endpoint, r operations.Role) {
		t.Helper()
		if r.May(operations.Right(e)) {
			require.NotEqual(t, http.StatusForbidden, code, "%s: %s: %s", r, e.Subject(), message)
			return
		}
		require.Equal(t, http.StatusForbidden, code, "%s: %s: %s", r, e.Subject(), message)
		require.Contains(t, message, fmt.Sprintf("needs the right %s, and the-%s has %s", operations.Right(e), r, r))
	}
	for _, r := range operations.Roles() {
		c := world.Client{T: t, Base: "http://" + s.HTTPAddr(), Token: tokenOf(r)}
		for _, rt := range httpapi.Routes() {
			body := ""
			if rt.Method == http.MethodPost {
				body = "{}"
			}
			a := c.Do(rt.Method, strings.ReplaceAll(rt.Path, "{id}", "0"), body)
			refused(a.Status, string(a.Body), rt.Op, r)
		}
		for _, e := range operations.Endpoints() {
			m := nats.NewMsg("mksync." + e.Subject())
			m.Header.Set("Mksync-By", "the-"+string(r))
			a, err := s.Conn.RequestMsgWithContext(waits.Context(t, time.Minute), m)
			require.NoError(t, err)
			var reply operations.Reply
			require.NoError(t, json.Unmarshal(a.Data, &reply))
			code, message := http.StatusOK, ""
			if reply.Error != nil {
				code, message = reply.Error.Code.HTTP(), reply.Error.Message
			}
			refused(code, message, e, r)
		}
	}

	// That there is none of those that match is a decision.
	id := w.Insert("Ana", "ana@primer.si")
	c := world.Client{T: t, Base: "http://" + s.HTTPAddr(), Token: tokenOf(operations.Decider)}
	c.Post("contacts/sync", `{"contactId":"`+id+`"}`).Refused(403, "forbidden", "needs the right operator")
	c.Post("contacts/sync", `{"contactId":"`+id+`","new":true}`).Data(&struct{}{})
	require.Equal(t, "the-decider", w.One("SELECT created_by FROM metakocka_contact_mappings"))
}
