package console_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/console"
	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/syncer/operations"
)

// nothingYet answers every operation as where nothing is there yet.
type nothingYet struct{}

func (nothingYet) Answer(_ context.Context, name string, _ []byte) ([]byte, error) {
	for _, e := range operations.Endpoints() {
		if e.Subject() == name {
			return []byte("{}"), nil
		}
	}
	return json.Marshal(nil)
}

const (
	token     = "a-token-of-somebody"
	jwtSecret = "a-secret-of-thirty-two-characters"
)

var key = [32]byte{1, 2, 3}

// usedUp is what was used up, for one process or for several.
type usedUp struct {
	mu     sync.Mutex
	all    map[string]bool
	became map[string][]byte
	keeps  func() // called before what became of something is kept; nil: nothing is
}

func (u *usedUp) UseUp(_ context.Context, id string, _ time.Time) (first bool, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	first = !u.all[id]
	u.all[id] = true
	return first, nil
}

func (u *usedUp) UsedUp(_ context.Context, id string) (bool, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.all[id], nil
}

func (u *usedUp) Keep(_ context.Context, id string, became []byte) error {
	if u.keeps != nil {
		u.keeps()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.became[id] = became
	return nil
}

func (u *usedUp) Kept(_ context.Context, id string) ([]byte, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.became[id], nil
}

func nothingUsedUp() *usedUp { return &usedUp{all: map[string]bool{}, became: map[string][]byte{}} }

// frame serves a console with nothing behind it.
func frame(t *testing.T, cfg httpapi.Config) (base string) {
	t.Helper()
	return process(t, cfg, nothingUsedUp())
}

// process is one of those that serve a console and share what was used up.
func process(t *testing.T, cfg httpapi.Config, used console.Used) (base string) {
	t.Helper()
	return serve(t, cfg, console.Config{API: nothingYet{}, Origins: []string{"https://crm.example"}, Key: key, Zone: time.UTC, Used: used})
}

// serve serves a console.
func serve(t *testing.T, cfg httpapi.Config, c console.Config) (base string) {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	cfg.Addr = "127.0.0.1:0"
	cfg.API = c.API
	cfg.Metrics = http.NotFoundHandler()
	cfg.Console = func(door httpapi.Door) http.Handler { return console.New(c, door) }
	s, err := httpapi.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	return "http://" + s.Addr()
}

// one lets in one person, and the users of a Supabase project.
var one = httpapi.Config{
	Tokens: []httpapi.Token{{Name: "ana", Secret: token, Role: operations.Admin}},
	JWT:    httpapi.JWT{Secret: jwtSecret, Roles: map[string]operations.Role{"authenticated": operations.Viewer}},
}

func TestNobodyIsLetInWithoutAToken(t *testing.T) {
	t.Parallel()
	base := frame(t, one)
	b := newBrowser(t, base)
	a := b.do("GET", "/", nil)
	require.Equal(t, "/console/", a.header.Get("Location"))
	a = b.do("GET", "/console/", nil)
	require.Equal(t, 303, a.status)
	require.Equal(t, "/console/sign-in", a.header.Get("Location"))
	a = b.do("GET", "/console/contacts?search=a%26b", nil)
	require.Equal(t, "/console/sign-in?next=%2Fconsole%2Fcontacts%3Fsearch%3Da%2526b", a.header.Get("Location"))
	require.Contains(t, b.get(a.header.Get("Location")).body, `name="next" value="/console/contacts?search=a%26b"`)
	require.Equal(t, 401, b.do("GET", "/console/events", nil).status)

	a = b.post("/console/sign-in", "token", "another-token-0123456")
	require.Equal(t, 401, a.status)
	require.Contains(t, a.body, "This token lets nobody in.")
	require.Equal(t, 403, newBrowser(t, base).post("/console/sign-in", "token", signed(t, "stranger", time.Hour)).status, "a role that may not")
	require.Contains(t, b.post("/console/sign-in", "token", signed(t, "authenticated", -time.Hour)).body, "has expired")
	require.Equal(t, 303, b.do("GET", "/console/", nil).status, "still not")
}

func signed(t *testing.T, role string, lasts time.Duration) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": "vid", "role": role, "exp": time.Now().Add(lasts).Unix()}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(jwtSecret))
	require.NoError(t, err)
	return text
}

