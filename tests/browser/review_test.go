package browser_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestFirstMatchApproved: a first start under review. Nothing is written before a person has
// approved it: one first match, then all.
func TestFirstMatchApproved(t *testing.T) {
	was := stage
	stop, err := serve(t.TempDir(), "--review")
	require.NoError(t, err)
	defer func() {
		stop()
		stage = was
	}()

	b := newTab(t)
	defer call(b, network.ClearBrowserCookies, cdp.Empty{}) // they know no ports
	partners := func() string { return answer(t, http.MethodGet, stage.erp+"/control/partners", "") }
	before := partners()
	b.look("en", "light", 1280)
	b.signIn(stage.decider)
	for _, language := range []string{"sl", "en"} {
		for _, width := range []int64{360, 1280} {
			b.look(language, "light", width)
			b.open("first-match")
			b.do(chromedp.Evaluate[chromedp.Void](stage.axe))
			require.Empty(t, check(b), "%s %d", language, width)
			require.LessOrEqual(t, eval[int64](b, "document.documentElement.scrollWidth"), width, "%s %d", language, width)
		}
	}
	b.says("to link")
	require.Equal(t, before, partners(), "nothing was written")

	// The bakery is in MetaKocka already, and gets the e-mail that only the CRM knows.
	const email = "urska@pekarna-znidarsic.example"
	require.NotContains(t, before, email)
	b.open("first-match?of=link")
	b.press("Yes, link it with")
	b.until(`document.querySelector("#notices .notice")?.innerText.includes("approved")`, "the notice is not there")
	inMetaKocka(t, email)
	require.Equal(t, strings.Count(before, `"mk_id"`), strings.Count(partners(), `"mk_id"`), "none was made")

	b.open("first-match")
	b.press("Approve all")
	b.until(`location.pathname.endsWith("/jobs") && document.querySelector("#notices .notice")`, "the job is not begun")
	inMetaKocka(t, "joze.cesnovar@posta.example")
	b.open("first-match")
	b.until(`document.querySelectorAll("[data-row]").length === 1`, "more wait than whom a person has to choose for")
	b.clean()
}
