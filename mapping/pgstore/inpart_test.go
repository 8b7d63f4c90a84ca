package pgstore_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// TestPartnersThatTheDatabaseCannotHold are kept in part, found by the keys that fit, and
// hold up none that are seen with them.
func TestPartnersThatTheDatabaseCannotHold(t *testing.T) {
	t.Parallel()
	var endless strings.Builder
	for range 300 {
		endless.WriteString(rand.Text()) // what can be packed fits into an index
	}
	for encoding, names := range map[string]map[string]string{
		"LATIN2": {"foreign": "Анна Ж", "zero": "An\x00a"},
		"UTF8":   {"zero": "An\x00a", "endless": endless.String()},
	} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			address := testenv.EncodedDB(t, encoding)
			// Which collations there are depends on the encoding.
			key, _, _ := strings.Cut(keyed().typ, " COLLATE ")
			require.NoError(t, prepare(t.Context(), address, key))
			s, _ := openStore(t, address)

			partners := []store.ObservedPartner{partnerSeen(t, "plain", "Špela Črnigoj"), {MetaKockaID: "nameless", Hash: "h", Data: []byte(`{}`)}}
			var unfit []string
			for id, name := range names {
				partners, unfit = append(partners, partnerSeen(t, id, name)), append(unfit, id)
			}
			inPart, err := s.Observe(t.Context(), partners)
			require.NoError(t, err)
			require.ElementsMatch(t, unfit, inPart)

			seen, err := s.SeenPartners(t.Context())
			require.NoError(t, err)
			require.Len(t, seen, len(partners))
			for _, p := range partners {
				require.Equal(t, p.Hash, seen[p.MetaKockaID].Hash, "it counts as seen")
				require.Equal(t, names[p.MetaKockaID] != "", seen[p.MetaKockaID].InPart)
			}
			found, err := s.MatchObserved(t.Context(), mapping.MatchKeys{Emails: []string{"foreign@primer.si", "zero@primer.si", "endless@primer.si"}})
			require.NoError(t, err)
			require.Len(t, found, len(unfit))
			for _, p := range found {
				require.Empty(t, p.Hash, "it is not as it is here")
				require.JSONEq(t, fmt.Sprintf(`{"customer": "", "city": "Čatež", "email": %q}`, p.Email), string(p.Data))
			}

			inPart, err = s.Observe(t.Context(), []store.ObservedPartner{partnerSeen(t, "zero", "Ana")})
			require.NoError(t, err)
			require.Empty(t, inPart)
			seen, err = s.SeenPartners(t.Context())
			require.NoError(t, err)
			require.False(t, seen["zero"].InPart)
		})
	}
}

func partnerSeen(t *testing.T, id, name string) store.ObservedPartner {
	t.Helper()
	email := id + "@primer.si"
	data, err := json.Marshal(map[string]string{"customer": name, "city": "Čatež", "email": email})
	require.NoError(t, err)
	return store.ObservedPartner{
		MetaKockaID: id, Hash: "hash of " + id, Name: name, Email: email, Data: data,
		Keys: mapping.MatchKeys{Emails: []string{email}, Persons: []string{name}},
	}
}
