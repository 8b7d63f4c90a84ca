package cdc

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/testenv"
)

func atLeast(s *countingSink, n uint64) error {
	if got := s.n.Load(); got < n {
		return fmt.Errorf("%d of %d events", got, n)
	}
	return nil
}

func BenchmarkDecode(b *testing.B) {
	d := testDecoder(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, m := range []msg{msgBegin, msgInsert, msgCommit} {
			if _, err := d.decode(m); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkBacklog reads transactions of one row that were committed while
// nobody listened.
func BenchmarkBacklog(b *testing.B) {
	const transactions = 50_000
	r := newRig(b, pgserver.ContactsSchema)
	r.cfg.Table = "public.contacts"
	r.startStreaming().stop()
	r.exec(`CREATE PROCEDURE fill(n int) LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..n LOOP
		INSERT INTO contacts (name, email, phone, address, country) VALUES ('Janez Novak ' || i, 'janez' || i || '@example.si', '+386 40 123 456', 'Slovenska 1, Ljubljana, 1000', 'SI');
		COMMIT; END LOOP; END $$`)
	r.exec("CALL fill($1)", transactions)
	var took time.Duration
	for b.Loop() {
		r.cfg.ConfirmDelay = time.Hour
		sink := &countingSink{}
		began := time.Now()
		run := r.startWith(sink)
		testenv.Eventually(b, time.Minute, func() error { return atLeast(sink, transactions) })
		took += time.Since(began)
		run.end()
		require.NoError(b, run.err)
	}
	b.ReportMetric(float64(transactions)*float64(b.N)/took.Seconds(), "tx/s")
}
