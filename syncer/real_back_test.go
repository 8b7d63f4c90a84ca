package syncer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// writtenSo is the partner with the values as they stand in the row: somebody typed them
// into the ERP.
func (v realValue) writtenSo(id string) metakocka.Partner {
	p := v.partner(id, held{email: v.contact.Email, tax: v.contact.TaxNumber, phone: v.contact.Phone, street: v.contact.Address, notes: v.contact.Notes, entry: v.contact.Name})
	p.Addresses[0].Country = v.contact.Country
	return p
}

// TestRealValuesComeBack from the ERP, to a contact that is linked and to one that is
// imported: they arrive, nobody writes them anew there, and they can be sent again.
func TestRealValuesComeBack(t *testing.T) {
	t.Parallel()
	for i, way := range []string{"live", "first sync", "import"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			r := comeBack(t, way, i)
			r.readAsMeant()

			// What the ERP holds stays so while other fields are edited.
			was := r.ERP.Partners()
			r.Exec("UPDATE contacts SET website = 'https://values-test.si', updated_at = now()")
			r.Eventually(func() error {
				for _, id := range r.ids {
					if p := r.Partner(id); p.Website == "" {
						return fmt.Errorf("partner %s has no website yet: %s", p.MKID, r.Mapping(id))
					}
				}
				return nil
			})
			r.Quiet(r.s)
			for i, p := range r.ERP.Partners() {
				require.Equal(t, heldBy(was[i]), heldBy(p))
			}

			// Emptied in the CRM and typed in again as they came, they are sent like any.
			r.Exec("UPDATE contacts SET phone = NULL, address = NULL, country = NULL, tax_number = NULL, updated_at = now()")
			r.Quiet(r.s)
			r.retype(realValue.typedIn)
			r.sentAgain()
		})
	}
}

// comeBack lets contacts get what stands in the ERP, in one way, the n-th.
func comeBack(t *testing.T, way string, n int) *realPeople {
	t.Helper()
	r := &realPeople{}
	opts := sim.Options{Notes: sim.Kept, Website: sim.Kept, EmptyValue: sim.Cleared, Country: sim.CountryAsSent}
	for i, v := range valuesOf(n, realValues()) {
		if v = v.row(i); !v.meetsNobody() {
			continue
		}
		r.values = append(r.values, v)
		opts.Partners = append(opts.Partners, v.writtenSo(fmt.Sprint(7401+len(r.values))))
	}
	r.World = world.NewAudited(t, opts)
	r.Config.AutoImport = way == "import"
	r.Exec("ALTER TABLE contacts ALTER country TYPE text")

	if way == "first sync" {
		r.insert(realValue.known)
	}
	r.s = r.Up()
	r.Polls(1)
	switch way {
	case "live":
		r.insert(realValue.known)
	case "import":
		for i := range r.values {
			r.ids = append(r.ids, r.ContactOf(opts.Partners[i].MKID))
		}
	}
	return r
}

// readAsMeant checks that each contact has what the partner's values say, and that no
// partner was written.
func (r *realPeople) readAsMeant() {
	t := r.T
	t.Helper()
	writes := r.Quiet(r.s)
	require.Zero(t, writes.Adds+writes.Updates)
	var wrong []string
	for i, v := range r.values {
		c := r.Contact(r.ids[i])
		require.Equal(t, "synced: ", r.Mapping(r.ids[i]))
		for _, f := range mapping.Fields() {
			want := v.contact.Get(f)
			if f == mapping.FieldCountry {
				want = v.want.country
			}
			if !mapping.Equal(f, want, c.Get(f)) {
				wrong = append(wrong, fmt.Sprintf("%s %q of the ERP became %q", f, want, c.Get(f)))
			}
		}
	}
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
}

// sentAgain checks that each partner holds what the values mean, a country as the ERP
// is told it.
func (r *realPeople) sentAgain() {
	t := r.T
	t.Helper()
	r.Quiet(r.s)
	var wrong []string
	for i, v := range r.values {
		is, want := heldBy(r.Partner(r.ids[i])), v.want
		is.email = want.email               // as it came, quotes and all
		if is != want && want != v.before { // a filler beside a filler is no edit
			wrong = append(wrong, fmt.Sprintf("%+v:\nhas  %+v, %s\nwant %+v", v.contact, is, r.Mapping(r.ids[i]), want))
		}
	}
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
	require.Zero(t, r.Count("SELECT count(*) FROM mksync_conflicts"))
	require.Empty(t, r.Letters(r.s))
}
