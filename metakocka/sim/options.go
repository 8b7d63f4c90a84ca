package sim

import (
	"slices"
	"time"

	"github.com/crmmind/mksync/metakocka"
)

// Credentials that are used when Options names none.
const (
	DefaultCompanyID = "16"
	DefaultSecretKey = "simulator-secret-key-8899"
)

// What happens to something the API does not document. "" in Options is the
// default that the option's comment names.
const (
	Kept    = "kept"
	Dropped = "dropped"
	Refused = "refused"
	Cut     = "cut"
	Cleared = "cleared"
	Ignored = "ignored"
	Added   = "added"
)

// Values of Options.ListAll and EmptyName, Paging, CountCapped, Country and UpdateAnswer.
const (
	ListsAll     = "lists all"
	ListsNothing = "lists nothing"

	PagesHeeded   = "heeded"
	PagesIgnored  = "ignored"
	OffsetIgnored = "offset ignored"
	OffsetIsPage  = "offset is a page's number"

	CountsAll      = "all matches"
	CountsReturned = "returned ones"

	CountryAsSent    = "as sent"
	CountrySlovenian = "Slovenian"

	AnswerList    = "list"
	AnswerPartner = "partner"
	AnswerCode    = "code"
)

// Options of a Server. The zero value is the most plausible MetaKocka; every
// field from ListAll on is a point that is neither documented nor observed.
type Options struct {
	CompanyID string
	SecretKey string
	Seed      uint64           // of the faults' dice
	Now       func() time.Time // of calls and count codes; nil: time.Now
	Partners  []metakocka.Partner
	// Serial runs calls one after another, as the real server runs one company's
	// searches; latency is then waited for in turn.
	Serial bool

	Numbers    bool // ids and counts are JSON numbers
	BareLists  bool // a list of one is the bare element
	ShowEmpty  bool // empty attributes are sent as ""
	ShowCode   bool // successes carry opr_code "0"
	ErrorDesc  bool // error texts are in error_desc
	ErrorApp   bool // error texts are in opr_desc_app, their codes in opr_code_app
	Slovenian  bool // error texts are in Slovenian
	Provice    bool // an address has provice, not province
	ShowTimes  bool // answers tell how long they took, and how long without the lock
	EchoSecret bool // error texts quote the secret key

	WrongKeyCode string // "1"
	WrongKeyText string

	ListAll          string // get_partner without arguments: ListsAll (default), Refused, ListsNothing
	EmptyName        string // get_partner with an empty name: as ListAll
	Paging           string // limit and offset: PagesHeeded (default), PagesIgnored, OffsetIgnored, OffsetIsPage
	AnswerCap        int    // most partners in one answer; 0: all
	CountCapped      string // what a capped answer counts: CountsAll (default), CountsReturned
	EmailHeedsCase   bool   // of the e-mail search
	LooseEmailSearch bool   // finds an e-mail within what an entry has
	LooseTaxSearch   bool   // finds SI12345678 by 12345678 and the other way round
	ShowBuyer        bool   // get_partner shows buyer and supplier
	ShowRegistration bool   // get_partner shows registration_number
	Country          string // how a country comes back: CountrySlovenian (default), CountryAsSent
	UnknownCountry   string // Refused (default), Dropped, Kept

	RequiredAttributes []string // to be given by add_partner, may be empty; nil: the documented five
	RequiredValues     []string // not to be empty in add_partner; nil: customer
	TooLong            string   // Cut (default), Refused
	Notes              string   // Dropped (default), Kept, Refused
	Website            string   // Dropped (default), Kept, Refused

	LeftOut            string // attributes left out of a nested entry: Kept (default), Cleared
	EmptyValue         string // "" for a value that stands: Ignored (default), Cleared
	RemoveMarker       string // RemoveValue: Cleared (default), Ignored, Refused, Kept (stored as it is)
	UnknownEntry       string // an entry with an unknown mk_id: Refused (default), Ignored, Added
	AcceptSingleEntry  bool   // an object where a list is documented
	TopLevelAddress    bool   // street and the like in an update change the billing address
	UpdateAnswer       string // AnswerList (default), AnswerPartner, AnswerCode
	UnknownPartnerText string // update_partner for a partner that is not there
}

func (o Options) withDefaults() Options {
	for target, value := range map[*string]string{
		&o.CompanyID: DefaultCompanyID, &o.SecretKey: DefaultSecretKey,
		&o.WrongKeyCode: "1", &o.WrongKeyText: "Wrong secret key or company.",
		&o.ListAll: ListsAll, &o.Paging: PagesHeeded, &o.CountCapped: CountsAll, &o.Country: CountrySlovenian, &o.UnknownCountry: Refused,
		&o.TooLong: Cut, &o.Notes: Dropped, &o.Website: Dropped,
		&o.LeftOut: Kept, &o.EmptyValue: Ignored, &o.RemoveMarker: Cleared, &o.UnknownEntry: Refused,
		&o.UpdateAnswer: AnswerList, &o.UnknownPartnerText: "Partner does not exist.",
	} {
		if *target == "" {
			*target = value
		}
	}

	if o.EmptyName == "" {
		o.EmptyName = o.ListAll
	}

	if o.RequiredAttributes == nil {
		o.RequiredAttributes = []string{"customer", "street", "post_number", "place", "country"}
	}
	if o.RequiredValues == nil {
		o.RequiredValues = []string{"customer"}
	}

	if o.Now == nil {
		o.Now = time.Now
	}
	o.Partners = slices.Clone(o.Partners)
	return o
}
