package syncer

import (
	"context"
	"maps"
	"strings"
	"sync"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Writing a partner: an update, and where a value was to be emptied and stands
// all the same, a second one with the remove marker. The answers say what
// MetaKocka made of it.

// write turns the partner into want, for the sake of some fields, sets the
// flags, and returns what MetaKocka then holds. The entry is what the history says of it.
func (k *task) write(ctx context.Context, p reading, want mapping.Partner, fields []mapping.Field, flags map[string]string, e store.Entry) (reading, error) {
	if err := k.halted(); err != nil {
		return reading{}, err
	}
	k.standing = nil
	u, _ := partnerUpdate(p.Partner, want)
	maps.Copy(u.Set, flags)
	sending := k.sending(k.updateIntent(p.ours, want, fields, e))
	k.readAt = k.now()
	written, err := sending.send(ctx, p.Partner, u)
	if err != nil {
		return reading{}, k.answered(ctx, err)
	}
	if written, err = sending.clear(ctx, p.ours, want, written); err != nil {
		return reading{}, err // the intent stays: the first update has taken effect
	}
	err = k.answered(ctx, nil)
	now := k.reads(written)
	k.wrote(e, now.contact)
	return now, err
}

// put sends an update of a partner as it was read; a refusal that it returns is about
// this partner.
func (s *sending) put(ctx context.Context, p metakocka.Partner, u metakocka.Update) (metakocka.Partner, error) {
	return proved(ctx, s.standsAs(p), s.updating(ctx, u))
}

// updating sends an update once.
func (s *sending) updating(ctx context.Context, u metakocka.Update) func() (metakocka.Partner, error) {
	return func() (metakocka.Partner, error) {
		p, err := s.erp.Update(ctx, u, s.store)
		if err == nil {
			s.refusals.taken()
		}
		return p, err
	}
}

// send sends an update. A new contact entry names its address: a partner without
// one gets that first.
func (s *sending) send(ctx context.Context, p metakocka.Partner, u metakocka.Update) (metakocka.Partner, error) {
	if c := u.Contact; c != nil && c.MKID == "" && c.AddressID == "" {
		if u.Address == nil {
			u.Address = &metakocka.Address{Type: metakocka.AddressBilling}
		}
		var err error
		if p, err = s.put(ctx, p, metakocka.Update{MKID: u.MKID, Address: u.Address}); err != nil {
			return p, err
		}
		c.AddressID = addressID(p)
		u.Address = nil
	}

	rest := u
	rest.Set = maps.Clone(u.Set)
	for _, f := range []mapping.Field{mapping.FieldNotes, mapping.FieldWebsite} {
		if !s.unkept.keeps(f) {
			delete(rest.Set, string(f))
		}
	}

	full := s.updatingByAnyName(ctx, p, u)
	switch alone := len(rest.Set) == 0 && u.Contact == nil && u.Address == nil; {
	case len(rest.Set) == len(u.Set):
		return inTurn(ctx, s.standsAs(p), full)
	case alone && s.bare: // the creation without them is the proof that writes are taken
		return orAsItIs(p, full)
	case alone: // nothing is left of it but that proof
		rest.Set["customer"] = p.Customer
	}

	got, err := inTurn(ctx, s.standsAs(p), full)
	if !metakocka.IsRefusal(err) {
		return got, err
	}
	if got, err = inTurn(ctx, s.standsAs(p), s.updatingByAnyName(ctx, p, rest)); err != nil {
		return got, err
	}
	return orAsItIs(got, full)
}

// orAsItIs sends, behind a write that was taken without notes and website, the forms with
// them once more: what refused everything may have ended in between. Where they are
// refused now as well, the partner is as it is.
func orAsItIs(p metakocka.Partner, full []func() (metakocka.Partner, error)) (metakocka.Partner, error) {
	for _, form := range full {
		if got, err := form(); !metakocka.IsRefusal(err) {
			return got, err
		}
	}
	return p, nil
}

// updatingByAnyName sends an update, and in another form with another name of a country
// that is new to the partner.
func (s *sending) updatingByAnyName(ctx context.Context, p metakocka.Partner, u metakocka.Update) []func() (metakocka.Partner, error) {
	forms := []func() (metakocka.Partner, error){s.updating(ctx, u)}
	had, _ := p.Billing()
	if u.Address == nil || u.Address.Country == had.Country {
		return forms
	}
	if other := mapping.OtherCountryName(u.Address.Country); other != "" {
		a := *u.Address
		a.Country = other
		u.Address = &a
		forms = append(forms, s.updating(ctx, u))
	}
	return forms
}

// clear empties what was to be emptied and stands all the same: an empty value
// changes nothing in it, so the marker is the second way. Where MetaKocka keeps
// the marker as if it were a text, the value comes back.
func (s *sending) clear(ctx context.Context, had, want mapping.Partner, written metakocka.Partner) (metakocka.Partner, error) {
	stood := view(written)
	marked := withMarkers(had, want, stood, &s.unclearable)
	u, stands := partnerUpdate(written, marked)
	if !stands {
		return written, nil
	}
	got, err := s.put(ctx, written, u)
	if metakocka.IsRefusal(err) {
		s.standing = err
		return written, nil
	}
	if err != nil {
		return written, err
	}
	for _, key := range markersLeft(view(got)) {
		s.unclearable.Store(key, true)
	}
	return s.unmark(ctx, got, stood)
}

// unmark puts the values of instead in place of markers.
func (s *sending) unmark(ctx context.Context, p metakocka.Partner, instead mapping.Partner) (metakocka.Partner, error) {
	u, left := partnerUpdate(p, withoutMarkers(view(p), instead))
	if !left {
		return p, nil
	}
	return s.put(ctx, p, u)
}

// stood is what was there before markers that a clearing left which was cut off: what its
// intent says, or where that is no longer known, what the two last agreed on.
func (k *task) stood(p reading) mapping.Partner {
	if in := k.link.Intent; in != nil && in.Kind != store.IntentCreate {
		return withoutMarkers(in.Partner, in.Sent)
	}
	return mapping.ToPartner(k.link.BaseOr(mapping.Base{}).Partner, p.ours, mapping.Fields(), k.Policy())
}

// unmarkLeft puts back what stood where a clearing that was cut off left markers.
func (k *task) unmarkLeft(ctx context.Context, p reading, stood mapping.Partner) (reading, error) {
	if markersLeft(p.ours) == nil {
		return p, nil
	}
	e := k.entry(mapping.SideMetaKocka, store.ActMend)
	now, err := k.sending(k.updateIntent(p.ours, stood, nil, e)).unmark(ctx, p.Partner, stood)
	if err = k.answered(ctx, err); err == nil {
		k.wrote(e, mapping.Contact{})
	}
	return k.reads(now), err
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

// isMarker recognises the marker where it was kept as a text, also where that was cut: the
// shortest of what can be emptied, post_number, has room for 20 characters.
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
