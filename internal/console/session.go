package console

import (
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
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

// begin signs somebody in.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, who operations.Caller) error {
	s := session{ID: rand.Text(), Name: who.Name, Role: who.Role, Expires: time.Now().Add(sessionAge).Unix()}
	sealed, err := c.seals.seal(forSession, s)
	if err != nil {
		return err
	}
	setCookie(w, r, "session", sealed, sessionAge)
	return nil
}

// session is who has signed in; false: nobody.
func (c *Console) session(r *http.Request) (s session, in bool) {
	in = c.seals.open(forSession, cookie(r, "session"), &s) && time.Now().Before(s.ends()) && !c.signed.out(s.ID)
	return s, in
}

func (s session) ends() time.Time { return time.Unix(s.Expires, 0) }

// signedOut are sessions that were ended before their time, and codes of links that were used.
type signedOut struct {
	mu    sync.Mutex
	until map[string]time.Time // by id: when it would have ended anyway
}

func newSignedOut() *signedOut { return &signedOut{until: map[string]time.Time{}} }

// add ends one; false: it was ended already.
func (s *signedOut) add(id string, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, end := range s.until {
		if time.Now().After(end) {
			delete(s.until, id)
		}
	}
	_, was := s.until[id]
	s.until[id] = until
	return !was
}

func (s *signedOut) out(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, out := s.until[id]
	return out
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