func TestASessionIsTheBrowsersAlone(t *testing.T) {
	t.Parallel()
	base := frame(t, one)
	for _, c := range []struct {
		name    string
		headers []string
		want    string
	}{
		{"mksync-session", nil, "Path=/; Max-Age=28800; HttpOnly; SameSite=Lax"},
		{"__Host-mksync-session", []string{"X-Forwarded-Proto", "https"}, "Path=/; Max-Age=28800; HttpOnly; Secure; SameSite=Lax"},
	} {
		b := newBrowser(t, base)
		form := map[string][]string{"token": {token}, "next": {"/console/jobs?after=1"}}
		a := b.do("POST", "/console/sign-in", form, c.headers...)
		require.Equal(t, 303, a.status)
		require.Equal(t, "/console/jobs?after=1", a.header.Get("Location"))
		cookie := a.header.Get("Set-Cookie")
		require.True(t, strings.HasPrefix(cookie, c.name+"="), cookie)
		require.True(t, strings.HasSuffix(cookie, c.want), cookie)
		require.NotContains(t, cookie, token)

		// It is good until it is ended, as it is and in this browser's hands alone.
		pair, _, _ := strings.Cut(cookie, ";")
		with := func(cookie string) int {
			return newBrowser(t, base).do("GET", "/console/", nil, append([]string{"Cookie", cookie}, c.headers...)...).status
		}
		require.Equal(t, 200, with(pair))
		require.Equal(t, 303, with(pair[:len(pair)-2]+"xx"), "forged")
		require.Equal(t, 303, with(strings.Replace(pair, "=", "=x", 1)), "changed")
		require.Equal(t, 303, newBrowser(t, base).do("POST", "/console/sign-out", nil, append([]string{"Cookie", pair}, c.headers...)...).status)
		require.Equal(t, 303, with(pair), "signed out")
	}
}

// TestUsersOfSupabaseAreHandedOver by a form of the CRM's page, and by no other site's.
func TestUsersOfSupabaseAreHandedOver(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, frame(t, one))
	form := map[string][]string{"token": {signed(t, "authenticated", time.Hour)}, "next": {"/console/waiting"}}
	send := func(origin, path string) answer {
		return b.do("POST", path, form, "Origin", origin, "Sec-Fetch-Site", "cross-site")
	}
	require.Equal(t, 403, send("https://evil.example", "/console/sign-in").status)
	a := send("https://crm.example", "/console/sign-in")
	require.Equal(t, 303, a.status)
	require.Equal(t, "/console/waiting", a.header.Get("Location"))
	require.Contains(t, b.get("/console/").body, "Signed in as vid: may read")
	require.Equal(t, 403, send("https://crm.example", "/console/do/sync").status, "it may do nothing else")
}

func TestALinkSignsInOnce(t *testing.T) {
	t.Parallel()
	base := frame(t, one)
	path, err := console.Link(key, operations.Caller{Name: "demo", Role: operations.Admin}, "an id")
	require.NoError(t, err)
	require.Equal(t, 200, newBrowser(t, base).do("HEAD", path, nil).status, "whoever only looks uses nothing up")
	b := newBrowser(t, base)
	require.Equal(t, 303, b.do("GET", path, nil).status)
	require.Contains(t, b.get("/console/").body, "Signed in as demo")
	a := newBrowser(t, base).do("GET", path, nil)
	require.Equal(t, 401, a.status)
	require.Contains(t, a.body, "used already")
	other, err := console.Link([32]byte{9}, operations.Caller{Name: "demo", Role: operations.Admin}, "another")
	require.NoError(t, err)
	require.Equal(t, 401, newBrowser(t, base).do("GET", other, nil).status, "another key's")
}

// TestASessionEndsWithItsToken, and else after eight hours.
func TestASessionEndsWithItsToken(t *testing.T) {
	t.Parallel()
	base := frame(t, one)
	for lasts, want := range map[time.Duration]int{10 * time.Minute: 600, 100 * time.Hour: 8 * 3600} {
		a := newBrowser(t, base).post("/console/sign-in", "token", signed(t, "authenticated", lasts))
		require.Equal(t, 303, a.status)
		_, age, _ := strings.Cut(a.header.Get("Set-Cookie"), "Max-Age=")
		age, _, _ = strings.Cut(age, ";")
		seconds, err := strconv.Atoi(age)
		require.NoError(t, err)
		require.InDelta(t, want, seconds, 60)
	}
}

