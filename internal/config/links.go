package config

import (
	"net/url"
	"slices"
	"strings"
)

// linkID stands for the id in the address of a record.
const linkID = "{id}"

// links checks where the console leads to.
func (v *validator) links(c Config) {
	for key, address := range map[string]string{"console_crm_url": c.ConsoleCRMURL, "console_metakocka_url": c.ConsoleMetaKockaURL} {
		v.check(address == "" || linkAddress(address), key, "not an address such as https://crm.example.si/contacts/{id}, with {id} behind the host")
	}
}

// linkAddress reports whether an address leads people to a record.
func linkAddress(address string) bool {
	u, err := url.Parse(strings.ReplaceAll(address, linkID, "1"))
	return err == nil && strings.Contains(address, linkID) && slices.Contains([]string{"https", "http"}, u.Scheme) && u.Hostname() != "" &&
		u.User == nil && strings.HasPrefix(strings.ToLower(address), u.Scheme+"://"+strings.ToLower(u.Host))
}

// LinkTo is where an address leads for a record; "" where there is none. The id is one piece
// of a path, of a parameter or of a fragment, whatever is in it.
func LinkTo(address, id string) string {
	if address == "" || id == "" {
		return ""
	}
	return strings.ReplaceAll(address, linkID, strings.ReplaceAll(url.QueryEscape(id), "+", "%20"))
}
