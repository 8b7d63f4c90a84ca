package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// described is openapi.yaml, whose schemas are JSON Schema 2020-12. Every answer of the API
// that a test of this package gets is held against it: those that come over the network in
// the transport, those of a recorder in recorded.
var described = sync.OnceValue(func() *openAPIDocument {
	var document any
	if err := yaml.Unmarshal(openAPI, &document); err != nil {
		panic(err)
	}
	text, err := json.Marshal(document)
	if err != nil {
		panic(err)
	}
	d := &openAPIDocument{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	d.compiler.AssertFormat()
	d.document, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		panic(err)
	}
	if err := d.compiler.AddResource("openapi.json", d.document); err != nil {
		panic(err)
	}
	return d
})

type openAPIDocument struct {
	compiler *jsonschema.Compiler
	document any
	mu       sync.Mutex // guards schemas
	schemas  map[string]*jsonschema.Schema
}

// at is what the document holds below keys; nil: nothing.
func (d *openAPIDocument) at(keys ...string) any {
	found := d.document
	for _, key := range keys {
		object, _ := found.(map[string]any)
		found = object[key]
	}
	return found
}

// path is the described path that a request's path is of; "": none.
func (d *openAPIDocument) path(asked string) string {
	paths, _ := d.at("paths").(map[string]any)
	if _, literal := paths[asked]; literal {
		return asked
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if regexp.MustCompile("^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$").MatchString(asked) {
			return path
		}
	}
	return ""
}

// check says why an answer of the API is not as it is described.
func (d *openAPIDocument) check(method, path string, status int, header http.Header, body []byte) error {
	if !strings.HasPrefix(path, prefix+"/") || method == http.MethodHead || method == http.MethodOptions {
		return nil
	}
	pointer := []string{"components", "responses", "Error"} // what is at no described address
	if known := d.path(path); known != "" && d.at("paths", known, strings.ToLower(method)) != nil {
		pointer = []string{"paths", known, strings.ToLower(method), "responses", strconv.Itoa(status)}
		if d.at(pointer...) == nil {
			pointer[4] = "default"
		}
	}
	if pointer[len(pointer)-1] == "default" || pointer[0] == "components" {
		if status < http.StatusBadRequest {
			return fmt.Errorf("%s %s is answered with %d, which is not described", method, path, status)
		}
	}
	if ref, is := d.at(append(pointer, "$ref")...).(string); is {
		pointer = strings.Split(strings.TrimPrefix(ref, "#/"), "/")
	}
	contents, _ := d.at(append(pointer, "content")...).(map[string]any)
	kind, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	switch {
	case contents == nil && len(body) == 0:
		return nil
	case contents[kind] == nil:
		return fmt.Errorf("%s %s is answered with %d and %q, which is not described", method, path, status, kind)
	case kind != "application/json":
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = d.schema(append(pointer, "content", kind, "schema")).Validate(value)
	}
	if err != nil {
		return fmt.Errorf("%s %s is answered with %d and %.500s, which is not as described: %w", method, path, status, body, err)
	}
	return nil
}

// schema is the one at a place of the document.
func (d *openAPIDocument) schema(at []string) *jsonschema.Schema {
	d.mu.Lock()
	defer d.mu.Unlock()
	escaped := make([]string, len(at))
	for i, key := range at {
		escaped[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	}
	place := "openapi.json#/" + strings.Join(escaped, "/")
	if d.schemas[place] == nil {
		d.schemas[place] = d.compiler.MustCompile(place)
	}
	return d.schemas[place]
}

// checkedTransport fails a request whose answer is not as described.
type checkedTransport struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (c checkedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.Transport.RoundTrip(r)
	if err != nil || !strings.HasPrefix(r.URL.Path, prefix+"/") {
		return res, err
	}
	var body []byte
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") { // which has no end
		if body, err = io.ReadAll(res.Body); err != nil {
			return nil, err
		}
		_ = res.Body.Close()
		res.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := described().check(r.Method, r.URL.EscapedPath(), res.StatusCode, res.Header, body); err != nil {
		return nil, err
	}
	return res, nil
}

// recorded is what a server that does not run answers. Its operations are a test's, so only
// what it refuses is held against the description.
func recorded(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r)
	if w.Code >= http.StatusBadRequest {
		if err := described().check(r.Method, r.URL.EscapedPath(), w.Code, w.Header(), w.Body.Bytes()); err != nil {
			panic(err)
		}
	}
	return w
}

// TestAnswersAreHeldAgainstTheDescription: one that lacks a field, has one of another type,
// a status or a kind of content that is not described, is found.
func TestAnswersAreHeldAgainstTheDescription(t *testing.T) {
	t.Parallel()
	header := http.Header{"Content-Type": {"application/json"}}
	const status = prefix + "/contacts/a%2Fb/status"
	good := `{"success":true,"data":{"status":"new","reasonCode":"contact.new","reason":"","waiting":false,"lastSyncedAt":null,"metakockaId":""}}`
	for _, c := range []struct {
		path, body, words string
		status            int
	}{
		{status, good, "", 200},
		{status, "", "", 304},
		{status, strings.Replace(good, "null", `"2026-08-31T14:00:00Z"`, 1), "", 200},
		{status, strings.Replace(good, "null", `"yesterday"`, 1), "lastSyncedAt", 200},
		{status, strings.Replace(good, "false", `"no"`, 1), "waiting", 200},
		{status, strings.Replace(good, `"status":"new",`, "", 1), "status", 200},
		{status, good, "which is not described", 201},
		{status, good, "not as described", 404},
		{status, `{"success":false,"error":{"code":"not_found","message":"x","reason":{"code":"refusal.words","params":{"words":"x"}}}}`, "", 404},
		{prefix + "/nothing", `{"success":false,"error":{"code":"not_found","message":"x","reason":{"code":"refusal.words","params":{"words":"x"}}}}`, "", 404},
		{status, `{"success":false,"error":{"code":"not_found","message":"x"}}`, "reason", 404},
		{prefix + "/nothing", good, "which is not described", 200},
		{"/healthz", "anything", "", 200},
	} {
		err := described().check(http.MethodGet, c.path, c.status, header, []byte(c.body))
		if c.words == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.words)
	}
	require.Error(t, described().check(http.MethodGet, status, 200, http.Header{"Content-Type": {"text/html"}}, []byte(good)))
}
