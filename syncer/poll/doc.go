// Package poll finds out what changed in MetaKocka, which tells nobody: the Poller
// enumerates the partners, compares each with what was last seen of it, and publishes
// what is new, changed or missing. It can only read MetaKocka. A partner counts as
// missing only after a complete enumeration and a look by its id (invariant 8).
package poll
