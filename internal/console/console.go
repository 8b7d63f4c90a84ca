// Package console serves the web console: pages made on the server that read and decide
// without a script, one script that makes them live, and one style sheet. It knows no
// store and no reconciler: it asks the operations, in the name of whoever has signed in, so
// their rights hold here as everywhere.
package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/syncer/operations"
)

// Config is what a Console is made of.
type Config struct {
	API operations.Answerer
	// Key signs sessions. Processes that share one know each other's; another key ends all.
	Key    [32]byte
	System System
	// Origins are those whose pages may hand their users over: sign them in by a form.
	Origins []string
	// CRMURL and MetaKockaURL are where a contact and its partner are shown, with {id} for
	// the id; "": not known.
	CRMURL, MetaKockaURL string
	// Zone is what times are shown in where no script knows the viewer's.
	Zone *time.Location
	Used Used
	Log  *slog.Logger
}

// Console answers everything below /console/.
type Console struct {
	Config
	door  httpapi.Door
	pages templates
	files files
	seals seals
	once  *once
	hub   *hub
	badge badge

	checking running
}

// New returns the handler of the console, into which the door lets people.
func New(cfg Config, door httpapi.Door) http.Handler {
	files := loadFiles()
	c := &Console{
		Config: cfg, door: door, files: files, pages: templatesFor(files, cfg.Zone),
		seals: newSeals(cfg.Key), once: newOnce(),
	}
	c.hub = newHub(c.stands)
	return c.handler()
}

// root is where the console is.
const root = "/console/"

// handler puts the pages behind what every request goes through.
func (c *Console) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"static/{name}", c.static)
	mux.HandleFunc("POST "+root+"language", c.chooseLanguage)
	mux.HandleFunc("POST "+root+"theme", c.chooseTheme)
	mux.HandleFunc("GET "+root+"sign-in", c.signInPage)
	mux.HandleFunc("POST "+root+"sign-in", c.signIn)
	mux.HandleFunc("POST "+root+"sign-out", c.signOut)

	mux.HandleFunc("GET "+root+"events", c.events)
	for path, show := range c.shown() {
		mux.HandleFunc("GET "+root+path, c.page(show))
	}
	for name, a := range actions() {
		mux.HandleFunc("POST "+doing+name, c.act(name, a))
	}
	mux.HandleFunc(root, c.page(nothing))

	own, handed := c.from(nil).Handler(mux), c.from(c.Origins).Handler(mux)
	return c.prepared(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == root+"sign-in" { // a page of the CRM hands its user over
			handed.ServeHTTP(w, r)
			return
		}
		own.ServeHTTP(w, r)
	}))
}

// from lets forms of our own pages through, and of those of some other origins.
func (c *Console) from(others []string) *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(c.foreign))
	for _, origin := range others {
		if err := p.AddTrustedOrigin(origin); err != nil {
			c.Log.Error("let an origin sign its users in", "origin", origin, "error", err)
		}
	}
	return p
}

// show makes the view of one address.
type show func(ctx context.Context, v *visit) (view, error)

// shown are the pages by address.
func (c *Console) shown() map[string]show {
	return map[string]show{
		"{$}":     overview,
		"waiting": waiting,
		"bulk":    bulk,

		"contacts":     contacts,
		"contacts.csv": contactsCSV,
		"contact":      contact,

		"history":     history,
		"history.csv": historyCSV,
		"undo":        undoPreview,
		"link":        linkPreview,
		"preview":     syncPreview,

		"deletions":   deletions,
		"duplicates":  duplicates,
		"first-match": firstMatch,
		"errors":      failures,

		"jobs":   jobs,
		"job":    job,
		"system": system,
		"doctor": examine,
		"merge":  mergePreview,
	}
}

// nothing is at an address that has nothing.
func nothing(context.Context, *visit) (view, error) { return view{}, errNothing }

// prepared gives each answer the headers that every answer has, and turns everybody away as
// long as nobody could sign in.
func (c *Console) prepared(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if !c.door.Open() && !needsNobody(r) {
			c.render(w, r, view{Page: "off", Title: "console.off.title", Status: http.StatusServiceUnavailable})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// secure sets the headers of every answer: nothing is loaded from elsewhere, no text on the
// page becomes a script or a style, and no other page may frame it.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
}

// page answers with a view to whoever has signed in, and leads others to the sign-in.
func (c *Console) page(make show) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, in := c.visit(w, r)
		if !in {
			c.askToSignIn(w, r)
			return
		}

		if wait := c.door.Allow(r, v.who.Name); wait > 0 {
			w.Header().Set("Retry-After", fmt.Sprint(wait))
			c.fail(v, errTooMany)
			return
		}

		_ = r.ParseForm() // what cannot be read is as if it were not there
		shown, err := make(operations.AskedBy(r.Context(), v.who), v)
		if err != nil {
			c.fail(v, err)
			return
		}
		if shown.Page != "" { // else it has answered by itself
			c.show(v, shown)
		}
	}
}
