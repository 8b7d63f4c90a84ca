package console

import (
	"context"
	"encoding/csv"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/syncer/operations"
)

// sheet is a table that a spreadsheet opens as it is: with a mark that says that it is UTF-8,
// apart by what the language's spreadsheets expect, and without a cell that would be computed.
type sheet struct{ w *csv.Writer }

func newSheet(w io.Writer, l phrases.Language) (sheet, error) {
	_, err := io.WriteString(w, "\ufeff")
	s := sheet{csv.NewWriter(w)}
	s.w.UseCRLF = true
	if l == phrases.Slovenian {
		s.w.Comma = ';'
	}
	return s, err
}

func (s sheet) write(cells ...string) error {
	for i, c := range cells {
		cells[i] = cell(c)
	}
	return s.w.Write(cells)
}

// cell is a text that a spreadsheet shows as it is: one that begins like a formula is quoted,
// and a long number, which would lose its last digits, or one that begins with a nought, is
// a text behind a tab.
func cell(text string) string {
	switch {
	case text == "":
		return ""
	case strings.ContainsRune("=+-@\t\r\n", rune(text[0])):
		return "'" + text
	case digits(text) && (len(text) > 11 || text[0] == '0' && len(text) > 1):
		return "\t" + text
	}
	return text
}

func digits(text string) bool {
	return strings.Trim(text, "0123456789") == ""
}

// download sends a sheet whose rows are written page by page.
func (v *visit) download(name string, rows func(s sheet) error) (view, error) {
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name + "-" + time.Now().In(v.Zone).Format("2006-01-02-1504") + ".csv"}))
	s, err := newSheet(v.w, v.lang)
	if err == nil {
		err = rows(s)
	}
	if s.w.Flush(); err == nil {
		err = s.w.Error()
	}
	if err != nil { // what was sent is cut, so that nobody takes it for the whole
		v.Log.Warn("a list was not sent whole", "list", name, "error", err)
		panic(http.ErrAbortHandler)
	}
	return view{}, nil
}

// largePage is how much is read at once for a sheet.
const largePage = 1000

// pages goes through all pages of a list.
func pages[T any](s sheet, ask func(p operations.Page) (operations.List[T], error), write func(items []T) error) error {
	for after := ""; ; {
		found, err := ask(operations.Page{After: after, Limit: largePage})
		if err == nil {
			err = write(found.Items)
		}
		if s.w.Flush(); err == nil {
			err = s.w.Error()
		}
		if after = found.Next; err != nil || after == "" {
			return err
		}
	}
}

func historyCSV(ctx context.Context, v *visit) (view, error) {
	request, err := historyRequest(v.r.Form, v.Zone)
	if err != nil {
		return view{}, err
	}

	ask := func(p operations.Page) (operations.List[operations.HistoryEntry], error) {
		request.Page = p
		return operations.OpHistory.Ask(ctx, v.API, request)
	}

	return v.download("mksync-history", func(s sheet) error {
		if err := s.write(v.head("entry", "at", "contact", "name", "partner", "act", "side", "field", "before", "after", "cause", "by", "rule")...); err != nil {
			return err
		}
		return pages(s, ask, func(items []operations.HistoryEntry) error {
			called, err := v.namesIn(ctx, items)
			for _, e := range items {
				if err == nil {
					err = v.writeEntry(s, e, called)
				}
			}
			return err
		})
	})
}

// writeEntry writes a line for each field that an entry tells of.
func (v *visit) writeEntry(s sheet, e operations.HistoryEntry, called names) error {
	of := changes(e)
	if len(of) == 0 {
		of = []change{{}}
	}
	for _, ch := range of {
		field := ""
		if ch.Field != "" {
			field = v.lang.Field(ch.Field)
		}
		err := s.write(e.ID, v.day(e.At), e.ContactID, called.Contacts[e.ContactID], e.MetaKockaID, v.lang.Text("console.act."+string(e.Act)), string(e.Side), field,
			ch.From, ch.To, v.lang.Text("console.cause."+string(e.Cause)), e.By, e.Rule)
		if err != nil {
			return err
		}
	}
	return nil
}

// head is the first line of a sheet.
func (v *visit) head(columns ...string) []string {
	for i, c := range columns {
		columns[i] = v.lang.Text("console.csv." + c)
	}
	return columns
}

// day is a time as a spreadsheet knows it, in the server's zone.
func (v *visit) day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(v.Zone).Format(time.DateTime)
}
