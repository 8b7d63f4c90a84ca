package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// checkUp runs `mksync doctor` with the environment alone.
func checkUp(t *testing.T, environ []string, flags ...string) (stdout string, err error) {
	t.Helper()
	var out, stderr bytes.Buffer
	app := &cliEnv{stdout: &out, stderr: &stderr, environ: environ}
	cmd := newDoctorCommand(app)
	cmd.SetArgs(append([]string{}, flags...)) // nil is what the test itself was called with
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err = cmd.ExecuteContext(t.Context())
	require.Empty(t, stderr.String())
	return out.String(), err
}

func healthyEnvironment(t *testing.T) []string {
	t.Helper()
	url := testenv.DB(t)
	testenv.ContactsTable(t, url)
	simulator := sim.New(sim.Options{})
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	t.Cleanup(simulator.Close)
	return []string{
		"MKSYNC_DATABASE_URL=" + url, "MKSYNC_DATA_DIR=" + t.TempDir(),
		"MKSYNC_METAKOCKA_URL=" + server.URL + sim.BasePath,
		"MKSYNC_METAKOCKA_COMPANY_ID=" + sim.DefaultCompanyID, "MKSYNC_METAKOCKA_SECRET_KEY=" + sim.DefaultSecretKey,
	}
}

func TestDoctorFindsNothingWrong(t *testing.T) {
	t.Parallel()
	environ := healthyEnvironment(t)
	out, err := checkUp(t, environ)
	require.NoError(t, err, out)
	require.Contains(t, out, "ok    configuration          environment, without a file\n")
	require.Contains(t, out, "ok    wal_level              logical\n")
	require.Contains(t, out, "note  mksync's tables")
	require.True(t, strings.HasSuffix(out, "\nnothing is wrong\n"), out)
	require.NotContains(t, out, sim.DefaultSecretKey)

	out, err = checkUp(t, environ, "--json")
	require.NoError(t, err)
	var report struct {
		OK       bool
		Findings []doctor.Finding
		Hints    []doctor.Hint
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.True(t, report.OK)
	last := report.Findings[len(report.Findings)-1]
	require.Equal(t, []any{"MetaKocka key", doctor.OK, "accepted", "doctor.key_accepted"}, []any{last.Name, last.Status, last.Detail, last.Reason.Code})
	require.NotNil(t, report.Hints)
}

func TestDoctorNamesAllThatIsWrongAndGoesOn(t *testing.T) {
	t.Parallel()
	environ := append(healthyEnvironment(t),
		"MKSYNC_SLOT=Not A Slot", "MKSYNC_POLL_INTERVALL=5s", "MKSYNC_METAKOCKA_SECRET_KEY=another-key-4711")
	out, err := checkUp(t, environ)
	require.ErrorIs(t, err, errReported)
	require.Contains(t, out, `FAIL  configuration          MKSYNC_SLOT: "Not A Slot" is not a slot name`)
	require.Contains(t, out, "FAIL  configuration          MKSYNC_POLL_INTERVALL: unknown variable; did you mean MKSYNC_POLL_INTERVAL?")
	require.Contains(t, out, "skip  database               not checked: MKSYNC_SLOT is missing or wrong")
	require.Contains(t, out, "FAIL  MetaKocka key          MetaKocka refuses the call")
	require.Contains(t, out, "\n3 things have to be put right\n")
	require.NotContains(t, out, "another-key-4711")

	out, err = checkUp(t, environ, "--json")
	require.ErrorIs(t, err, errReported)
	require.Contains(t, out, `"ok": false`)
}

func TestDoctorLooksAtWhatIsConfigured(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mksync.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
fields:
  notes: {direction: off}
  email: {direction: to_metakocka, column: mail}
  name: {columns: [firstname, lastname], also: full_name}
insert:
  source: erp
filter:
  - status: active
remote_delete_policy: delete
`), 0o600))
	cfg, err := config.Load(path, nil)
	require.NoError(t, err)
	got := service.DoctorConfig(cfg, nil)
	require.NotContains(t, got.Database.Fields, mapping.FieldNotes)
	require.Equal(t, doctor.Columns{Read: []string{"mail"}}, got.Database.Fields[mapping.FieldEmail])
	require.Equal(t, doctor.Columns{Read: []string{"phone"}, Written: true}, got.Database.Fields[mapping.FieldPhone])
	require.Equal(t, doctor.Columns{Read: []string{"firstname", "lastname"}, Also: []string{"full_name"}, Written: true}, got.Database.Fields[mapping.FieldName])
	require.Equal(t, []string{"source"}, got.Database.Insert)
	require.Equal(t, []string{"status"}, got.Database.Filter)
	require.True(t, got.Database.Deletes)

	app := &cliEnv{configPath: path}
	require.Equal(t, path+" and environment", app.configSource())
	app = &cliEnv{environ: []string{"MKSYNC_CONFIG=other.yaml"}}
	require.Equal(t, "other.yaml and environment", app.configSource())
}

// A doctor that is stopped ends at once and blames nothing for it.
func TestDoctorEndsWithItsContext(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	app := &cliEnv{stdout: &out, environ: healthyEnvironment(t)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, app.doctorLines(ctx), errStopped)
	require.NotContains(t, out.String(), "FAIL")
	require.ErrorIs(t, app.doctorJSON(ctx), errStopped)
}
