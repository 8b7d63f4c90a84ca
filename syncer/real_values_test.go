package syncer_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/people"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// realPeople are contacts with real values and their partners, in one world.
type realPeople struct {
	*world.World
	s      *service.Service
	values []realValue
	ids    []string // of the contacts
}

// row fills in what is the n-th row's own: names, e-mail, tax number.
func (v realValue) row(n int) realValue {
	own := strings.NewReplacer("@", fmt.Sprintf("oseba%d@values-test.si", n), "#", world.TaxNumber(1000+n))
	c := &v.contact
	c.Name = people.Name(n)
	if c.CompanyName != "" {
		c.CompanyName = people.Name(n+200) + " " + c.CompanyName
	}
	c.Email = own.Replace(cmp.Or(c.Email, "mailto:@"))
	c.TaxNumber = own.Replace(c.TaxNumber)
	states := []*held{&v.before, &v.want}
	if v.typed != nil {
		typed := *v.typed
		v.typed = &typed
		states = append(states, v.typed)
	}
	for _, h := range states {
		h.email, h.tax, h.entry = own.Replace(cmp.Or(h.email, "@")), own.Replace(h.tax), cmp.Or(h.entry, c.Name)
	}
	return v
}

// partner is the contact's, which holds h.
func (v realValue) partner(id string, h held) metakocka.Partner {
	p := world.Person(id, v.contact.Name, h.tax, h.email)
	if v.contact.CompanyName != "" {
		p.Customer, p.BusinessEntity = v.contact.CompanyName, true
	}
	p.Notes = h.notes
	p.Contacts[0].Name, p.Contacts[0].Phone, p.Contacts[0].GSM = h.entry, h.phone, h.gsm
	p.Addresses = []metakocka.Address{{
		MKID: id + "2", Type: metakocka.AddressBilling, Street: h.street, City: h.city, PostNumber: h.post, Country: mapping.CountryName(h.country),
	}}
	return p
}

func heldBy(p metakocka.Partner) held {
	a, _ := p.Billing()
	code, _ := mapping.ParseCountry(a.Country)
	h := held{street: a.Street, city: a.City, post: a.PostNumber, country: code, tax: p.TaxIDNumber, taxpayer: p.Taxpayer, notes: p.Notes}
	h.phone, h.gsm, h.email, h.entry = p.Contacts[0].Phone, p.Contacts[0].GSM, p.Contacts[0].Email, p.Contacts[0].Name
	return h
}

// meetsNobody reports whether the row says nothing of what a partner held before.
func (v realValue) meetsNobody() bool {
	return v.before == held{email: v.want.email, entry: v.contact.Name}
}

// TestRealValuesArriveAlike in a live event, in a first sync, typed into a contact that is
// linked, and where there is no partner yet. Nothing else is written; what only gets
// another form in MetaKocka changes nothing, and an edit there undoes nothing.
func TestRealValuesArriveAlike(t *testing.T) {
	t.Parallel()
	for i, way := range []string{"live", "first sync", "typed", "new"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			r := meet(t, way, i)
			r.arrived(way)
			r.respelled()
			r.moved()
		})
	}
}

// meet lets contacts and partners find each other in one way, the n-th.
func meet(t *testing.T, way string, n int) *realPeople {
	t.Helper()
	r := &realPeople{}
	opts := sim.Options{Notes: sim.Kept, EmptyValue: sim.Cleared}
	for i, v := range valuesOf(n, realValues()) {
		if v = v.row(i); way == "new" && !v.meetsNobody() {
			continue
		}
		r.values = append(r.values, v)
		if way != "new" {
			opts.Partners = append(opts.Partners, v.partner(fmt.Sprint(7401+i), v.before))
		}
	}
	r.World = world.NewAudited(t, opts)
	r.Exec("ALTER TABLE contacts ALTER country TYPE text")

	if way == "first sync" {
		r.insert(realValue.typedIn)
	}
	r.s = r.Up()
	r.Polls(1)
	switch way {
	case "live", "new":
		r.insert(realValue.typedIn)
	case "typed":
		r.insert(realValue.known)
		r.Idle(r.s)
		require.Zero(t, r.Written().Updates, "they agree")
		r.retype(realValue.typedIn)
	}
	return r
}

// typedIn is the contact with all that people typed.
func (v realValue) typedIn() mapping.Contact { return v.contact }

// known is the contact as far as it is needed to find its partner.
func (v realValue) known() mapping.Contact {
	c := mapping.Contact{Name: v.contact.Name, CompanyName: v.contact.CompanyName}
	if c.Email = v.before.email; !strings.Contains(c.Email, "@") {
		c.Email, c.TaxNumber = "", v.before.tax
	}
	return c
}

func (r *realPeople) insert(of func(realValue) mapping.Contact) {
	r.T.Helper()
	for _, v := range r.values {
		r.ids = append(r.ids, r.Add(of(v)))
	}
}

