package syncer

import (
	"context"
	"maps"
	"strings"
	"sync"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// Writing a partner: an update, and where a value was to be emptied and stands
// all the same, a second one with the remove marker. The answers say what
// MetaKocka made of it.

// write turns the partner into want, for the sake of some fields, sets the
// flags, and returns what MetaKocka then holds.
func (k *task) write(ctx context.Context, p metakocka.Partner, want mapping.Partner, fields []mapping.Field, flags map[string]string) (metakocka.Partner, error) {
	had := view(p)
	u, _ := partnerUpdate(p, want)
	maps.Copy(u.Set, flags)
	sending := k.sending(ctx, k.updateIntent(had, want, fields))
	k.readAt = k.now()
	written, err := k.send(sending, p, u)
	if err == nil {
		written, err = k.clear(sending, had, want, written)
	}
	return written, k.answered(ctx, err)
}

// send sends an update. Notes and website are not documented: refused with
// them, it is sent without, so that they do not keep back the rest. A new
// contact entry names its address: a partner without one gets that first.
func (k *task) send(ctx context.Context, p metakocka.Partner, u metakocka.Update) (metakocka.Partner, error) {
	if c := u.Contact; c != nil && c.MKID == "" && c.AddressID == "" {
		if u.Address == nil {
			u.Address = &metakocka.Address{Type: metakocka.AddressBilling}
		}
		p, err := k.erp.Update(ctx, metakocka.Update{MKID: u.MKID, Address: u.Address})
		if err != nil {
			return p, err
		}
		c.AddressID, u.Address = addressID(p), nil
	}
	written, err := k.erp.Update(ctx, u)
	bare := maps.Clone(u.Set)
	delete(bare, "notes")
	delete(bare, "website")
	switch {
	case !metakocka.IsRefusal(err) || len(bare) == len(u.Set):
		return written, err
	case len(bare) == 0 && u.Contact == nil && u.Address == nil:
		return p, nil
	}
	u.Set = bare
	return k.erp.Update(ctx, u)
}

// clear empties what was to be emptied and stands all the same: an empty value
// changes nothing in it, so the marker is the second way. Where MetaKocka keeps
// the marker as if it were a text, the value comes back.
func (k *task) clear(ctx context.Context, had, want mapping.Partner, written metakocka.Partner) (metakocka.Partner, error) {
	stood := view(written)
	marked := withMarkers(had, want, stood, &k.unclearable)
	u, stands := partnerUpdate(written, marked)
	if !stands {
		return written, nil
	}
	got, err := k.erp.Update(ctx, u)
	if metakocka.IsRefusal(err) {
		return written, nil // it is said to stand
	}
	if err != nil {
		return written, err
	}
	for _, key := range markersLeft(view(got)) {
		k.unclearable.Store(key, true)
	}
	return k.unmark(ctx, got, stood)
}

// unmark puts the values of instead in place of markers.
func (k *task) unmark(ctx context.Context, p metakocka.Partner, instead mapping.Partner) (metakocka.Partner, error) {
	u, left := partnerUpdate(p, withoutMarkers(view(p), instead))
	if !left {
		return p, nil
	}
	return k.erp.Update(ctx, u)
}

// clearable are the attributes that can be emptied.
func clearable(p *mapping.Partner) map[string]*string {
	return map[string]*string{
		"tax_id_number": &p.TaxID, "notes": &p.Notes, "website": &p.Website,
		"email": &p.Email, "gsm": &p.GSM, "phone": &p.Phone,
		"street": &p.Street, "post_number": &p.PostNumber, "city": &p.City, "country": &p.Country,
	}
}

// withMarkers is stood with the marker in place of everything that had a value,
// was to be empty and is not; but not in attributes that keep markers.
func withMarkers(had, want, stood mapping.Partner, keep *sync.Map) mapping.Partner {
	old, asked := clearable(&had), clearable(&want)
	for key, value := range clearable(&stood) {
		if _, keeps := keep.Load(key); *value != "" && *old[key] != "" && *asked[key] == "" && !keeps {
			*value = metakocka.RemoveValue
		}
	}
	return stood
}

// isMarker recognises the marker where it was kept as a text, cut as well.
func isMarker(v string) bool { return strings.HasPrefix(v, metakocka.RemoveValue[:18]) }

// markersLeft names the attributes that hold a marker.
func markersLeft(p mapping.Partner) []string {
	var left []string
	for key, value := range clearable(&p) {
		if isMarker(*value) {
			left = append(left, key)
		}
	}
	return left
}

// withoutMarkers is p with the values of instead where it holds markers.
func withoutMarkers(p, instead mapping.Partner) mapping.Partner {
	values := clearable(&instead)
	for key, value := range clearable(&p) {
		if isMarker(*value) {
			*value = *values[key]
		}
	}
	return p
}
