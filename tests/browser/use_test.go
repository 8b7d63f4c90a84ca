package browser_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// answer is what an address answers, with the API's token.
func answer(t *testing.T, method, address, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+stage.token)
	r.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = a.Body.Close() }()
	text, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	return string(text)
}

// inMetaKocka waits until a partner has the value.
func inMetaKocka(t *testing.T, value string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return strings.Contains(answer(t, http.MethodGet, stage.erp+"/control/partners", ""), value)
	},
		20*time.Second, 50*time.Millisecond, "no partner in MetaKocka has %s", value)
}

// TestUse is what a person does in the console, one after another.
func TestUse(t *testing.T) {
	for _, part := range []struct {
		name string
		do   func(b *tab)
	}{
		{"sign in", signsIn},
		{"a tab follows what happens elsewhere", follows},
		{"a form whose session ends", sessionEnds},
		{"a double click", doubleClick},
		{"everything else that waits", decidesTheRest},
		{"who only reads", onlyReads},
		{"who decides", onlyDecides},
		{"sending is stopped", stopsSending},
	} {
		t.Run(part.name, func(t *testing.T) {
			b := newTab(t)
			b.look("en", "light", 1280)
			part.do(b)
		})
	}
}

// signsIn: a wrong token and a link that was used let nobody in.
func signsIn(b *tab) {
	call(b, network.ClearBrowserCookies, cdp.Empty{})
	b.lenient = true
	b.signIn("not-one-of-the-tokens")
	b.says("This token lets nobody in.")

	b.do(chromedp.Navigate(stage.link))
	b.says("Sign out")
	require.Equal(b.t, stage.console, eval[string](b, "location.href"), "the code is gone from the address")
	call(b, network.ClearBrowserCookies, cdp.Empty{})
	b.do(chromedp.Navigate(stage.link))
	b.until(`document.querySelector("[role=alert]")`, "a link signs in once")
	b.signIn(stage.token)
	b.says("Sign out")
}

// follows: a conflict is decided by keys and taken back by one, and a second tab shows it
// without being loaded, also after its connection was gone for a while.
func follows(b *tab) {
	other := newTab(b.t)
	other.look("en", "light", 360)
	other.open("waiting")
	other.do(chromedp.Evaluate[chromedp.Void]("window.sameDocument = true; null"))
	waiting := func() int { return eval[int](other, `Number(document.querySelector("#waiting").textContent)`) }
	before := waiting()
	require.Positive(b.t, before)

	b.open("waiting?kind=conflict")
	crm, erp := offered(b, "The CRM is right: "), offered(b, "MetaKocka is right: ")
	require.NotEqual(b.t, crm, erp)

	b.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("1"))
	b.until(`document.querySelector("#notices .notice")`, "the notice is not there")
	inMetaKocka(b.t, crm)
	other.until(fmt.Sprintf(`document.querySelector("#waiting").textContent === "%d" && window.sameDocument`, before-1), "the other tab does not follow")
	require.Contains(b.t, eval[string](other, "document.title"), fmt.Sprintf("(%d)", before-1))
	require.NotContains(b.t, other.text(), "The CRM is right: "+crm)

	b.do(chromedp.KeyEvent("u"))
	b.says("is again as the other side had it")
	inMetaKocka(b.t, erp)
	b.clean()

	// Without a connection a tab hears nothing; it goes on behind what it knows.
	other.lenient = true
	other.line(conditions{Offline: true})
	b.open("waiting?kind=match")
	b.press("Make a new partner")
	b.until(`document.querySelector("#notices .notice")`, "the notice is not there")
	require.Equal(b.t, before-1, waiting())
	other.line(conditions{})
	other.until(fmt.Sprintf(`document.querySelector("#waiting").textContent === "%d" && window.sameDocument`, before-2), "the other tab does not go on")
}

// offered is the value on the first button that begins so.
func offered(b *tab, begins string) string {
	b.t.Helper()
	words := eval[string](b, fmt.Sprintf(`[...document.querySelectorAll("[data-row] button")].map((e) => e.innerText.replace(/\s+/g, " ")).find((w) => w.startsWith(%q))`, begins))
	return strings.TrimPrefix(words, begins)
}

// sessionEnds: what was to be sent is kept until somebody has signed in again.
func sessionEnds(b *tab) {
	b.lenient = true
	b.open("waiting?kind=error")
	call(b, network.ClearBrowserCookies, cdp.Empty{})
	b.press("Try again")
	b.says("Your sign-in has ended.")
	b.do(chromedp.SendKeys(chromedp.CSS("input[name=token]"), stage.token), chromedp.Submit(chromedp.CSS("input[name=token]")))
	b.says("You are signed in again")
	b.do(chromedp.Click(chromedp.CSS("main button.first")))
	b.until(`document.querySelector("#notices .notice")`, "the notice is not there")
}

// doubleClick: with a slow line, too, two clicks are one action.
func doubleClick(b *tab) {
	b.open("waiting?kind=deletion")
	sent := 0
	require.NoError(b.t, chromedp.Listen(b.ctx, func(event any) {
		if e, is := event.(*network.EventRequestWillBeSent); is && e.Request.Method == http.MethodPost {
			b.mu.Lock()
			defer b.mu.Unlock()
			sent++
		}
	}))
	b.line(conditions{Latency: 400})
	b.do(chromedp.Evaluate[chromedp.Void](`(() => {
		const it = [...document.querySelectorAll("[data-row] button")].find((e) => e.innerText.startsWith("Yes"));
		it.click();
		it.click();
	})(); null`))
	b.until(`document.querySelector("#notices .notice")?.innerText.includes("deletion")`, "the notice is not there")
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Equal(b.t, 1, sent)
}

// decidesTheRest: what is looked at before it is done is a page that everybody can use.
func decidesTheRest(b *tab) {
	b.open("waiting?kind=dead_letter")
	b.press("Try again")
	b.until(`document.querySelector("#notices .notice")`, "the notice is not there")

	entry := eval[string](b, `fetch("/console/history").then((r) => r.text()).then((t) => new DOMParser().parseFromString(t, "text/html").querySelector("input[name=id]").value)`)
	contact := eval[string](b, `fetch("/console/contacts?status=synced").then((r) => r.text()).then((t) => new DOMParser().parseFromString(t, "text/html").querySelector("[data-row] a").getAttribute("href"))`)
	_, contact, _ = strings.Cut(contact, "?id=")
	pages := []string{
		"undo?" + url.Values{"id": {entry}}.Encode(), "contact?id=" + contact, "preview?id=" + contact, "bulk?kind=contact&choice=leave_out&choose=" + contact,
		"bulk?kind=match&choice=new&every=true", "doctor", "nothing-is-here",
	}
	for _, page := range pages {
		b.lenient = page == "nothing-is-here"
		b.open(page)
		b.do(chromedp.Evaluate[chromedp.Void](stage.axe))
		require.Empty(b.t, check(b), page)
	}
	b.clean()
}
