package syncer

import (
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// anonymous is a partner without anything that names a person.
func anonymous(p reading) mapping.Partner {
	return mapping.Partner{
		Customer: anonymousName(p.MKID), ContactName: "Anonymized", BusinessEntity: p.ours.BusinessEntity,
		Foreign: p.ours.Foreign, Country: p.ours.Country,
	}
}

// isAnonymous recognises a partner that mksync anonymized, whatever became of its link.
func isAnonymous(p metakocka.Partner) bool { return p.Customer == anonymousName(p.MKID) }

// leftOver names the fields that could not be emptied.
func leftOver(p metakocka.Partner) coded.Text {
	got := ContactOf(p)
	personal := []mapping.Field{
		mapping.FieldEmail, mapping.FieldPhone, mapping.FieldAddress, mapping.FieldTaxNumber, mapping.FieldNotes, mapping.FieldWebsite,
	}
	var left []string
	for _, f := range personal {
		if got.Get(f) != "" {
			left = append(left, string(f))
		}
	}
	if len(left) == 0 {
		return coded.Text{}
	}
	return coded.Say("note.kept.left_over", "MetaKocka did not empty {fields} of partner {partner}: empty them there", strings.Join(left, ", "), p.MKID)
}
