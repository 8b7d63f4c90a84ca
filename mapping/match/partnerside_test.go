package match

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
)

// TestOneFromAPartnersSide: what is decided on a partner alone, and what whoever asked for it
// is told.
func TestOneFromAPartnersSide(t *testing.T) {
	t.Parallel()
	lan := contact{Name: "Lan", Email: "info@zora.si"}
	for name, c := range map[string]struct {
		partner  contact
		contacts []store.MatchContact
		want     string
	}{
		"nobody":                          {both, nil, "create"},
		"the only one":                    {both, []store.MatchContact{of("c1", byMail)}, "link c1"},
		"the number before the e-mail":    {both, []store.MatchContact{of("c1", byMail), of("c2", ana)}, "link c2"},
		"two of one number":               {both, []store.MatchContact{of("c1", ana), of("c2", ana)}, "ambiguous note.match.several_contacts"},
		"one of whom it is doubtful":      {contact{Name: "Bor", Email: "info@zora.si"}, []store.MatchContact{of("c1", lan)}, "ambiguous note.match.which_contact"},
		"doubtful, whose partner is gone": {contact{Name: "Bor", Email: "info@zora.si"}, []store.MatchContact{of("c1", lan, gone)}, "ambiguous note.match.which_contact"},
		"without a name":                  {both, []store.MatchContact{of("c1", contact{TaxNumber: taxAna})}, "ambiguous note.match.of_contact"},
		"one whose partner is gone":       {both, []store.MatchContact{of("c1", ana, gone)}, "link c1"},
		"two whose partner is gone":       {both, []store.MatchContact{of("c1", ana, gone), of("c2", byMail, gone)}, "ambiguous note.match.several_contacts"},
		"one that seeks goes before":      {both, []store.MatchContact{of("c1", ana, gone), of("c2", byMail)}, "link c2"},
		"one that is left out":            {both, []store.MatchContact{of("c1", ana, leftOut)}, "ambiguous note.match.left_out"},
		"left out, and one that seeks":    {both, []store.MatchContact{of("c1", ana, leftOut), of("c2", byMail)}, "link c2"},
		"left out, with a partner":        {both, []store.MatchContact{of("c1", ana, leftOut, linked)}, "ambiguous note.match.left_out"},
	} {
		d := OfPartner(Party{ID: "p7", Is: c.partner}, c.contacts)
		require.Equal(t, c.want, said(d, d.ContactID), name)
		require.Equal(t, d.Said.Code == "note.match.left_out", d.LeftOut(), name)
	}
}
