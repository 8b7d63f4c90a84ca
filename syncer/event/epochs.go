package event

import (
	"context"
	"strings"
	"sync"
)

// Epochs tells events of the database as it is now from those of before a
// restore, whose transactions will never be seen in it.
type Epochs struct {
	States ListenerStates

	mu    sync.Mutex // guards known
	known string     // ce-source of the present epoch's events
}

// Current reports whether events of the source are of the present epoch. What
// cannot be found out is taken for it.
func (l *Epochs) Current(ctx context.Context, source string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if source == "" || source == l.known {
		return true
	}
	epoch, err := l.States.Epoch(ctx)
	if err != nil {
		return true
	}
	state, ok, err := l.States.Load(ctx)
	if err != nil || !ok {
		return true
	}
	l.known = sourcePrefix + withEpoch(state.SystemID, epoch)
	return source == l.known || !strings.HasPrefix(source, sourcePrefix)
}
