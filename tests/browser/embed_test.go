package browser_test

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// examplePage serves the example of docs/embedding, as a page of the CRM.
func examplePage(w http.ResponseWriter, r *http.Request) {
	name := filepath.Base(r.URL.Path)
	text, err := os.ReadFile(filepath.Join("../../docs/embedding", name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", map[string]string{".html": "text/html", ".js": "text/javascript"}[filepath.Ext(name)])
	_, _ = w.Write([]byte(strings.ReplaceAll(string(text), "http://127.0.0.1:8080", stage.api)))
}

// openCRM serves the page at an origin that mksync lets ask.
func openCRM() (*http.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	stage.crm = "http://" + l.Addr().String()
	s := &http.Server{Handler: http.HandlerFunc(examplePage)}
	go func() { _ = s.Serve(l) }()
	return s, nil
}

// TestStatusOnThePageOfTheCRM: the custom element shows where a contact stands on a page with
// a strict policy and another origin, where mksync allows that origin, and nothing elsewhere.
func TestStatusOnThePageOfTheCRM(t *testing.T) {
	id := regexp.MustCompile(`"contactId":"([^"]+)"`).FindStringSubmatch(answer(t, http.MethodGet, stage.api+"/api/metakocka/contacts?status=synced&limit=1", ""))
	require.NotNil(t, id)
	// The same server by another name is another origin.
	stranger := strings.Replace(stage.crm, "127.0.0.1", "localhost", 1)
	for origin, says := range map[string]string{stage.crm: "Usklajeno", stranger: "Ni znano"} {
		b := newTab(t)
		b.lenient = true // its requests go to mksync, and a browser tells of each that may not be read
		b.do(chromedp.Navigate(origin + "/index.html#" + url.PathEscape(id[1]+","+stage.viewer)))
		b.until(`document.querySelector("mksync-status")?.shadowRoot?.textContent.startsWith("`+says+`")`, origin+" is not told where the contact stands")
		if origin == stage.crm {
			require.Equal(t, "good", eval[string](b, `document.querySelector("mksync-status").shadowRoot.querySelector("b").dataset.tone`))
		}
	}
}
