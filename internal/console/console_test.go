package console_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// browser is somebody who reads pages and sends their forms, without a script.
type browser struct {
	t    testing.TB
	base string
	http *http.Client
	lang string
}

// newBrowser is one that keeps its cookies, and does not follow where it is led.
func newBrowser(t testing.TB, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{t, base, &http.Client{Jar: jar, Transport: transport, CheckRedirect: stay}, "en"}
}

// answer is what a browser got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(method, path string, form url.Values, headers ...string) answer {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	require.NoError(b.t, err)
	r.Header.Set("Accept-Language", b.lang)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := b.http.Do(r)
	require.NoError(b.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// get reads a page that is there.
func (b *browser) get(path string) answer {
	b.t.Helper()
	a := b.do(http.MethodGet, path, nil)
	require.Equal(b.t, http.StatusOK, a.status, "%s: %s", path, a.body)
	return a
}

// post sends a form.
func (b *browser) post(path string, fields ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

// cookies are those that the browser has.
func (b *browser) cookies() string {
	b.t.Helper()
	base, err := url.Parse(b.base)
	require.NoError(b.t, err)
	var all []string
	for _, c := range b.http.Jar.Cookies(base) {
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}

// signIn signs in with a token.
func (b *browser) signIn(token string) *browser {
	b.t.Helper()
	a := b.post("/console/sign-in", "token", token)
	require.Equal(b.t, http.StatusSeeOther, a.status, a.body)
	return b
}

// form is one that a page has.
type form struct {
	method, action, label string
	fields                url.Values
}

var (
	aForm  = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	label  = regexp.MustCompile(`(?s)<button[^>]*>(.*?)</button>`)
	tag    = regexp.MustCompile(`<[^>]*>`)
)

func attribute(tag, name string) string {
	_, rest, _ := strings.Cut(tag, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return html.UnescapeString(value)
}

// forms are those of a page that have one button.
func (a answer) forms() (all []form) {
	for _, found := range aForm.FindAllStringSubmatch(a.body, -1) {
		f := form{strings.ToUpper(attribute(found[1], "method")), attribute(found[1], "action"), "", url.Values{}}
		for _, field := range hidden.FindAllStringSubmatch(found[2], -1) {
			f.fields.Add(field[1], html.UnescapeString(field[2]))
		}
		if l := label.FindStringSubmatch(found[2]); l != nil {
			f.label = html.UnescapeString(tag.ReplaceAllString(l[1], ""))
		}
		all = append(all, f)
	}
	return all
}

// button is the one form of a page whose button says so.
func (b *browser) button(a answer, says string) form {
	b.t.Helper()
	var fit []form
	for _, f := range a.forms() {
		if strings.HasPrefix(f.label, says) {
			fit = append(fit, f)
		}
	}
	require.Len(b.t, fit, 1, "buttons that say %q on %s", says, a.body)
	return fit[0]
}

// press sends the form of a button, and reads where it leads.
func (b *browser) press(a answer, says string) answer {
	b.t.Helper()
	f := b.button(a, says)
	if f.method == "GET" {
		return b.get(f.action + "?" + f.fields.Encode())
	}
	return b.led(b.do(http.MethodPost, f.action, f.fields))
}

// led reads where an answer leads.
func (b *browser) led(a answer) answer {
	b.t.Helper()
	require.Equal(b.t, http.StatusSeeOther, a.status, a.body)
	return b.get(a.header.Get("Location"))
}

// notice is what a page says of what was done.
func (a answer) notice() string {
	_, rest, _ := strings.Cut(a.body, `<div id="notices"`)
	said, _, _ := strings.Cut(rest, `<h1`)
	_, said, _ = strings.Cut(said, ">")
	return strings.Join(strings.Fields(html.UnescapeString(tag.ReplaceAllString(said, " "))), " ")
}
