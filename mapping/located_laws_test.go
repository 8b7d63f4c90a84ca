package mapping

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// placesOf are addresses with a country behind them, and without.
var placesOf = []string{
	"", "Hauptstr. 5, 80331 München, Deutschland", "Hauptstr. 5, 80331 München", "Ilica 5\n10000 Zagreb\nHrvatska", "Ilica 5, 10000 Zagreb",
	"Dunajska 5, 1000 Ljubljana, SI", "Via Roma 5, 34121 Trieste, TS, Italia", "10 High Street, London SW1A 2AA, UK", "Getreidegasse 9, Salzburg, Österreich, Austria",
}

// located is a couple as it is stored: the contact's columns, and the partner's
// attributes.
type located struct {
	contact Contact
	partner Partner
	base    Base

	edits, writes map[Side]int
	stored        Field // "": else the field of a side that changed though its direction lets it not
}

func (l *located) reads() (crm, partner Contact) {
	partner, _ = FromPartner(l.partner)
	return l.contact.Clean().Located(), partner
}

// edit is a user's; one that takes a country away with its address is two edits.
func (l *located) edit(s Side, f Field, v string) {
	wasCRM, wasPartner := l.reads()
	switch {
	case s == SideCRM:
		l.contact.Set(f, v)
	case f == FieldCountry:
		l.partner.Country = v
	default:
		l.partner.Street, l.partner.City, l.partner.PostNumber = v, "", ""
		if a := ParseAddress(v); len(v)%2 == 0 { // else all of it stands in the street
			l.partner.Street, l.partner.City, l.partner.PostNumber = a.Street, a.City, a.PostNumber
		}
	}
	crm, partner := l.reads()
	if l.edits[s]++; f == FieldAddress && (wasCRM.Country != crm.Country || wasPartner.Country != partner.Country) {
		l.edits[s]++
	}
}

// merge does what a reconcile does.
func (l *located) merge(p Policy) {
	for {
		crm, partner := l.reads()
		r := Merge(MergeInput{Base: l.base, CRM: crm, Partner: partner}, p)
		if len(r.ToPartner) == 0 {
			l.write(crm, r, p)
			return
		}
		was := l.partner
		if now := ToPartner(r.Partner, was, r.ToPartner, p); now != was {
			l.partner = now
			l.writes[SideMetaKocka]++
			l.forbidden(p, SideMetaKocka, now.Country != was.Country, now.address() != was.address())
		}
		_, got := l.reads()
		l.base.CountryGone(was, r.ToPartner, got, p)
		for _, f := range r.ToPartner {
			l.base.CRM.Set(f, crm.Get(f))
			l.base.Partner.Set(f, got.Get(f))
		}
	}
}

func (l *located) write(read Contact, r MergeResult, p Policy) {
	was := l.contact
	r, also := Placed(read, l.contact.Clean().Country != read.Country, r, p)
	l.base = r.Base
	if len(r.ToCRM) == 0 {
		return
	}
	l.writes[SideCRM]++
	for _, f := range append(also, r.ToCRM...) {
		l.contact.Set(f, r.CRM.Get(f))
	}
	l.forbidden(p, SideCRM, l.contact.Country != was.Country, l.contact.Address != was.Address)
	stored, _ := l.reads()
	for _, f := range r.ToCRM {
		l.base.CRM.Set(f, stored.Get(f))
	}
}

// forbidden notes what was written though its direction lets it not.
func (l *located) forbidden(p Policy, s Side, country, address bool) {
	for f, written := range map[Field]bool{FieldCountry: country, FieldAddress: address} {
		if written && !p.writes(s, f) {
			l.stored = f
		}
	}
}

// A country that stands at the end of an address is a value like others: it reaches
// the other side, an edit causes one write there at most, and after quiet nothing is
// written, whichever side tells it in its address and whoever takes it away. A field is
// written only where its direction lets it, be it the country's or the address's.
func TestLawACountryBehindAnAddressIsAValueLikeOthers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := &located{edits: map[Side]int{}, writes: map[Side]int{SideCRM: 0, SideMetaKocka: 0}}
		l.contact.Name, l.partner.Customer = "Ana", "Ana"
		p := Policy{TieWinner: SideMetaKocka, Fields: map[Field]FieldPolicy{}}
		if rapid.Bool().Draw(t, "directions") {
			for _, f := range []Field{FieldCountry, FieldAddress} {
				p.Fields[f] = FieldPolicy{Direction: rapid.SampledFrom(everyDirection).Draw(t, "direction of "+string(f))}
			}
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			side := rapid.SampledFrom([]Side{SideCRM, SideMetaKocka}).Draw(t, "side")
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				l.edit(side, FieldCountry, rapid.SampledFrom([]string{"", "-", "Germany", "AT", "Italia"}).Draw(t, "country"))
			case 1:
				l.merge(p)
			default:
				l.edit(side, FieldAddress, rapid.SampledFrom(placesOf).Draw(t, "address"))
			}
		}
		l.merge(p)
		for _, s := range []Side{SideCRM, SideMetaKocka} {
			require.LessOrEqual(t, l.writes[s], l.edits[s.Other()]+1, "writes to %s", s) // the first match writes both
		}
		require.Empty(t, l.stored)
		stood := *l
		writes := maps.Clone(l.writes)
		l.merge(p)
		require.Equal(t, writes, l.writes, "after quiet: %+v", stood)
		if crm, partner := l.reads(); len(p.Fields) == 0 {
			require.Equal(t, crm.Country, partner.Country, "%+v", stood)
		}
	})
}
