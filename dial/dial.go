// Package dial makes connections that notice when the network swallows everything. A
// firewall that drops packets, a router or a machine that is gone, tells nobody: left to
// itself a kernel sends again after pauses that double, so that after an outage of two
// minutes the next try may be another minute away.
package dial

import (
	"net"
	"time"
)

const (
	// Within is how long it may take until a connection stands.
	Within = 5 * time.Second
	// Silent is how long nothing may come back of what was sent until it is given up.
	Silent = 10 * time.Second
	// Probe is how often a quiet connection is probed.
	Probe = 5 * time.Second
)

// Dialer makes them.
var Dialer = net.Dialer{
	Timeout: Within, Control: unacknowledged,
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: Probe, Interval: Probe, Count: int(Silent / Probe)},
}
