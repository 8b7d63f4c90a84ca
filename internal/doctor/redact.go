package doctor

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

const removed = "[secret]"

// minRedactable is the length from which a secret is searched for wherever it
// may stand: a shorter one could be a word of the finding itself.
const minRedactable = 10

// userPart is what stands between a URL's scheme and its host.
var userPart = regexp.MustCompile(`://[^/\s@]+@`)

// redactor takes secrets out of findings. The texts are made without them; this
// is for what libraries and servers say.
type redactor struct{ secrets []string }

func newRedactor(cfg Config) redactor {
	candidates := []string{cfg.MetaKocka.SecretKey}
	if pc, err := pgx.ParseConfig(cfg.Database.URL); err == nil {
		candidates = append(candidates, pc.Password)
	}
	for address := range strings.SplitSeq(cfg.NATS.URL, ",") {
		if u, err := url.Parse(strings.TrimSpace(address)); err == nil && u.User != nil {
			password, isSet := u.User.Password()
			if !isSet {
				password = u.User.Username() // a token
			}
			candidates = append(candidates, password)
		}
	}
	var r redactor
	for _, secret := range candidates {
		if len(secret) >= minRedactable {
			r.secrets = append(r.secrets, secret, url.QueryEscape(secret))
		}
	}
	return r
}

// clean makes a finding one line without secrets.
func (r redactor) clean(f Finding) Finding {
	return finding(f.Name, f.Status, f.Reason.Clean(r.text), f.Remedy.Clean(r.text))
}

func (r redactor) text(s string) string {
	for _, secret := range r.secrets {
		s = strings.ReplaceAll(s, secret, removed)
	}
	s = userPart.ReplaceAllString(s, "://"+removed+"@")
	return strings.Join(strings.Fields(s), " ")
}
