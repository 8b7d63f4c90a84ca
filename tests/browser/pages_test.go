package browser_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// crawl finds an address of each page: of addresses that differ in values only, the first.
func crawl(b *tab) []string {
	b.t.Helper()
	pages := map[string]string{}
	for next := []string{""}; len(next) > 0; next = next[1:] {
		b.open(next[0])
		links := eval[[]string](b, `[...document.querySelectorAll("a[href]")].map((a) => a.getAttribute("href"))`)
		for _, link := range links {
			path, ours := strings.CutPrefix(link, "/console/")
			u, err := url.Parse(path)
			if !ours || err != nil || strings.HasSuffix(u.Path, ".csv") || strings.HasPrefix(u.Path, "static/") {
				continue
			}
			kind := u.Path + "?" + strings.Join(slices.Sorted(maps.Keys(u.Query())), "&")
			if _, known := pages[kind]; !known {
				u.Fragment = ""
				pages[kind] = u.String()
				next = append(next, u.String())
			}
		}
	}
	return slices.Sorted(maps.Values(pages))
}

// check is what axe-core finds wrong on the page as it is shown.
func check(b *tab) []string {
	b.t.Helper()
	found := eval[string](b, `axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}, resultTypes: ["violations"]})
		.then((r) => JSON.stringify(r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 160) + " " + (n.any[0]?.message ?? "")))))`)
	var violations []string
	require.NoError(b.t, json.Unmarshal([]byte(found), &violations))
	return violations
}

// TestPages: each page that links lead to, in both languages and themes, on a telephone and on
// a desk, is one that everybody can use, fits, and loads nothing from elsewhere.
func TestPages(t *testing.T) {
	b := newTab(t)
	b.look("en", "light", 1280)
	b.signIn(stage.token)
	pages := crawl(b)
	require.Greater(t, len(pages), 10, "%v", pages)
	t.Logf("%d pages: %s", len(pages), strings.Join(pages, " "))

	for _, language := range []string{"en", "sl"} {
		for _, page := range pages {
			t.Run(language+"/"+page, func(t *testing.T) {
				b.t = t
				b.look(language, "light", 1280)
				b.open(page)
				b.do(chromedp.Evaluate[chromedp.Void](stage.axe))
				require.Equal(t, language, eval[string](b, "document.documentElement.lang"))
				for _, theme := range []string{"light", "dark"} {
					for _, width := range []int64{360, 1280} {
						b.look(language, theme, width)
						shown := fmt.Sprintf("%s, %d px", theme, width)
						require.Empty(t, check(b), shown)
						require.LessOrEqual(t, eval[int64](b, "document.documentElement.scrollWidth"), width, "%s: it is wider than the screen", shown)
					}
				}
			})
		}
	}
	b.t = t
	b.clean()
}
