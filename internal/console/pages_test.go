package console_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// tokenOf is the token of whoever has a role.
func tokenOf(r operations.Role) string { return "the-token-of-the-" + string(r) }

// started is a world whose service has nothing but the console and its operations, with a
// token for each role.
func started(t *testing.T) (w *world.World, s *service.Service, base string) {
	t.Helper()
	w = world.New(t, sim.Options{})
	tokens := ""
	for _, r := range operations.Roles() {
		tokens += fmt.Sprintf(",the-%[1]s:%[2]s:%[1]s", r, tokenOf(r))
	}
	w.Config.APIToken, w.Config.APIRate = config.Secret(tokens[1:]), 1e6
	s, _ = w.Start(service.RoleAPI)
	w.Eventually(func() error {
		if s.HTTPAddr() == "" {
			return fmt.Errorf("no HTTP yet")
		}
		return nil
	})
	return w, s, "http://" + s.HTTPAddr()
}

// TestPages: one world, whose pages are read and whose forms are sent.
func TestPages(t *testing.T) {
	t.Parallel()
	_, _, base := started(t)
	admin := newBrowser(t, base).signIn(tokenOf(operations.Admin))

	t.Run("overview", func(t *testing.T) {
		a := admin.get("/console/")
		require.Contains(t, a.body, "<title>Overview")
	})
}
