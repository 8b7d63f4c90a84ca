// Package mapping translates between a contact of the CRM and a partner of
// MetaKocka, and decides what each side is to hold.
//
// It is pure: values in, values out; no clock, no I/O, nothing that is
// remembered between calls. Four things live here:
//
//   - Contact, the canonical contact, with the forms in which its fields are
//     cleaned (Clean), compared (Canonical) and checked (Validate);
//   - FromPartner and ToPartner, the transforms both ways;
//   - Merge, the three-way merge, field by field, with its rules;
//   - Kept and LikelyDropped, which tell a value that MetaKocka did not keep
//     from one that a person changed there.
//
// A value is carried as a person wrote it and compared in its canonical form,
// so formatting never counts as a change and nobody's spelling is rewritten
// for its own sake.
package mapping
