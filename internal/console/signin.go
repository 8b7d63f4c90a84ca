package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/syncer/operations"
)

// signInData is what the sign-in shows.
type signInData struct {
	ID   string // of the text that says why it is shown; "": no particular reason
	Wait int    // seconds until it may be tried again
	Next string // where it leads
	// Form is what was to be sent when the session had ended; Action where to.
	Form   url.Values
	Action string
}

// signInPage asks for a token, or takes the code of a link that was made for one sign-in.
func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) {
	next := inside(r.FormValue("next"))
	if _, in := c.session(r); in {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	code := r.FormValue("code")
	if code == "" || r.Method == http.MethodHead {
		c.showSignIn(w, r, http.StatusOK, signInData{Next: next})
		return
	}
	who, fits := c.useLink(r.Context(), code)
	if !fits {
		c.showSignIn(w, r, http.StatusUnauthorized, signInData{ID: "console.sign_in.link_used", Next: next})
		return
	}
	c.enter(w, r, who, time.Time{}, signInData{Next: next})
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, status int, data signInData) {
	c.render(w, r, view{Page: "sign-in", Title: "console.sign_in.title", Menu: "none", Data: data, Status: status})
}

// mostForm is how large a form may be.
const mostForm = 1 << 20

// signIn lets in who gives a token, by a form of ours or of a page that hands its user over.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	data := signInData{Next: inside(r.PostFormValue("next")), Action: r.PostFormValue("resume_action")}
	if data.Action != "" {
		data.Form, _ = url.ParseQuery(r.PostFormValue("resume_form"))
	}

	who, until, refusal := c.door.SignIn(r, strings.TrimSpace(r.PostFormValue("token")))
	if refusal.Refused() {
		data.ID = "console.sign_in.refused." + string(refusal.Kind)
		data.Wait = refusal.Wait
		if refusal.Wait > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(refusal.Wait))
		}
		c.showSignIn(w, r, refusalStatus[refusal.Kind], data)
		return
	}
	c.enter(w, r, who, until, data)
}

// refusalStatus are refusals as HTTP has them.
var refusalStatus = map[httpapi.RefusalKind]int{
	httpapi.RefusedToken: http.StatusUnauthorized, httpapi.RefusedExpired: http.StatusUnauthorized, httpapi.RefusedRole: http.StatusForbidden,
	httpapi.RefusedTooMany: http.StatusTooManyRequests, httpapi.RefusedNoKeys: http.StatusServiceUnavailable,
}

// enter begins a session, which ends with the token, and leads on. What was not sent because the last session had ended
// is shown, to be sent by a click.
func (c *Console) enter(w http.ResponseWriter, r *http.Request, who operations.Caller, until time.Time, data signInData) {
	if err := c.begin(w, r, who, until); err != nil {
		c.Log.Error("begin session", "error", err)
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	if data.Action != "" && strings.HasPrefix(data.Action, doing) && inside(data.Action) == data.Action {
		c.render(w, r, view{Page: "resume", Title: "console.resume.title", Menu: "none", Data: data})
		return
	}
	http.Redirect(w, r, data.Next, http.StatusSeeOther)
}

// askToSignIn leads whoever has no session to the sign-in; a form that was sent is kept.
func (c *Console) askToSignIn(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		address := root + "sign-in"
		if next := r.URL.RequestURI(); next != root {
			address += "?next=" + url.QueryEscape(next)
		}
		http.Redirect(w, r, address, http.StatusSeeOther)
		return
	}
	data := signInData{ID: "console.sign_in.ended", Next: back(r)}
	if r.Method == http.MethodPost {
		data.Form = r.PostForm
		data.Action = r.URL.Path
	}
	c.showSignIn(w, r, http.StatusUnauthorized, data)
}

// signOut ends a session.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	if s, in := c.session(r); in {
		if _, err := c.Used.UseUp(r.Context(), s.ID, s.ends()); err != nil {
			c.Log.Error("sign somebody out", "error", err)
			c.render(w, r, view{Page: "problem", Title: "console.problem.title", Menu: "none", Data: problem{ID: "console.problem.unavailable"}, Status: http.StatusServiceUnavailable})
			return
		}
	}
	setCookie(w, r, "session", "", 0)
	http.Redirect(w, r, root+"sign-in", http.StatusSeeOther)
}

// link is what the code of a link stands for.
type link struct {
	ID      string          `json:"i"`
	Name    string          `json:"n"`
	Role    operations.Role `json:"r"`
	Expires int64           `json:"e"`
}

// LinkAge is how long a link for one sign-in is good.
const LinkAge = 24 * time.Hour

// Link is the path of a page that signs somebody in, once. id is random.
func Link(key [32]byte, who operations.Caller, id string) (string, error) {
	code, err := newSeals(key).seal(forLink, link{ID: id, Name: who.Name, Role: who.Role, Expires: time.Now().Add(LinkAge).Unix()})
	return root + "sign-in?code=" + code, err
}

// useLink is whom a link's code signs in; false: it is none, is too old or was used.
func (c *Console) useLink(ctx context.Context, code string) (who operations.Caller, fits bool) {
	var l link
	if !c.seals.open(forLink, code, &l) || time.Now().After(time.Unix(l.Expires, 0)) {
		return who, false
	}
	first, err := c.Used.UseUp(ctx, l.ID, time.Unix(l.Expires, 0))
	if err != nil {
		c.Log.Error("sign in by a link", "error", err)
	}
	return operations.Caller{Name: l.Name, Role: l.Role}, first
}
