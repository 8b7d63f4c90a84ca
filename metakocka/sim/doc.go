// Package sim plays MetaKocka's partner API over HTTP: for tests, for the demo
// and for trying things out.
//
// It is strict, so that a client that passes here is not helped by leniency:
// key, company, endpoint, JSON types, required attributes and lengths are
// checked. It is nasty where told to: slow, cut off before or after a call was
// processed, processed later, down, answering pages instead of JSON. And where
// the real server's behaviour is not known, each possibility is a named option,
// with the most plausible one as the default.
//
// The API is under BasePath. Under /control/ is what a person at the ERP's own
// screens would do, beside the faults and the record of calls.
package sim
