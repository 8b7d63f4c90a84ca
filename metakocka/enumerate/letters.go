package enumerate

import (
	"context"
	"slices"
	"strings"
	"time"
)

// A sweep searches for substrings of names and joins the answers: every name holds
// a letter or a digit, though it may be one of another script. Where an answer
// looks capped, longer substrings are asked for. A full sweep asks for all letters;
// the sweeps in between ask only for the substrings that, as the last full sweep
// showed, together bring every partner.

// letters begin a full sweep, the commonest first. Others are learned from the
// names that come back, and make longer substrings with them.
const letters = "aeionrtslkdvmjpzugbčšchžfywqx0123456789"

// otherLetters are asked for by the sweep after one for all letters: nearly every Cyrillic or Greek name has one
// of them. What they and the names known elsewhere bring tells which letters of
// these scripts to ask for; no few letters would do for Chinese.
const otherLetters = "аоеиαο"

// fullShare bounds the share of time, one in so many, that full sweeps take.
const fullShare = 10

// cheap is how many calls a full sweep may cost to be made unasked.
const cheap = 60

func (e *Enumerator) widen(name string) {
	for _, c := range strings.ToLower(name) {
		if q := string(c); strings.Contains(letters, q) && !slices.Contains(e.cover, q) {
			e.cover = append(e.cover, q)
			return
		}
	}
	e.cover = nil
}

// sweep enumerates all partners by letters, or returns an error.
func (e *Enumerator) sweep(ctx context.Context) (Partners, error) {
	began := time.Now()
	full := len(e.cover) == 0 || began.Sub(e.lastFull) >= max(e.cfg.FullEvery, fullShare*e.fullTook)
	e.partial = !full
	if full {
		e.memory.Forget() // every partner is read whole, once
	}
	r := newRun(e.erp)
	r.memory = e.memory
	queries := e.cover
	if full {
		known, err := e.names.ForeignNames(ctx)
		if err != nil {
			return Partners{}, err
		}
		queries = lettersOf(known)
	}
	if e.others {
		queries = append(slices.Clip(queries), strings.Split(otherLetters, "")...)
	}

	ask := r.ask
	if full || e.others {
		ask = r.askAll
	}
	if err := ask(ctx, queries); err != nil {
		return Partners{}, err
	}
	r.Full = full
	e.others = full && !e.others
	if full {
		cover, err := r.coverAll(ctx)
		if err != nil {
			return Partners{}, err
		}
		e.cover = cover
		e.lastFull = time.Now()
		e.fullCost = r.Calls
		e.fullTook = time.Since(began)
	}
	return r.Partners, nil
}
