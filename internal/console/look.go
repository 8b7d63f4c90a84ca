package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/phrases"
)

// themes are what may be chosen; "auto" is as the system.
var themes = []string{"auto", "light", "dark"}

// kept is how long a choice is remembered.
const kept = 365 * 24 * time.Hour

// lookOf is what a browser's owner has chosen, or else what the browser asks for.
func lookOf(r *http.Request) (l look) {
	l.lang = phrases.Language(cookie(r, "language"))
	if !slices.Contains(phrases.Languages(), l.lang) {
		l.lang = phrases.Choose(r.Header.Get("Accept-Language"))
	}
	if theme := cookie(r, "theme"); theme != "auto" && slices.Contains(themes, theme) {
		l.theme = theme
	}
	return l
}

// chooseLanguage and chooseTheme keep what somebody chose, signed in or not.
func (c *Console) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	if chosen := r.PostFormValue("language"); slices.Contains(phrases.Languages(), phrases.Language(chosen)) {
		setCookie(w, r, "language", chosen, kept)
	}
	http.Redirect(w, r, back(r), http.StatusSeeOther)
}

func (c *Console) chooseTheme(w http.ResponseWriter, r *http.Request) {
	if chosen := r.PostFormValue("theme"); slices.Contains(themes, chosen) {
		setCookie(w, r, "theme", chosen, kept)
	}
	http.Redirect(w, r, back(r), http.StatusSeeOther)
}

// back is the page of the console that a form comes from.
func back(r *http.Request) string { return inside(r.PostFormValue("back")) }

// inside is an address of the console, or its first page where the text is no such address.
func inside(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, root) || strings.Contains(address, "\\") {
		return root
	}
	return u.RequestURI()
}

// needsNobody reports whether a request is about how pages look, which everybody may choose.
func needsNobody(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, root+"static/") || r.URL.Path == root+"language" || r.URL.Path == root+"theme"
}
