// Package metakocka is a typed client of MetaKocka's partner API.
//
// Every call is one POST of a JSON document that carries the company's secret
// key; the answer is JSON where scalars are strings or numbers, empty
// attributes are left out, a list of one may be the bare element, and a failure
// is HTTP 200 with an opr_code other than 0. A missing opr_code is success.
//
// A call goes through these states:
//
//	breaker ──open──► TransientError{Sent: false}
//	   │
//	 slot (two lanes: Live, Bulk) ──ctx ended──► TransientError{Sent: false}
//	   │
//	 rate ──► in flight ──no answer──────────► TransientError{Sent: true}
//	                    ──not an answer──────► TransientError (HTML, 429, 5xx, cut, garbage)
//	                    ──opr_code ≠ 0───────► *RefusalError, or nothing found
//	                    ──answer──────────────► result
//
// The API has no idempotency key and no conditional write. Add is therefore
// never repeated unless the request certainly did not leave this process, and
// Update never; the caller asks Uncertain and looks before sending again.
//
// The secret key can write the whole ERP. It is in request bodies and nowhere
// else: error texts, log lines and State are cleared of it even when the server
// sends it back.
package metakocka
