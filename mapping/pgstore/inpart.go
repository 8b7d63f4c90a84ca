package pgstore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// A partner may hold what this database cannot: characters that its encoding lacks, or
// a text too long for an index. It is then kept without that, marked in its hash, so
// that it counts as seen until it changes. What it is besides is asked of MetaKocka.

// keptInPart marks the hash of a partner that is kept in part.
const keptInPart = "unheld:"

// longestText is the longest that is surely taken by every index.
const longestText = 1000

// unfit: the database does not take the texts of a statement: its encoding lacks
// characters (22P05) or has no such byte (22021), or they are longer than a column
// (22001) or an index (54000) allows.
func unfit(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && slices.Contains([]string{"22P05", "22021", "22001", "54000"}, pg.Code)
}

// inPart is as much of a partner as the database can hold.
func inPart(ctx context.Context, db database, p store.ObservedPartner) (store.ObservedPartner, error) {
	var failed error
	fit := func(s string) string {
		held, err := textFitting(ctx, db, s)
		failed = errors.Join(failed, err)
		return held
	}
	p.Hash = keptInPart + p.Hash
	p.Name = fit(p.Name)
	p.TaxNumber = fit(p.TaxNumber)
	p.Email = fit(p.Email)
	p.Keys = mapping.MatchKeys{Number: fit(p.Keys.Number), Emails: eachFitting(p.Keys.Emails, fit), Persons: eachFitting(p.Keys.Persons, fit)}
	var data any
	d := json.NewDecoder(bytes.NewReader(p.Data))
	d.UseNumber()
	if err := d.Decode(&data); err != nil {
		return p, fmt.Errorf("read partner %s: %w", p.MetaKockaID, err)
	}
	var err error
	p.Data, err = json.Marshal(valueFitting(data, fit))
	return p, errors.Join(err, failed)
}

// textFitting is s, or empty where the database cannot hold it. Only the database knows its
// encoding.
func textFitting(ctx context.Context, db database, s string) (held string, err error) {
	switch {
	case len(s) > longestText:
		return "", nil
	case !strings.ContainsFunc(s, func(r rune) bool { return r == 0 || r > unicode.MaxASCII }):
		return s, nil
	}
	err = db.QueryRow(ctx, "SELECT $1::text", s).Scan(&held)
	if err != nil && !unfit(err) {
		return "", fmt.Errorf("look whether the database can hold a text: %w", err)
	}
	return held, nil
}

func eachFitting(all []string, fit func(string) string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return fit(s) != s })
}

// valueFitting is a JSON value with the texts that fit.
func valueFitting(v any, fit func(string) string) any {
	switch v := v.(type) {
	case string:
		return fit(v)
	case []any:
		for i := range v {
			v[i] = valueFitting(v[i], fit)
		}
	case map[string]any:
		for key, of := range v {
			if v[key] = valueFitting(of, fit); fit(key) != key {
				delete(v, key)
			}
		}
	}
	return v
}

// fitting stores a change, with what was seen of the partner in part where the database
// cannot hold all of it. What else it cannot hold is the contact's refusal.
func (s *Session) fitting(ctx context.Context, conn *ownConn, ch *store.Change, save func() error) error {
	read := s.raw
	err := save()
	if !unfit(err) {
		return err
	}
	s.raw = read // what was written is taken back
	if ch.Observed != nil {
		seen, err := inPart(ctx, conn, *ch.Observed)
		if err != nil {
			return err
		}
		ch.Observed = &seen
		if err = save(); !unfit(err) {
			return err
		}
		s.raw = read
	}
	return &store.ContactRefusedError{Reason: coded.Say("note.kept.not_held", "MetaKocka holds a value with characters that the database's encoding lacks, or one too long to keep: change it there")}
}
