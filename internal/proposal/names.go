package proposal

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// role is what a column may be for.
type role string

const (
	roleGiven    role = "given names"
	roleFamily   role = "family name"
	roleWhole    role = "whole name"
	roleCompany  role = "company"
	roleEmail    role = "e-mail"
	rolePhone    role = "phone"
	roleAddress  role = "address"
	roleStreet   role = "street"
	roleCity     role = "city"
	rolePostal   role = "postal code"
	roleCountry  role = "country"
	roleTax      role = "tax number"
	roleNotes    role = "notes"
	roleWebsite  role = "website"
	roleUpdated  role = "last change"
	roleDeleted  role = "deleted"
	roleArchived role = "archived"
	roleTenant   role = "tenant"
	rolePartner  role = "partner" // the id in MetaKocka
)

// vocabulary is what columns of a role are called in English and in Slovenian, folded,
// the surest names first.
var vocabulary = map[role][]string{
	roleGiven:    words("firstname givenname givennames forename fname ime imena osebnoime first given"),
	roleFamily:   words("lastname familyname surname lname priimek priimki last family"),
	roleWhole:    words("fullname name displayname contactname personname imeinpriimek imepriimek priimekinime polnoime naziv nazivstranke nazivpartnerja customername clientname partnername"),
	roleCompany:  words("companyname company organizationname organisationname organization organisation businessname accountname firmname firm podjetje imepodjetja nazivpodjetja firma nazivfirme druzba"),
	roleEmail:    words("email emailaddress eposta mail elektronskaposta enaslov elektronskinaslov email1 emailid"),
	rolePhone:    words("phone phonenumber telephone telefon mobile mobilephone mobilenumber gsm tel mobitel mobi telefonskastevilka stevilkatelefona cellphone cell phone1 telefon1 mobilni"),
	roleAddress:  words("address fulladdress postaladdress naslov celnaslov"),
	roleStreet:   words("street streetaddress addressline1 address1 street1 line1 ulica ulicainhisnastevilka address naslov addressline"),
	roleCity:     words("city town kraj mesto locality place nazivposte posta"),
	rolePostal:   words("postalcode postcode zipcode zip postnumber postnastevilka postnast postno ptt plz stevilkaposte posta"),
	roleCountry:  words("country countrycode drzava kodadrzave countryname nazivdrzave dezela"),
	roleTax:      words("taxnumber taxid vatnumber vatid vat davcnastevilka davcnast davcna iddds idzaddv idddv ddv taxno vatno vatcode taxcode tin taxidnumber"),
	roleNotes:    words("notes note opombe opomba remarks comments description comment zapiski zaznamki komentar opis"),
	roleWebsite:  words("website websiteurl url webpage homepage spletnastran web splet www spletninaslov domainnameprimarylinkurl"),
	roleUpdated:  words("updatedat updated modifiedat modified lastmodified lastmodifiedat lastupdated lastupdatedat datemodified modifieddate dateupdated updateddate updatedon modifiedon changedat changed posodobljeno posodobljenoob spremenjeno spremenjenoob datumspremembe zadnjasprememba mtime"),
	roleDeleted:  words("deletedat isdeleted deleted deletedon removedat removed izbrisano izbrisanoob izbrisan izbrisana"),
	roleArchived: words("archivedat isarchived archived arhivirano arhiviran"),
	roleTenant:   words("organizationid organisationid orgid tenantid workspaceid organizacijaid idorganizacije najemnikid"),
	rolePartner:  words("metakockaid metakockapartnerid metakockacontactid mkid mkpartnerid idmetakocka"),
}

func words(list string) []string { return strings.Fields(list) }

// qualifiers say whose or which: a name means the same without them. Those of a role are
// more than the ones that all roles have.
var (
	qualifiers = words("contact contacts person customer client partner lead stranka stranke kontakt kontakta stik oseba osebe primary main default crm")
	ofRole     = map[role][]string{
		roleGiven:   words("name"),
		roleFamily:  words("name"),
		roleEmail:   words("email emails work business personal"),
		rolePhone:   words("phone phones work business office personal"),
		roleAddress: words("billing home work business mailing"),
		roleStreet:  words("address addresses billing home work business mailing naslov"),
		roleCity:    words("address addresses billing home work business mailing naslov"),
		rolePostal:  words("address addresses billing home work business mailing naslov"),
		roleCountry: words("address addresses billing home work business mailing naslov"),
	}
)

// fold splits a name into its words, in small letters without accents.
func fold(name string) []string {
	var b strings.Builder
	lower := false
	for _, r := range norm.NFD.String(name) {
		switch {
		case unicode.Is(unicode.Mn, r):
			continue
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			b.WriteRune(' ')
		case unicode.IsUpper(r) && lower:
			b.WriteRune(' ')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(unicode.ToLower(r))
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
	}
	return strings.Fields(b.String())
}

// likeness is how sure a name means the role: 100 at most, 0 not at all.
func likeness(name string, r role) int {
	best := 0
	for rest, cost := fold(name), 0; len(rest) > 0; cost += 6 {
		best = max(best, listed(rest, r, cost))
		if last := len(rest) - 1; last > 0 && qualifies(rest[last], r) {
			best = max(best, listed(rest[:last], r, cost+6))
		}
		if !qualifies(rest[0], r) {
			break
		}
		rest = rest[1:]
	}
	return best
}

func listed(name []string, r role, cost int) int {
	place := slices.Index(vocabulary[r], strings.Join(name, ""))
	if place < 0 {
		return 0
	}
	return max(1, 100-2*place-cost)
}

func qualifies(word string, r role) bool {
	return slices.Contains(qualifiers, word) || slices.Contains(ofRole[r], word)
}

// tableNames are what tables of contacts are called, and how much that says.
var tableNames = map[string]int{
	"contacts": 60, "contact": 60, "kontakti": 60, "kontakt": 60, "stranke": 60, "stranka": 60, "stiki": 60, "stik": 60,
	"customers": 55, "customer": 55, "kupci": 55, "kupec": 55, "clients": 55, "client": 55, "partnerji": 55, "partners": 50, "partner": 50,
	"people": 50, "persons": 50, "person": 50, "osebe": 50, "oseba": 50, "addressbook": 50, "imenik": 50, "adresar": 50,
	"companies": 40, "company": 40, "podjetja": 40, "podjetje": 40, "accounts": 35, "account": 35, "organizations": 30, "leads": 40, "lead": 40,
	"members": 30, "clani": 30, "subscribers": 20, "profiles": 15, "users": 10, "uporabniki": 10,
}

// strange are words of tables that are about contacts and hold none.
var strange = words(`log logs history zgodovina audit archive arhiv backup copy tmp temp old staging import imports tag tags note notes
	event events activity activities mapping mappings link links group groups role roles type types list lists field fields
	file files settings address addresses naslovi email emails phone phones view views message messages`)

// tableLikeness is how much a table's name says that it holds contacts.
func tableLikeness(name string) int {
	parts := fold(name)
	if score, known := tableNames[strings.Join(parts, "")]; known {
		return score
	}
	best := 0
	for _, part := range parts {
		if slices.Contains(strange, part) {
			return -30
		}
		best = max(best, tableNames[part]-10*(len(parts)-1))
	}
	return best
}
