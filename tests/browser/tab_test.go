package browser_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// tab is one in the browser, which remembers what a page must not do.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	wrong   []string // errors on the console, what the page's policy forbade, requests to others
	lenient bool     // answers that are errors are what the test is about
}

func newTab(t *testing.T) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(stage.browser)
	t.Cleanup(closeTab)
	b := &tab{t: t, ctx: ctx}
	b.do(chromedp.Navigate("about:blank")) // the first action makes the tab

	home, err := url.Parse(stage.console)
	require.NoError(t, err)
	require.NoError(t, chromedp.Listen(ctx, func(event any) { b.notice(home.Host, event) }))
	call(b, network.Enable, network.EnableParams{})
	call(b, runtime.Enable, cdp.Empty{})
	call(b, log.Enable, cdp.Empty{})
	return b
}

// notice looks at what the browser tells of a page.
func (b *tab) notice(host string, event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Host != host && u.Scheme != "data" && u.Scheme != "about" {
			b.note("a request to " + e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		b.note("a script's error: " + e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" {
			b.note("an error on the console")
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.note(string(e.Entry.Source) + ": " + e.Entry.Text)
		}
	}
}

func (b *tab) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.lenient {
		b.wrong = append(b.wrong, what)
	}
}

// clean fails where a page did what it must not.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.wrong)
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// call sends a command of the browser's protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	answer, err := chromedp.Call(b.ctx, command, params)
	require.NoError(b.t, err)
	return answer
}

// open goes to a page of the console.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(stage.console + path))
}

// signIn gives the token in the form.
func (b *tab) signIn(token string) {
	b.t.Helper()
	b.do(chromedp.Navigate(stage.console+"sign-in"), chromedp.SendKeys(chromedp.CSS("input[name=token]"), token), chromedp.Submit(chromedp.CSS("input[name=token]")))
	b.until(`document.querySelector("[role=alert], .menu")`, "the form is not answered")
}

// look makes pages as somebody with this language, theme and screen sees them.
func (b *tab) look(language, theme string, width int64) {
	b.t.Helper()
	call(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: "Mozilla/5.0 (mksync's tests)", AcceptLanguage: language})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		// A change of theme is seen at once, not in the middle of a transition.
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
}

// conditions are those of the line to the server.
type conditions struct {
	Offline            bool    `json:"offline"`
	Latency            float64 `json:"latency"` // milliseconds
	DownloadThroughput float64 `json:"downloadThroughput"`
	UploadThroughput   float64 `json:"uploadThroughput"`
}

// emulate is a command that Chromium 148 takes in this form alone.
var emulate = cdp.Command[conditions, cdp.Empty]{Method: "Network.emulateNetworkConditions"}

// line is how good the connection to the server is.
func (b *tab) line(c conditions) {
	b.t.Helper()
	c.DownloadThroughput, c.UploadThroughput = -1, -1 // as much as there is
	call(b, emulate, c)
}

// eval is what a script's expression comes to.
func eval[T any](b *tab, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	return v
}

func (b *tab) text() string {
	b.t.Helper()
	return eval[string](b, `document.body?.innerText ?? ""`)
}

// says waits until the page has these words.
func (b *tab) says(words string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.body.innerText.includes(%q)", words), "the page does not say "+words)
}

// until waits until an expression is true.
func (b *tab) until(expression, otherwise string) {
	b.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")")) // an error while a page is being left
		if err == nil && yes {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s; it says:\n%s", otherwise, b.text())
		}
		select {
		case <-b.ctx.Done():
			b.t.Fatal(otherwise)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// press clicks the first button or link whose words begin so.
func (b *tab) press(words string) {
	b.t.Helper()
	found := eval[bool](b, fmt.Sprintf(`(() => {
		const all = [...document.querySelectorAll("main summary, main button, main a, #notices button")];
		const it = all.find((e) => e.innerText.trim().startsWith(%q));
		it?.click();
		return Boolean(it);
	})()`, words))
	if !found { // else the page is being left
		b.t.Fatalf("no button says %q:\n%s", words, strings.TrimSpace(b.text()))
	}
}
