package phrases

import (
	"strconv"

	"github.com/crmmind/mksync/coded"
)

// Said says a text, whose code is the id of its words in each language.
func (l Language) Said(t coded.Text) string {
	if l == English && t.String() != "" || !Has(t.Code) {
		return t.String()
	}

	params := make([]any, 0, 2*len(t.Params)+2)
	for name, value := range t.Params {
		if l != English {
			value = l.parameter(name, value)
		}
		params = append(params, name, value)
	}
	if t.Cause != nil {
		params = append(params, "cause", l.Said(*t.Cause))
	}

	if n, err := strconv.Atoi(t.Params[coded.Number]); err == nil {
		return l.Count(t.Code, n, params...)
	}
	return l.Text(t.Code, params...)
}
