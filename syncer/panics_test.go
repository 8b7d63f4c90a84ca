package syncer

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
)

// TestAPanicIsOneContactsError: it is put aside, and the log says where it came from.
func TestAPanicIsOneContactsError(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r, err := NewReconciler(Config{Policy: mapping.DefaultPolicy()}, struct{ Links }{}, nil, nil, nil, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	for _, reconcile := range []func() (Result, error){
		func() (Result, error) { return r.Contact(t.Context(), "4711", Trigger{}) },
		func() (Result, error) { return r.Partner(t.Context(), "4711", Trigger{}) },
	} {
		log.Reset()
		_, err := reconcile()
		var rejected *RejectError
		require.ErrorAs(t, err, &rejected)
		require.Contains(t, rejected.Reason.String(), "panic")
		require.Contains(t, log.String(), "key=4711")
		require.Contains(t, log.String(), "panics_test.go")
	}
}
