package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
	w := newWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Bor", "", "bor@partner.si")}})
	_, c := w.api()
	id := w.insert("Ana", "ana@novak.si")
	run := func(token string) (string, error) {
		env := filepath.Join(t.TempDir(), ".env")
		text := fmt.Sprintf("BASE_URL=%s\nAUTH_TOKEN=%s\nCONTACT_ID=%s\nMETAKOCKA_ID=7001\n", c.base, token, id)
		require.NoError(t, os.WriteFile(env, []byte(text), 0o600))
		out, err := exec.CommandContext(t.Context(), "sh", flowsScript, env).CombinedOutput()
		return string(out), err
	}
	out, err := run(crmToken)
	require.NoError(t, err, out)
	require.Equal(t, 11, strings.Count(out, "ok    "), out)
	require.Contains(t, out, "\n> POST "+c.base+"/api/metakocka/contacts/sync {\"contactId\":\""+id+"\"}\n< 200 {\"success\":true,")
	require.Equal(t, 2, w.count("SELECT count(*) FROM contacts"))
	require.Len(t, w.erp.Partners(), 2)

	out, err = run("wrong")
	require.Error(t, err)
	require.Contains(t, out, "FAIL  sync: answered 401, not 200")
	out, err = run("")
	require.Error(t, err)
	require.Contains(t, out, "AUTH_TOKEN is not set")
}
