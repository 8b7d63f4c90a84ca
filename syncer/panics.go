package syncer

import (
	"runtime/debug"

	"github.com/crmmind/mksync/coded"
)

// recovered makes of a panic, deferred around a reconcile, the error of the one
// contact or partner: it is put aside, and everybody else goes on.
func (r *Reconciler) recovered(key string, err *error) {
	if p := recover(); p != nil { //nolint:revive // it is deferred where it is used
		r.log.Error("panic in a reconcile; its contact or partner is put aside", "key", key, "panic", p, "stack", string(debug.Stack()))
		*err = &RejectError{coded.Say("note.gone.panic", "an internal error of mksync (a panic); its log has the stack")}
	}
}
