package httpapi_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

const flowsScript = "../../tests/metakocka/check.sh"

func TestFlowsScript(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not here")
		}
	}
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Bor", "", "bor@partner.si")}})
	_, c := w.API()
	id := w.Insert("Ana", "ana@novak.si")
	run := func(token string) (string, error) {
		env := filepath.Join(t.TempDir(), ".env")
		text := fmt.Sprintf("BASE_URL=%s\nAUTH_TOKEN=%s\nCONTACT_ID=%s\nMETAKOCKA_ID=7001\n", c.Base, token, id)
		require.NoError(t, os.WriteFile(env, []byte(text), 0o600))
		out, err := exec.CommandContext(t.Context(), "sh", flowsScript, env).CombinedOutput()
		return string(out), err
	}
	out, err := run(world.CRMToken)
	require.NoError(t, err, out)
	require.Equal(t, 11, strings.Count(out, "ok    "), out)
	require.Contains(t, out, "\n> POST "+c.Base+"/api/metakocka/contacts/sync {\"contactId\":\""+id+"\"}\n< 200 {\"success\":true,")
	require.Equal(t, 2, w.Count("SELECT count(*) FROM contacts"))
	require.Len(t, w.ERP.Partners(), 2)

	out, err = run("wrong")
	require.Error(t, err)
	require.Contains(t, out, "FAIL  sync: answered 401, not 200")
	out, err = run("")
	require.Error(t, err)
	require.Contains(t, out, "AUTH_TOKEN is not set")
}
