package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/syncer/operations"
)

// pairList are pairs of another integration, as they were given.
type pairList struct {
	pairs []operations.Pair
	lines []int // of a file: the line of each pair
	blank int   // rows that lack the contact's id or the partner's
	first int   // of a file: the first such line
}

// pairColumns name the columns of a list, where the usual names do not find them.
type pairColumns struct{ contact, partner string }

// The usual names of the two columns, the surest first, without what is no letter or digit.
var (
	contactNames = []string{"contactid", "crmcontactid", "crmid", "contactuuid", "contact", "idkontakta", "kontaktid", "kontakt"}
	partnerNames = []string{"metakockaid", "mkid", "metakockapartnerid", "mkpartnerid", "metakocka", "partnerid", "idpartnerja", "partner"}
)

// in are the places of the two columns among those of a list.
func (c pairColumns) in(columns []string) (contact, partner int, err error) {
	if contact, err = column(columns, c.contact, "contact", contactNames); err != nil {
		return 0, 0, err
	}
	if partner, err = column(columns, c.partner, "partner", partnerNames); err != nil {
		return 0, 0, err
	}
	if contact == partner {
		return 0, 0, errors.New("one column cannot be the contact's and the partner's")
	}
	return contact, partner, nil
}

func column(columns []string, given, side string, usual []string) (int, error) {
	if given != "" {
		for _, as := range []func(string) string{strings.TrimSpace, plainName} {
			if i := slices.IndexFunc(columns, func(c string) bool { return as(c) == as(given) }); i >= 0 {
				return i, nil
			}
		}
		return 0, fmt.Errorf("there is no column %q, which --%s-column names", given, side)
	}
	for _, name := range usual {
		if i := slices.IndexFunc(columns, func(c string) bool { return plainName(c) == name }); i >= 0 {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no column has a usual name of the %s's id (%s_id): say which it is with --%[1]s-column", side, map[string]string{"contact": "contact", "partner": "metakocka"}[side])
}

// plainName is a column's name without what one and another write differently.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// pairsOfTable reads pairs from a table of the CRM's database.
func (app *cliEnv) pairsOfTable(ctx context.Context, table string, names pairColumns) (list pairList, err error) {
	cfg, _, err := app.load(config.NeedDatabase)
	if err != nil {
		return list, err
	}

	found, blank, err := service.ReadPairs(ctx, cfg, table, func(columns []string) (string, string, error) {
		contact, partner, err := names.in(columns)
		if err != nil {
			return "", "", fmt.Errorf("%w; it has %s", err, strings.Join(columns, ", "))
		}
		return columns[contact], columns[partner], nil
	})

	list.blank = blank
	for _, p := range found {
		list.pairs = append(list.pairs, operations.Pair{ContactID: p[0], MetaKockaID: p[1]})
	}
	return list, err
}

// pairsOfFile reads pairs from a CSV file; "-" is standard input.
func (app *cliEnv) pairsOfFile(ctx context.Context, path string, names pairColumns) (list pairList, err error) {
	if path == fromStdin {
		err = app.input(ctx, func(from io.Reader) error {
			list, err = readPairs(from, names)
			return err
		})
		return list, inFile("standard input", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return list, err
	}
	defer func() { _ = file.Close() }()
	list, err = readPairs(file, names)
	return list, inFile(path, err)
}

func inFile(name string, err error) error {
	if err == nil || errors.Is(err, errStopped) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// readPairs reads a CSV with a line of names. Errors name the line, and nothing that
// stands in it: the other columns are about persons.
func readPairs(from io.Reader, names pairColumns) (list pairList, err error) {
	text := bufio.NewReader(from)
	head, err := text.Peek(text.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return list, err
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return list, errors.New("this is UTF-16: save it as CSV in UTF-8")
	}
	if mark := []byte("\xef\xbb\xbf"); bytes.HasPrefix(head, mark) {
		_, _ = text.Discard(len(mark))
	}

	rows := csv.NewReader(text)
	rows.Comma = separator(head)
	rows.FieldsPerRecord = -1
	rows.ReuseRecord = true

	header, err := rows.Read()
	if err != nil {
		return list, unreadableLine(err)
	}
	contact, partner, err := names.in(header)
	if err != nil {
		return list, fmt.Errorf("the first line has to name the columns: %w", err)
	}

	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return list, unreadableLine(err)
		}
		line, _ := rows.FieldPos(0)
		list.add(line, cell(row, contact), cell(row, partner))
	}
}

// add adds a line's pair.
func (l *pairList) add(line int, contact, partner string) {
	if contact == "" || partner == "" {
		if l.blank++; l.blank == 1 {
			l.first = line
		}
		return
	}
	l.pairs = append(l.pairs, operations.Pair{ContactID: contact, MetaKockaID: partner})
	l.lines = append(l.lines, line)
}

func cell(row []string, at int) string {
	if at >= len(row) {
		return ""
	}
	return strings.TrimSpace(row[at])
}

// separator is what the first line has most of outside quotes: a comma, a semicolon as
// spreadsheets in Slovenian write, or a tab.
func separator(head []byte) rune {
	counts := map[rune]int{}
	quoted := false
	for _, r := range string(head) {
		switch {
		case r == '"':
			quoted = !quoted
		case r == '\n' && !quoted:
			return most(counts)
		case !quoted:
			counts[r]++
		}
	}
	return most(counts)
}

func most(counts map[rune]int) rune {
	best := ','
	for _, r := range []rune{';', '\t'} {
		if counts[r] > counts[best] {
			best = r
		}
	}
	return best
}

// unreadableLine is why a CSV cannot be read.
func unreadableLine(err error) error {
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case errors.As(err, &parse):
		return fmt.Errorf("line %d: %w: nothing was read behind it", parse.Line, parse.Err)
	}
	return err
}
