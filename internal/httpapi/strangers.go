package httpapi

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// strangerRate is how many requests without a valid token an address may make in
// a second, and four times as many at once.
const strangerRate = 5

// tellStrangers is how often at most the log tells of them.
const tellStrangers = time.Minute

// strangers bounds and tells of requests that nobody is let in with. Whoever has
// a valid token is never kept out by them: behind a proxy all come from one
// address, and a token of sixteen characters is not found by guessing at any rate
// that this server can answer.
type strangers struct {
	log    *slog.Logger
	limits *limits // by address

	mu     sync.Mutex
	told   time.Time
	untold int
}

func newStrangers(log *slog.Logger) *strangers {
	return &strangers{log: log, limits: newLimits(strangerRate)}
}

// note counts one, and returns how many seconds its address has to wait; 0: it
// need not.
func (s *strangers) note(r *http.Request, why error) (wait int) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	s.tell(address, why)
	return s.limits.allow(address)
}

func (s *strangers) tell(address string, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.untold++
	if time.Since(s.told) < tellStrangers {
		return
	}
	s.log.Warn("kept out requests without a valid token", "address", address, "reason", notIn(why), "count", s.untold)
	s.told = time.Now()
	s.untold = 0
}
