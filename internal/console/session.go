package console

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/syncer/operations"
)

// sessionAge is how long a sign-in lasts.
const sessionAge = 8 * time.Hour

// session is what the cookie of somebody who has signed in holds. It stands for the token
// that was given: the key that signs it is made of the settings that tokens are checked by,
// so that a token that is taken away takes its sessions along.
type session struct {
	ID      string          `json:"i"`
	Name    string          `json:"n"`
	Role    operations.Role `json:"r"`
	Expires int64           `json:"e"` // seconds since 1970
}

// Purposes of what is sealed.
const (
	forSession = "session"
	forNotice  = "notice"
	forLink    = "link"
)

// overTLS reports whether the browser's side of a request is encrypted, here or at a proxy.
func overTLS(r *http.Request) bool {
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return r.TLS != nil || strings.EqualFold(strings.TrimSpace(proto), "https")
}

// cookieName is the name under which the browser keeps something. With TLS its prefix lets
// no other host and no unencrypted page set it.
func cookieName(r *http.Request, what string) string {
	if overTLS(r) {
		return "__Host-mksync-" + what
	}
	return "mksync-" + what
}

// setCookie keeps a value in the browser; an age of zero removes it. Lax, for a link in a
// message has to lead to the page.
func setCookie(w http.ResponseWriter, r *http.Request, what, value string, age time.Duration) {
	seconds := int(age.Seconds())
	if seconds == 0 {
		seconds = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r, what), Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: overTLS(r), SameSite: http.SameSiteLaxMode,
	})
}

func cookie(r *http.Request, what string) string {
	c, err := r.Cookie(cookieName(r, what))
	if err != nil {
		return ""
	}
	return c.Value
}

// begin signs somebody in, until the token ends where it does: for eight hours at most.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, who operations.Caller, until time.Time) error {
	age := sessionAge
	if left := time.Until(until); !until.IsZero() && left < age {
		age = max(left, time.Second)
	}
	s := session{ID: rand.Text(), Name: who.Name, Role: who.Role, Expires: time.Now().Add(age).Unix()}
	sealed, err := c.seals.seal(forSession, s)
	if err != nil {
		return err
	}
	setCookie(w, r, "session", sealed, age)
	return nil
}

// session is who has signed in; false: nobody.
func (c *Console) session(r *http.Request) (s session, in bool) {
	in = c.seals.open(forSession, cookie(r, "session"), &s) && time.Now().Before(s.ends()) && !c.ended(r.Context(), s)
	return s, in
}

func (s session) ends() time.Time { return time.Unix(s.Expires, 0) }

// ended reports whether somebody has signed out, here or at another process. Where that
// cannot be known nothing can be read or decided either.
func (c *Console) ended(ctx context.Context, s session) bool {
	out, err := c.Used.UsedUp(ctx, s.ID)
	if err != nil && ctx.Err() == nil {
		c.Log.Debug("look whether somebody has signed out", "error", err)
	}
	return out
}

// Used remembers, for all processes that serve the console, what is good once: a link, a form,
// and a session until it is ended.
type Used interface {
	// UseUp uses it up; false: it was used already. It is remembered until then.
	UseUp(ctx context.Context, id string, until time.Time) (first bool, err error)
	UsedUp(ctx context.Context, id string) (bool, error)
	// Keep keeps what became of what was used up, and Kept gives it; nil: it is not known, or
	// not yet.
	Keep(ctx context.Context, id string, became []byte) error
	Kept(ctx context.Context, id string) (became []byte, err error)
}

// visit is one request of somebody, and what it is answered with.
type visit struct {
	*Console
	w       http.ResponseWriter
	r       *http.Request
	session session
	who     operations.Caller
	look
}

// look is how somebody wants pages to look.
type look struct {
	lang  phrases.Language
	theme string // light, dark; "": as the system
}

// visit is a request's; in: by somebody who has signed in.
func (c *Console) visit(w http.ResponseWriter, r *http.Request) (v *visit, in bool) {
	s, in := c.session(r)
	v = &visit{Console: c, w: w, r: r, session: s, look: lookOf(r)}
	if in {
		v.who = operations.Caller{Name: s.Name, Role: s.Role}
	}
	return v, in
}