// TestAFormThatIsUnderWayElsewhere: the page of another process says so, and looks again until
// it is known what became of it, or will never be.
func TestAFormThatIsUnderWayElsewhere(t *testing.T) {
	t.Parallel()
	used := nothingUsedUp()
	began, done := make(chan struct{}), make(chan struct{})
	used.keeps = func() { close(began); <-done }
	b := newBrowser(t, process(t, one, used)).signIn(token)
	other := newBrowser(t, process(t, one, used))
	other.http.Jar = b.http.Jar
	form := url.Values{"id": {"1"}, "key": {"a key"}, "back": {"/console/jobs"}}

	first := newBrowser(t, b.base)
	first.http.Jar = b.http.Jar
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		first.do("POST", "/console/do/job-cancel", form)
	}()
	select {
	case <-began:
	case <-ended:
		require.Fail(t, "the first was answered, and nothing was kept")
	}
	a := other.led(other.do("POST", "/console/do/job-cancel", form))
	require.Contains(t, a.notice(), "It is still being done.")
	require.Equal(t, "2", a.header.Get("Refresh"))
	require.Contains(t, other.get("/console/jobs").notice(), "It is still being done.")

	close(done)
	<-ended
	a = other.get("/console/jobs")
	require.Contains(t, a.notice(), "The job is being stopped.")
	require.Empty(t, a.header.Get("Refresh"))
	require.Empty(t, other.get("/console/jobs").notice(), "it is said once")
}

// TestProcessesKnowWhatWasUsedUp at another: a session that was ended, a link and a form.
func TestProcessesKnowWhatWasUsedUp(t *testing.T) {
	t.Parallel()
	used := nothingUsedUp()
	here, there := process(t, one, used), process(t, one, used)
	b := newBrowser(t, here).signIn(token)
	other := newBrowser(t, there)
	other.http.Jar = b.http.Jar // cookies know no ports
	require.Equal(t, 200, other.do("GET", "/console/", nil).status)

	form := url.Values{"id": {"1"}, "key": {"a key"}, "back": {"/console/jobs"}}
	require.Contains(t, b.led(b.do("POST", "/console/do/job-cancel", form)).notice(), "The job is being stopped.")
	require.Contains(t, other.led(other.do("POST", "/console/do/job-cancel", form)).notice(), "The job is being stopped.")
	require.Contains(t, b.led(b.do("POST", "/console/do/job-cancel", form)).notice(), "The job is being stopped.", "the process that did it knows what became of it")

	pair := b.cookies()
	other.post("/console/sign-out")
	require.Equal(t, 303, newBrowser(t, here).do("GET", "/console/", nil, "Cookie", pair).status, "it is ended everywhere")
	path, err := console.Link(key, operations.Caller{Name: "demo", Role: operations.Admin}, "an id")
	require.NoError(t, err)
	require.Equal(t, 303, newBrowser(t, here).do("GET", path, nil).status)
	require.Equal(t, 401, newBrowser(t, there).do("GET", path, nil).status)
}

func TestTriesAreBounded(t *testing.T) {
	t.Parallel()
	base := frame(t, one)
	b := newBrowser(t, base)
	guess := func() answer { return b.post("/console/sign-in", "token", "guessed-token-0123") }
	tries, last := 1, guess()
	for ; last.status == 401 && tries < 1000; tries++ { // a busy machine guesses hardly faster than it may
		last = guess()
	}
	require.Equal(t, 429, last.status)
	require.Greater(t, tries, 20)
	require.Equal(t, "1", last.header.Get("Retry-After"))
	require.Contains(t, last.body, "Too many tries")
	b.signIn(token) // whoever has one is not kept out
}

func TestTheConsoleIsOffWithoutATokenAndSaysHowToTurnItOn(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, frame(t, httpapi.Config{}))
	for _, path := range []string{"/console/", "/console/sign-in", "/console/contacts"} {
		a := b.do("GET", path, nil)
		require.Equal(t, 503, a.status)
		require.Contains(t, a.body, "MKSYNC_API_TOKEN")
	}
	require.Equal(t, 503, b.post("/console/sign-in", "token", "").status)
	require.Equal(t, 303, b.post("/console/language", "language", "sl", "back", "/console/").status)
	require.Contains(t, b.do("GET", "/console/", nil).body, "Konzola je izklopljena")
}

