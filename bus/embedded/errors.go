package embedded

import "errors"

// ErrInUse says that another process runs a server on the data directory.
var ErrInUse = errors.New("data directory is in use by another process")

var errStart = errors.New("start NATS server")
