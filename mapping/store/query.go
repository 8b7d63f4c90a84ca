package store

// RecordQuery chooses entries of a journal, oldest first.
type RecordQuery struct {
	// Of is the entry's own id, or its link's, contact's or partner's; empty: all.
	Of    string
	Open  bool  // only those that wait for a person
	After int64 // own id: keyset paging
	Limit int   // 0: no limit
}

// LinkQuery chooses links; empty fields choose all.
type LinkQuery struct {
	ID          string
	ContactID   string
	MetaKockaID string
	Status      Status
	HeldMatch   bool   // only those whose match is not clear, and waits for a person
	After       string // contact id: keyset paging
	Limit       int    // 0: no limit
}

// PartnerQuery chooses partners as last seen.
type PartnerQuery struct {
	Unsynced bool   // only those that no contact is linked with
	After    string // partner id: keyset paging
	Limit    int    // 0: no limit
}
