package cdc

import (
	"testing"
	"time"
)

// TestAServerThatReadsForLongIsGivenMoreTimeEachTime: it answers nothing while it
// reads what others changed, and would begin with that anew on each connection.
func TestAServerThatReadsForLongIsGivenMoreTimeEachTime(t *testing.T) {
	t.Parallel()
	r := streamOne(t)
	r.exec("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET wal_sender_timeout = 0', current_database()); END $$")
	r.exec("CREATE TABLE others AS SELECT generate_series(1, 300000) AS n")
	r.exec("INSERT INTO items VALUES (2)")
	r.cfg.silence, r.cfg.StatusInterval, r.cfg.BackoffMax = 10*time.Millisecond, 3*time.Millisecond, 20*time.Millisecond
	r.start()
	r.sink.awaitKey(t, "2")
}
