package store

// Built is up to where in the server's log the commits are on which something rests (a call,
// an acknowledgement, an answer). It is kept outside of the server, so that one that is
// promoted in its place can be held against it (invariant 31).
type Built struct {
	Epoch     string `json:"epoch,omitempty"`    // of the database, since it was last accepted
	Timeline  int32  `json:"timeline,omitempty"` // 0: nobody waits for standbys
	UpTo      uint64 `json:"upTo,omitempty"`
	Announced string `json:"announced,omitempty"` // not empty: not every process may wait yet
}
