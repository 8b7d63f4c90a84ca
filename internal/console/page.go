package console

import (
	"bytes"
	"crypto/rand"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/syncer/operations"
)

//go:embed pages/*.html
var pageFiles embed.FS

// templates are the pages by language and name, each of which is read when it is first
// shown: to read all takes longer than all else that a console needs to begin.
type templates map[phrases.Language]map[string]func() *template.Template

// shared are the files whose parts every page may use.
var shared = []string{"pages/layout.html", "pages/parts.html"}

// loaded are the templates by their zone; they are the same for all consoles of a process.
var loaded sync.Map

func templatesFor(files files, zone *time.Location) templates {
	all, ok := loaded.Load(zone)
	if !ok {
		all, _ = loaded.LoadOrStore(zone, loadTemplates(files, zone))
	}
	return all.(templates) //nolint:forcetypeassert // nothing else is stored
}

func loadTemplates(files files, zone *time.Location) templates {
	names, _ := fs.Glob(pageFiles, "pages/*.html")
	all := templates{}
	for _, l := range phrases.Languages() {
		all[l] = map[string]func() *template.Template{}
		for _, file := range names {
			name := strings.TrimSuffix(path.Base(file), ".html")
			all[l][name] = sync.OnceValue(func() *template.Template {
				t := template.New(name).Funcs(words(l, zone)).Funcs(template.FuncMap{"file": files.address})
				return template.Must(t.ParseFS(pageFiles, append([]string{file}, shared...)...))
			})
		}
	}
	return all
}

// view is what one address shows.
type view struct {
	Page   string // its template; "": it has answered by itself
	Title  string // a text's id
	Name   string // whom the page is about, before the title
	Menu   string // the entry of the menu that it belongs to; "": Page
	Data   any
	Status int // 0: 200
}

// page is everything that a template may show.
type page struct {
	*visit
	View   view
	Data   any
	Notice *notice
	// Key tells one sending of the page's forms from the next: what is sent twice with one
	// key is done once.
	Key     string
	Waiting int // what needs a person; less than zero: not known
	Here    string
}

// show writes a view for somebody who has signed in.
func (c *Console) show(v *visit, shown view) {
	p := page{visit: v, View: shown, Data: shown.Data, Key: rand.Text(), Waiting: -1, Here: v.r.URL.RequestURI()}
	if counted, is := shown.Data.(interface{ waiting() int }); is {
		p.Waiting = counted.waiting()
	} else {
		p.Waiting = c.badge.count(operations.AskedBy(v.r.Context(), v.who), c)
	}
	p.Notice = v.takeNotice()
	c.write(v.w, v.lang, p)
}

// render writes a view for whoever it is.
func (c *Console) render(w http.ResponseWriter, r *http.Request, shown view) {
	v, _ := c.visit(w, r)
	c.write(w, v.lang, page{visit: v, View: shown, Data: shown.Data, Key: rand.Text(), Waiting: -1, Here: here(r)})
}

// here is the page that a change of the language leads back to.
func here(r *http.Request) string {
	if r.Method == http.MethodGet {
		return r.URL.RequestURI()
	}
	return root
}

// writeTimeout bounds how long a browser may take to read a page.
const writeTimeout = 30 * time.Second

func (c *Console) write(w http.ResponseWriter, l phrases.Language, p page) {
	var body bytes.Buffer
	if err := c.pages[l][p.View.Page]().ExecuteTemplate(&body, "layout", p); err != nil {
		c.Log.Error("write page", "page", p.View.Page, "error", err)
		http.Error(w, l.Text("console.error.internal"), http.StatusInternalServerError)
		return
	}

	// Not every ResponseWriter has deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(l))
	if p.View.Status != 0 {
		w.WriteHeader(p.View.Status)
	}
	if _, err := w.Write(body.Bytes()); err != nil {
		c.Log.Debug("write page", "error", err)
	}
}

// Lang, Theme and Who are who looks, and how.
func (p page) Lang() phrases.Language { return p.lang }

// Theme implements the page's; "": as the system.
func (p page) Theme() string { return p.theme }

// Who is the name of whoever has signed in; "": nobody has.
func (p page) Who() string { return p.who.Name }

// Role is what they may.
func (p page) Role() operations.Role { return p.who.Role }

// Zone is the zone in which times stand where no script knows the viewer's.
func (p page) Zone() string {
	name, _ := time.Now().In(p.Console.Zone).Zone()
	return name
}

// InCRM and InMetaKocka are where a contact and a partner are shown there; "": not known.
func (p page) InCRM(contactID string) string { return config.LinkTo(p.CRMURL, contactID) }

// InMetaKocka implements the page's.
func (p page) InMetaKocka(metakockaID string) string {
	return config.LinkTo(p.MetaKockaURL, metakockaID)
}

// May reports whether whoever looks may ask for an operation: what they may not is not shown.
func (p page) May(operation string) bool { return may(p.who, operation) }

// MayDo is May of an action.
func (v *visit) MayDo(do string) bool {
	a, known := actions()[do]
	return known && v.who.Role.May(a.need)
}

func may(who operations.Caller, operation string) bool {
	for _, e := range operations.Endpoints() {
		if e.Subject() == operation {
			return who.Role.May(operations.Right(e))
		}
	}
	return false
}

// entry is a line of the menu.
type entry struct {
	Page, Path, Title string
	Here              bool
}

// Menu are the pages that whoever looks may see.
func (p page) Menu() []entry {
	all := []entry{
		{Page: "overview", Path: "", Title: "console.menu.overview"},
		{Page: "waiting", Path: "waiting", Title: "console.menu.waiting"},
		{Page: "contacts", Path: "contacts", Title: "console.menu.contacts"},
		{Page: "first-match", Path: "first-match", Title: "console.menu.first_match"},
		{Page: "duplicates", Path: "duplicates", Title: "console.menu.duplicates"},
		{Page: "deletions", Path: "deletions", Title: "console.menu.deletions"},
		{Page: "failures", Path: "errors", Title: "console.menu.failures"},
		{Page: "jobs", Path: "jobs", Title: "console.menu.jobs"},
		{Page: "history", Path: "history", Title: "console.menu.history"},
		{Page: "system", Path: "system", Title: "console.menu.system"},
	}
	for i := range all {
		all[i].Path = root + all[i].Path
		all[i].Here = all[i].Page == p.View.Menu || p.View.Menu == "" && all[i].Page == p.View.Page
	}
	return all
}
