package syncer

import "github.com/crmmind/mksync/mapping/match"

// Why somebody may be whom a contact is, or not, is a code as every reason is.

// MatchLinked says that another contact has the partner.
const MatchLinked ReasonCode = "match.linked_with"

// HintCode is a hint's.
func HintCode(h match.Hint) ReasonCode { return ReasonCode("match." + h) }
