package console

import (
	"errors"
	"net/http"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/syncer"
)

// What keeps a page from being shown, besides what operations say.
var (
	errNothing = errors.New("there is no such page")
	errTooMany = errors.New("too many requests")
)

// problem is what an error page shows.
type problem struct {
	ID     string     // of the text that says what happened
	Reason coded.Text // the operation's own, where there is one
}

// fail shows what kept a page from being shown.
func (c *Console) fail(v *visit, err error) {
	status, p := c.explain(v.r, err)
	c.show(v, view{Page: "problem", Title: "console.problem.title", Menu: "none", Data: p, Status: status})
}

// explain says what an error means to who asked. The words of an internal one are for the log.
func (c *Console) explain(r *http.Request, err error) (status int, p problem) {
	switch {
	case errors.Is(err, errNothing):
		return http.StatusNotFound, problem{ID: "console.problem.nothing"}
	case errors.Is(err, errTooMany):
		return http.StatusTooManyRequests, problem{ID: "console.problem.too_many"}
	}

	e := syncer.AsRequestError(err)
	if e.Code == syncer.CodeInternal {
		c.Log.Error("console met an internal error", "method", r.Method, "path", r.URL.Path, "error", err)
		return http.StatusInternalServerError, problem{ID: "console.problem.internal"}
	}
	return e.Code.HTTP(), problem{ID: "console.problem." + string(e.Code), Reason: e.Reason}
}

// foreign refuses a form that another site has sent.
func (c *Console) foreign(w http.ResponseWriter, r *http.Request) {
	c.render(w, r, view{Page: "problem", Title: "console.problem.title", Menu: "none", Data: problem{ID: "console.problem.foreign"}, Status: http.StatusForbidden})
}
