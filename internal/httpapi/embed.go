package httpapi

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/crmmind/mksync/syncer/operations"
)

// What the CRM's own pages show of mksync: routes that browsers may ask from the configured
// origins, and the custom element that does.

//go:embed embed/mksync-status.js
var statusElement []byte

// elementPath is where the custom element is. It holds no data, and anybody's page may load it.
const elementPath = "/embed/mksync-status.js"

func element(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=300")
	tagged(w, r, statusElement)
}

// shared lets pages of the configured origins read the answers of next, refusals too. A
// browser asks first whether it may, without a token.
func (s *Server) shared(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if origin == "" || !slices.Contains(s.cfg.Origins, origin) {
			next.ServeHTTP(w, r)
			return
		}

		h.Set("Access-Control-Allow-Origin", origin)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", http.MethodGet)
			h.Set("Access-Control-Allow-Headers", "Authorization, If-None-Match, Accept-Language")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", "ETag, Retry-After")
		next.ServeHTTP(w, r)
	})
}

// answerTagged answers with a tag of the content; who has it already gets no content again.
func (s *Server) answerTagged(w http.ResponseWriter, r *http.Request, data []byte) {
	text, ok := s.inJSON(w, operations.Reply{Success: true, Data: data})
	if !ok {
		s.write(w, http.StatusInternalServerError, text)
		return
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Add("Vary", "Accept-Language, Authorization")
	tagged(w, r, text)
}

// tagged writes content with its tag, or says that it is as it was.
func tagged(w http.ResponseWriter, r *http.Request, content []byte) {
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	w.Header().Set("ETag", tag)
	known := func(given string) bool { return strings.TrimPrefix(strings.TrimSpace(given), "W/") == tag }
	if slices.ContainsFunc(strings.Split(strings.Join(r.Header.Values("If-None-Match"), ","), ","), known) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(content)
}
