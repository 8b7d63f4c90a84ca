package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestTheDatabaseIsAway: the first page and the system's say so, and that the rest is not
// known, which is no zero.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	var crm *wire.Wire
	h := open(t, func(w *world.World) {
		var through string
		crm, through = wire.New(t, "crm", string(w.Config.DatabaseURL))
		w.Config.DatabaseURL = config.Secret(through)
	})
	b := h.as(t, operations.Viewer)
	require.NotContains(t, b.get("/console/system").body, "not known")

	crm.Cut()
	for _, page := range []string{"/console/", "/console/system"} {
		h.Eventually(func() error {
			a := b.do(http.MethodGet, page, nil)
			for _, words := range []string{"the CRM&#39;s database does not answer", "Partners</dt><dd><span class=\"none\">not known: "} {
				if a.status != http.StatusOK || !strings.Contains(a.body, words) {
					return fmt.Errorf("%s: %d, without %q: %s", page, a.status, words, a.body)
				}
			}
			return nil
		})
	}

	crm.Mend(t)
	h.Eventually(func() error {
		if a := b.do(http.MethodGet, "/console/", nil); a.status != http.StatusOK || strings.Contains(a.body, "not known") {
			return fmt.Errorf("%d: %s", a.status, a.body)
		}
		return nil
	})
}
