package browser_test

import (
	"fmt"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// as signs somebody else in.
func (b *tab) as(token string) {
	b.t.Helper()
	call(b, network.ClearBrowserCookies, cdp.Empty{})
	b.signIn(token)
}

// sends is what the server answers where a form is sent that the page does not have.
func (b *tab) sends(do, fields string) int {
	b.t.Helper()
	return eval[int](b, fmt.Sprintf(`fetch("/console/do/%s", {method: "POST", redirect: "manual", body: new URLSearchParams(%q)}).then((r) => r.status)`, do, fields))
}

// onlyReads: whoever may only read sees what waits and no button, and the server refuses what
// is sent all the same.
func onlyReads(b *tab) {
	b.lenient = true // a refusal is an error on the console
	b.as(stage.viewer)
	for _, page := range []string{"", "waiting", "errors", "duplicates", "deletions", "contacts", "history", "jobs", "system"} {
		b.open(page)
		require.Zero(b.t, eval[int](b, `document.querySelectorAll("main form[action^='/console/do/'], main input[name=choose], main input[name=id]").length`), page)
	}
	for do, fields := range map[string]string{"pause": "key=a", "not-same": "kind=contacts&id=1&other=2", "discard": "id=1&reason=x", "bulk": "kind=error&choice=retry&every=true"} {
		require.Equal(b.t, 403, b.sends(do, fields), do)
	}
	b.open("contacts")
	require.Positive(b.t, eval[int](b, `document.querySelectorAll("[data-row]").length`))
	b.as(stage.token)
}

// onlyDecides: whoever decides leaves a contact out and takes it in again, and may not stop
// sending.
func onlyDecides(b *tab) {
	b.as(stage.decider)
	b.open("contacts?status=synced")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-row] a").click(); null`))
	b.until(`document.querySelector("#d-out")`, "the contact's page is not there")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#d-out").open = true; null`))
	b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "A test"), chromedp.Submit(chromedp.CSS("#reason")))
	b.says("is left out from now on")
	b.until(`document.readyState === "complete" && document.querySelector("#notices [data-key=u]")`, "the notice is not there")
	b.do(chromedp.KeyEvent("u"))
	b.says("is kept in step again")
	require.NotContains(b.t, b.text(), "Bring in step now")

	b.open("system")
	require.NotContains(b.t, b.text(), "Stop sending")
	b.clean()
	b.lenient = true
	require.Equal(b.t, 403, b.sends("pause", "key=a"))
	b.as(stage.token)
}

// stopsSending: stopped with a reason, seen on each page that tells of it, and let go on.
func stopsSending(b *tab) {
	b.open("")
	b.press("Stop sending")
	b.do(chromedp.SendKeys(chromedp.CSS(".ask[open] input[name=reason]"), "Stock-taking"), chromedp.Click(chromedp.CSS(".ask[open] button")))
	b.says("Sending is stopped. Nothing is lost")
	b.says("Stock-taking")
	b.do(chromedp.Evaluate[chromedp.Void](stage.axe))
	require.Empty(b.t, check(b))
	b.open("system")
	b.says("Stock-taking")
	b.press("Let sending go on")
	b.says("Sending goes on.")
	require.NotContains(b.t, b.text(), "Stock-taking")
	b.clean()
}
