package demo

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDemoSaysWhereItGotStuck(t *testing.T) {
	t.Parallel()
	d := &demo{world: newWorld(Options{}), say: newNarrator(terminal.New(&bytes.Buffer{}, nil)), steps: 3}
	_, _ = d.world.service.log.Write([]byte("one\ntwo\nthr"))
	err := d.step(t.Context(), "Edits", func(context.Context) error { return errors.New("no partner") })
	require.EqualError(t, err, "demo, step 4 (Edits): no partner\nthe service's last lines:\n  one\n  two")
}

// agreed is an outcome in which all is well.
func agreed() outcome {
	var o outcome
	for i, c := range []mapping.Contact{{Name: "Ana", Email: "ana@posta.example"}, {Name: "Bor"}} {
		p := metakocka.Partner{MKID: strconv.Itoa(i + 1), Customer: c.Name, Contacts: []metakocka.Contact{{Name: c.Name, Email: c.Email}}}
		o.partners = append(o.partners, p)
		link := linkRow{id: "l", partner: p.MKID, status: "synced"}
		o.pairs = append(o.pairs, pairing{name: c.Name, contact: &c, partner: &p, link: link})
	}
	return o
}

func TestDemoNoticesWhenSidesDoNotAgree(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(*outcome){
		"Ana differs in [email]":            func(o *outcome) { o.pairs[0].contact.Email = "ana@drugje.example" },
		"Ana has no partner":                func(o *outcome) { o.pairs[0].partner, o.partners = nil, o.partners[1:] },
		"Ana is partial: notes":             func(o *outcome) { o.pairs[0].link.status, o.pairs[0].link.reason = "partial", "notes" },
		"Ana is linked, but not in the CRM": func(o *outcome) { o.pairs[0].contact = nil },
		"Bor is not known to mksync": func(o *outcome) {
			o.pairs[1].link, o.pairs[1].partner, o.partners = linkRow{}, nil, o.partners[:1]
		},
		"partner 3 (Ana) is one too many": func(o *outcome) {
			o.partners = append(o.partners, metakocka.Partner{MKID: "3", Customer: "Ana", Contacts: []metakocka.Contact{{Name: "Ana"}}})
		},
		"partner 1 is linked with Ana and Bor": func(o *outcome) {
			o.pairs[1].link.partner, o.partners = "1", o.partners[:1]
		},
	} {
		o := agreed()
		require.Empty(t, o.problems())
		spoil(&o)
		require.Contains(t, o.problems(), want)
		var out bytes.Buffer
		d := &demo{say: newNarrator(terminal.New(&out, nil))}
		require.ErrorIs(t, d.conclude(o), ErrDisagree)
		require.Contains(t, out.String(), "The two sides do NOT agree: ")
	}
}

func TestDemoCountsAValueThatCannotBeSentAsWaiting(t *testing.T) {
	t.Parallel()
	o := agreed()
	bad := mapping.Contact{Name: "Miha", Email: "miha(at)posta.example"}
	p := metakocka.Partner{MKID: "3", Customer: bad.Name}
	o.partners = append(o.partners, p)
	o.pairs = append(o.pairs, pairing{name: "Miha", contact: &bad, partner: &p, link: linkRow{id: "l", partner: p.MKID, status: "partial", reason: "email"}})
	require.Empty(t, o.problems())
	o.pairs[2].link.reason = ""
	require.NotEmpty(t, o.problems(), "without a reason nobody knows what to do")
}
