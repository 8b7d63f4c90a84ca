package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestColumnsOfPairsAreFoundByTheirNames(t *testing.T) {
	t.Parallel()
	for header, want := range map[string][2]int{
		"id,contact_id,metakocka_id":     {1, 2},
		"partner_id,contactId,MK ID":     {1, 2}, // MetaKocka's own name goes before another
		"Kontakt;Partner":                {0, 1},
		"x\tCRM contact-id\tmetakockaID": {1, 2},
	} {
		columns := strings.FieldsFunc(header, func(r rune) bool { return r == separator([]byte(header)) })
		contact, partner, err := pairColumns{}.in(columns)
		require.NoError(t, err, header)
		require.Equal(t, want, [2]int{contact, partner}, header)
	}
	_, _, err := pairColumns{contact: "a", partner: "A"}.in([]string{"a", "b"})
	require.ErrorContains(t, err, "one column cannot be")
	contact, _, err := pairColumns{contact: "A", partner: "b"}.in([]string{"a", "A", "b"})
	require.NoError(t, err)
	require.Equal(t, 1, contact, "as it is written, where two differ in nothing else")
	_, _, err = pairColumns{contact: "z"}.in([]string{"a", "b"})
	require.ErrorContains(t, err, `there is no column "z", which --contact-column names`)
}

// TestALineIsKnownByWhereItBegins, whatever was quoted over several before it.
func TestALineIsKnownByWhereItBegins(t *testing.T) {
	t.Parallel()
	list, err := readPairs(strings.NewReader("\xef\xbb\xbfnote;mk_id;contact_id\n\"two\nlines\"; 1 ;a\n\n;2\n;3;b;more\n"), pairColumns{})
	require.NoError(t, err)
	require.Equal(t, []int{2, 6}, list.lines)
	require.Equal(t, []int{1, 5}, []int{list.blank, list.first})
	require.Equal(t, "1", list.pairs[0].MetaKockaID)
}