// TestNoOtherSiteSendsForms, frames a page or is asked for anything.
func TestNoOtherSiteSendsForms(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, frame(t, one)).signIn(token)
	for _, site := range []string{"cross-site", "same-site"} {
		for _, path := range []string{"/console/sign-in", "/console/sign-out", "/console/language", "/console/do/sync"} {
			a := b.do("POST", path, map[string][]string{"language": {"sl"}}, "Sec-Fetch-Site", site)
			require.Equal(t, 403, a.status, path)
			require.Contains(t, a.body, "came from another site")
		}
	}
	a := b.get("/console/")
	policy := a.header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "frame-ancestors 'none'")
	require.NotContains(t, policy, "unsafe")
	require.NotContains(t, policy, "http")
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	require.NotRegexp(t, `(src|href|action)="(https?:)?//`, a.body)
	require.NotRegexp(t, ` (style|on[a-z]+)="`, a.body, "the policy refuses these")
}

func TestWhereANoticeOrASignInLeads(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, frame(t, one)).signIn(token)
	for _, c := range [][2]string{
		{"/console/contacts?search=%C4%8D", "/console/contacts?search=%C4%8D"},
		{"https://evil.example/console/", "/console/"},
		{"//evil.example/console/", "/console/"},
		{"/\\evil.example/console/", "/console/"},
		{"/console/\\evil.example", "/console/"},
		{"/api/", "/console/"},
		{"", "/console/"},
	} {
		require.Equal(t, c[1], b.post("/console/theme", "theme", "dark", "back", c[0]).header.Get("Location"), c[0])
	}
	a := b.get("/console/")
	require.Contains(t, a.body, `data-theme="dark"`)
	b.post("/console/theme", "theme", "auto")
	require.NotContains(t, b.get("/console/").body, "data-theme")
}

func TestTheLanguageIsTheBrowsersOrTheOneChosen(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, frame(t, one)).signIn(token)
	for accept, want := range map[string]string{"sl": "sl", "sl-SI,sl;q=0.9,en;q=0.5": "sl", "de,en;q=0.5": "en", "": "en", "en-GB": "en"} {
		b.lang = accept
		require.Contains(t, b.get("/console/").body, `<html lang="`+want+`"`, accept)
	}
	b.post("/console/language", "language", "sl")
	a := b.get("/console/")
	require.Contains(t, a.body, "<title>Pregled · mksync")
	require.Equal(t, "sl", a.header.Get("Content-Language"))
	b.post("/console/language", "language", "fr")
	require.Contains(t, b.get("/console/").body, "Pregled")
	a = b.do("GET", "/console/ni-te-strani", nil)
	require.Equal(t, 404, a.status)
	require.Contains(t, a.body, "Na tem naslovu ni ničesar.")
}

// TestFilesAreFewSmallAndKept: the script and the style sheet are within their bounds, and a
// browser may keep them for ever, for their names change with what is in them.
func TestFilesAreFewSmallAndKept(t *testing.T) {
	t.Parallel()
	total := int64(0)
	for _, dir := range []string{"static", "pages"} {
		require.NoError(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				info, err := d.Info()
				require.NoError(t, err)
				total += info.Size()
			}
			return err
		}))
	}
	require.LessOrEqual(t, total, int64(100_000))
	script, err := os.ReadFile("static/app.js")
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(script), "\n"), 400)

	b := newBrowser(t, frame(t, one))
	page := b.get("/console/sign-in").body
	for _, kind := range []string{"css", "js", "svg"} {
		_, rest, found := strings.Cut(page, `="/console/static/`)
		for found && !strings.HasSuffix(rest[:strings.Index(rest, `"`)], kind) {
			_, rest, found = strings.Cut(rest, `="/console/static/`)
		}
		require.True(t, found, kind)
		name, _, _ := strings.Cut(rest, `"`)
		a := b.get("/console/static/" + name)
		require.Equal(t, "public, max-age=31536000, immutable", a.header.Get("Cache-Control"))
		require.Contains(t, a.header.Get("Content-Type"), map[string]string{"css": "text/css", "js": "javascript", "svg": "image/svg+xml"}[kind])
	}
	require.Equal(t, 404, b.do("GET", "/console/static/app.css", nil).status)
}
