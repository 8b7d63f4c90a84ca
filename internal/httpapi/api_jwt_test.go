package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestAPIUsersAreKnownByPublishedKeys: a user whose token is checked with the
// issuer's keys is who made and changed what was asked for.
func TestAPIUsersAreKnownByPublishedKeys(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{KeyID: "k", Algorithm: "ES256", Use: "sig", Key: &key.PublicKey}}})
	require.NoError(t, err)
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	t.Cleanup(issuer.Close)
	token := func(user, role string) string {
		j := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
			"sub": user, "role": role, "aud": "authenticated", "exp": time.Now().Add(time.Hour).Unix(),
		})
		j.Header["kid"] = "k"
		text, err := j.SignedString(key)
		require.NoError(t, err)
		return text
	}
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Cene", "", "cene@partner.si"), world.Person("7002", "Drago", "", "drago@partner.si")}})
	w.Config.APIJWKSURL, w.Config.APIJWTRoles = issuer.URL, "authenticated"
	_, c := w.API()
	made := func(where string, args ...any) string {
		return w.One("SELECT created_by || ' ' || updated_by FROM metakocka_contact_mappings WHERE "+where, args...)
	}
	ana, bor := w.Insert("Ana", "ana@novak.si"), w.Insert("Bor", "bor@novak.si")

	c.Token = token("user-1", "authenticated")
	c.Post("contacts/sync", `{"contactId":"`+ana+`"}`).Data(&struct{}{})
	require.Equal(t, "user-1 user-1", made("contact_id = $1", ana))
	c.Post("contacts/import", `{"metakockaId":"7001"}`).Data(&struct{}{})
	require.Equal(t, "user-1 user-1", made("metakocka_id = '7001'"))
	c.Post("contacts/sync", `{"contactId":"`+ana+`","by":"somebody"}`).Refused(400, "malformed", "by: is known by the token")

	c.Token = token("user-2", "authenticated")
	w.Exec("UPDATE contacts SET phone = '041 222 333' WHERE id = $1", ana)
	c.Post("contacts/bulk-sync", `{"contactIds":`+world.JSONList([]string{ana, bor})+`}`).Data(&struct{}{})
	require.Equal(t, "user-1 user-2", made("contact_id = $1", ana))
	require.Equal(t, "user-2 user-2", made("contact_id = $1", bor))

	c.Token = token("user-3", "authenticated")
	r := c.Do("POST", "/api/metakocka/contacts/bulk-import", `{"metakockaIds":["7002"]}`, "Prefer", "respond-async")
	require.Equal(t, 202, r.Status)
	w.Eventually(func() error {
		if status := w.One("SELECT status FROM mksync_jobs WHERE created_by = 'user-3'"); status != string(store.JobDone) {
			return fmt.Errorf("the job is %s", status)
		}
		return nil
	})
	require.Equal(t, "user-3 user-3", made("metakocka_id = '7002'"))

	before := w.ERP.Calls()
	c.Token = token("user-4", "anon")
	c.Post("contacts/bulk-import", `{"importAll":true}`).Refused(401, "unauthorized", "lets nobody in")
	c.Token = token("user-4", "other")
	c.Post("contacts/bulk-import", `{"importAll":true}`).Refused(403, "forbidden", "MKSYNC_API_JWT_ROLES")
	require.Equal(t, before, w.ERP.Calls())
}

// TestUsersAreNotLetInByDefault: every visitor can become a signed-in user.
func TestUsersAreNotLetInByDefault(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]operations.Role{"service_role": operations.Admin}, config.Default().JWT().Roles)
	some := config.Default()
	some.APIJWTRoles = "service_role, authenticated=viewer"
	require.NoError(t, some.Validate())
	require.Equal(t, map[string]operations.Role{"service_role": operations.Admin, "authenticated": operations.Viewer}, some.JWT().Roles)
	for change, words := range map[string]string{
		"anon": "anon is the role", "a,,b": "empty role", "": "empty role", "a=": "the role of a is none of viewer, decider", "a=owner": "the role of a is none of",
		"a=viewer,a": "a comes twice", "anon=viewer": "anon is the role",
	} {
		cfg := config.Default()
		cfg.APIJWTRoles = change
		require.ErrorContains(t, cfg.Validate(), words)
	}
	cfg := config.Default()
	cfg.APIJWTRoleClaim, cfg.APIJWKSURL, cfg.APIRate = "user_metadata.role", "http://abcd.supabase.co/auth/v1/.well-known/jwks.json", 0
	err := cfg.Validate()
	require.ErrorContains(t, err, "api_jwt_role_claim")
	require.ErrorContains(t, err, "must be https")
	require.ErrorContains(t, err, "api_rate): 0 is less")
}
