package console

import (
	"net/http"
	"time"

	"github.com/crmmind/mksync/syncer/operations"
)

// notice says on the next page what became of a form. The browser carries it there.
type notice struct {
	ID     string            `json:"i"`           // of the text
	Params map[string]string `json:"p,omitempty"` // of the text
	N      int               `json:"n,omitempty"` // of one that counts
	Counts bool              `json:"c,omitempty"`
	Failed bool              `json:"f,omitempty"`
	Words  []string          `json:"w,omitempty"` // a line each
	Undo   *button           `json:"u,omitempty"`
	To     string            `json:"-"` // the page that shows what goes on; "": the one that the form came from
	// Form is one that another process has been doing since then: what became of it is not
	// known here yet.
	Form  string `json:"o,omitempty"`
	Since int64  `json:"s,omitempty"` // in seconds since 1970
}

// button is a form of one button.
type button struct {
	Do     string            `json:"d"`           // the action
	Label  string            `json:"l"`           // a text's id
	Value  string            `json:"v,omitempty"` // what it is about, behind the label
	Fields map[string]string `json:"f"`
	First  bool              `json:"1,omitempty"` // what the key a does
	Grave  bool              `json:"g,omitempty"` // it takes something away
	// Ask is the text's id of what is asked before, for a field "reason"; "": nothing. Must
	// says that it has to be answered.
	Ask  string `json:"a,omitempty"`
	Must bool   `json:"m,omitempty"`
}

// Text says it.
func (n notice) Text(p page) string {
	var params []any
	for name, value := range n.Params {
		params = append(params, name, value)
	}
	if n.Counts {
		return p.lang.Count(n.ID, n.N, params...)
	}
	return p.lang.Text(n.ID, params...)
}

// noticeAge is how long a notice waits for its page.
const noticeAge = 2 * time.Minute

// mostNotice is how long a cookie may be for every browser to keep it.
const mostNotice = 3500

// leaveNotice lets the next page show it. One that is too long for a cookie loses its words.
func (v *visit) leaveNotice(n notice) {
	sealed, err := v.seals.seal(forNotice, n)
	for err == nil && len(sealed) > mostNotice && len(n.Words) > 0 {
		n.Words = n.Words[:len(n.Words)-1]
		sealed, err = v.seals.seal(forNotice, n)
	}
	if err != nil || len(sealed) > mostNotice {
		v.Log.Error("keep notice", "error", err, "bytes", len(sealed))
		return
	}
	setCookie(v.w, v.r, "notice", sealed, noticeAge)
}

// partHeader is sent by the script where it reads a page to bring the one that is shown up
// to date: a notice is not for that.
const partHeader = "Mksync-Part"

// lookAgain is after how many seconds a page looks again what became of a form.
const lookAgain = "2"

// takeNotice is what the page is to say; nil: nothing. Where a form is under way at another
// process, the page says so and looks again.
func (v *visit) takeNotice() *notice {
	sealed := cookie(v.r, "notice")
	var n notice
	if sealed == "" || v.r.Header.Get(partHeader) != "" || v.r.Method == http.MethodHead || !v.seals.open(forNotice, sealed, &n) {
		return nil
	}

	if n.Form != "" {
		n = v.elsewhere(operations.AskedBy(v.r.Context(), v.who), n.Form, time.Unix(n.Since, 0))
	}
	if n.Form != "" {
		v.leaveNotice(n)
		v.w.Header().Set("Refresh", lookAgain)
		return &n
	}
	setCookie(v.w, v.r, "notice", "", 0)
	return &n
}
