package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// doing begins the address of everything that a form may ask for.
const doing = root + "do/"

// action does what a form asks for and says so.
type action struct {
	need operations.Role // who is shown a button for it, and may send it
	do   func(ctx context.Context, v *visit, form url.Values) (became, error)
}

// act answers a form: once, whatever a person clicks, and whether or not the browser waits.
func (c *Console) act(name string, a action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, mostForm)
		if err := r.ParseForm(); err != nil {
			c.render(w, r, view{Page: "problem", Title: "console.problem.title", Menu: "none", Data: problem{ID: "console.problem.form"}, Status: http.StatusBadRequest})
			return
		}
		v, in := c.visit(w, r)
		if !in {
			c.askToSignIn(w, r)
			return
		}

		// The operations refuse as well; this is before a form is read that they never see.
		if !v.who.Role.May(a.need) {
			c.fail(v, syncer.Refuse(syncer.CodeForbidden, "forbidden_here", "this needs the right {need}, and {who} has {role}", a.need, v.who.Name, v.who.Role))
			return
		}

		form := sha256.Sum256([]byte(v.session.ID + " " + name + " " + r.PostForm.Encode()))
		id := hex.EncodeToString(form[:])
		done := c.once.do(id, func() outcome { return c.first(v, a, id) })
		if syncer.IsCode(done.err, syncer.CodeForbidden) {
			c.fail(v, done.err)
			return
		}

		ctx := operations.AskedBy(r.Context(), v.who)
		n := v.notice(ctx, done.became)
		if done.elsewhere {
			n = v.elsewhere(ctx, id, time.Now())
		}
		v.leaveNotice(n)
		to := n.To
		if to == "" {
			to = back(r)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// first does what a form asks for, unless another process has begun to.
func (c *Console) first(v *visit, a action, id string) outcome {
	first, err := c.Used.UseUp(v.r.Context(), id, time.Now().Add(remembered))
	switch {
	case err != nil:
		return outcome{became: c.refusal(v.r, err), err: err}
	case !first:
		return outcome{elsewhere: true}
	}

	ctx, cancel := c.outlasting(operations.AskedBy(v.r.Context(), v.who))
	defer cancel()
	b, err := a.do(ctx, v, v.r.PostForm)
	if err != nil {
		b = c.refusal(v.r, err)
	}
	c.badge.forget()
	c.keep(ctx, id, b)
	return outcome{became: b, err: err}
}

// longest is how long an action may take, and lastMoment how long when the server stops.
const (
	longest    = 5 * time.Minute
	lastMoment = 10 * time.Second
)

// outlasting is a context that goes on when the browser has gone: a second click ends the
// request of the first, and what was begun is not to end halfway.
func (c *Console) outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
	go func() {
		select {
		case <-ctx.Done():
			return
		case <-c.door.Stopping():
		}
		select {
		case <-ctx.Done():
		case <-time.After(lastMoment):
			cancel()
		}
	}()
	return ctx, cancel
}

// outcome is what became of a form.
type outcome struct {
	became
	elsewhere bool // another process knows
	err       error
}

// once remembers what became of forms, so that one that is sent twice is done once.
type once struct {
	mu    sync.Mutex
	forms map[string]*sent
}

type sent struct {
	done chan struct{}
	at   time.Time
	outcome
}

// remembered is how long, and mostForms how many.
const (
	remembered = 10 * time.Minute
	mostForms  = 2000
)

func newOnce() *once { return &once{forms: map[string]*sent{}} }

// do does it, or waits for the one who does and gives the same answer.
func (o *once) do(form string, do func() outcome) outcome {
	o.mu.Lock()
	was := o.forms[form]
	if was != nil {
		o.mu.Unlock()
		<-was.done
		return was.outcome
	}
	o.forget()
	now := &sent{done: make(chan struct{}), at: time.Now(), outcome: outcome{became: became{ID: "console.problem.internal", Failed: true}, err: syncer.ErrInternal}}
	o.forms[form] = now
	o.mu.Unlock()

	defer close(now.done) // also where do panics
	now.outcome = do()
	return now.outcome
}

// forget drops what is old, and everything where there is too much.
func (o *once) forget() {
	for form, s := range o.forms {
		if time.Since(s.at) > remembered || len(o.forms) >= mostForms {
			delete(o.forms, form)
		}
	}
}
