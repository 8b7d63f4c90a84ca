// Package enumerate finds every partner of a company, which MetaKocka documents
// no way to do. What live companies do is tried first, from the cheapest on, and
// believed only as far as it can be checked:
//
//	WayAll      a search that names nothing, page by page
//	WayName     a search for an empty name, page by page
//	WayLetters  searches for letters and longer substrings of names, joined by id
//
// The way that works is kept for the company. A listing is checked with the
// partners that are known from elsewhere, now and then with searches for letters,
// and by how its pages end.
package enumerate
