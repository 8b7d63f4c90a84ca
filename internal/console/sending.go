package console

import (
	"context"
	"net/url"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
)

// pauseSending stops sending to MetaKocka in every process; the notice lets it go on again.
func pauseSending(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	_, err = operations.OpPause.Ask(ctx, v.API, operations.SendingRequest{Reason: form.Get("reason")})
	resume := resumeButton()
	return became{ID: "console.done.paused", Undo: &resume}, err
}

func resumeSending(ctx context.Context, v *visit, _ url.Values) (became, error) {
	_, err := operations.OpResume.Ask(ctx, v.API, operations.SendingRequest{})
	return became{ID: "console.done.resumed"}, err
}

func resumeButton() button { return button{Do: "resume", Label: "console.do.resume", First: true} }

// sendingButton is what may be done about sending: stop it, or let it go on.
func sendingButton(h store.Halt) button {
	if h.Since.IsZero() {
		return button{Do: "pause", Label: "console.do.pause", Ask: "console.sending.reason"}
	}
	return resumeButton()
}