// retype types values into contacts that are there, those of a contact at once. An empty
// one is no edit.
func (r *realPeople) retype(of func(realValue) mapping.Contact) {
	r.T.Helper()
	for i, v := range r.values {
		c := of(v)
		r.Exec(`UPDATE contacts SET email = coalesce(nullif($2, ''), email), phone = coalesce(nullif($3, ''), phone),
			address = coalesce(nullif($4, ''), address), country = coalesce(nullif($5, ''), country),
			tax_number = coalesce(nullif($6, ''), tax_number), notes = coalesce(nullif($7, ''), notes), updated_at = now() WHERE id = $1`,
			r.ids[i], c.Email, c.Phone, c.Address, c.Country, c.TaxNumber, c.Notes)
	}
}

// arrived checks what is on either side, and that nobody was written to without need.
func (r *realPeople) arrived(way string) {
	t := r.T
	t.Helper()
	writes := r.Quiet(r.s)
	require.Len(t, r.ERP.Partners(), len(r.values))

	changed, disputed := 0, 0
	var wrong []string
	for i, v := range r.values {
		want := v.want
		if way == "typed" && v.typed != nil {
			want = *v.typed
		}
		if want != v.before {
			changed += 1 + v.refused
		}
		if v.disputed && way != "typed" {
			disputed++
		}
		is, says := heldBy(r.Partner(r.ids[i])), r.Mapping(r.ids[i])
		if want != is || !strings.Contains(says, cmp.Or(v.says, "synced: ")) {
			wrong = append(wrong, fmt.Sprintf("%+v:\nhas  %+v, %s\nwant %+v", v.contact, is, says, want))
		}
		r.asTyped(i)
	}
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
	if way != "new" {
		require.Equal(t, changed, writes.Updates)
	}
	require.Equal(t, disputed, r.Count("SELECT count(*) FROM mksync_conflicts"))
}

// asTyped checks that the contact still has what was typed into it, address aside.
func (r *realPeople) asTyped(i int) {
	r.T.Helper()
	is := r.Contact(r.ids[i])
	for _, f := range mapping.Fields() {
		if v := r.values[i].contact.Get(f); mapping.Canonical(f, v) != "" && f != mapping.FieldAddress {
			require.Equal(r.T, v, is.Get(f))
		}
	}
}

// respelled lets the ERP's users write everything in another form, which is no edit.
func (r *realPeople) respelled() {
	r.T.Helper()
	before, rows := r.Written(), r.Rows()
	wide := func(v string) string { return strings.ReplaceAll(v, " ", "  ") + "\u00a0" }
	for _, id := range r.ids {
		r.Edit(r.Partner(id), func(p *metakocka.Partner) {
			c, a := &p.Contacts[0], &p.Addresses[0]
			p.Customer, p.Notes, c.Name, c.Phone, c.GSM = wide(p.Customer), wide(p.Notes), wide(c.Name), wide(c.Phone), wide(c.GSM)
			a.Street, a.City, a.PostNumber = wide(a.Street), wide(a.City), wide(a.PostNumber)
			c.Email, a.Country = strings.ToUpper(c.Email), strings.ToUpper(a.Country)
			if len(p.TaxIDNumber) > 4 {
				p.TaxIDNumber = strings.ToLower(p.TaxIDNumber[:4]) + " " + p.TaxIDNumber[4:]
			}
		})
	}
	require.Equal(r.T, before, r.Quiet(r.s))
	require.Equal(r.T, rows, r.Rows())
}

// moved lets the ERP's users put everybody into another town: the street stays the
// contact's own, and nothing else is touched.
func (r *realPeople) moved() {
	r.T.Helper()
	streets := map[string]string{}
	for i, id := range r.ids {
		p := r.Partner(id)
		streets[id] = mapping.ParseAddress(r.values[i].contact.Address).Street
		if v := r.values[i]; v.contact.Address == "" || v.disputed {
			streets[id] = strings.Join(strings.Fields(p.Addresses[0].Street), " ")
		}
		r.Edit(p, func(p *metakocka.Partner) { p.Addresses[0].City, p.Addresses[0].PostNumber = "Velenje", "3320" })
	}
	for i, id := range r.ids {
		r.Eventually(func() error {
			if got := r.Contact(id).Address; !strings.Contains(got, "Velenje, 3320") || !strings.HasPrefix(got, streets[id]) {
				return fmt.Errorf("the contact's address is %q; mapping: %s", got, r.Mapping(id))
			}
			return nil
		})
		r.asTyped(i)
	}
	r.Quiet(r.s)
	for i, id := range r.ids {
		want := "synced: "
		if says := r.values[i].says; strings.HasPrefix(says, "address: cut") {
			want = says // which the new town does not change
		}
		require.Contains(r.T, r.Mapping(id), want)
	}
	require.Empty(r.T, r.Letters(r.s))
}
