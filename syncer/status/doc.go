// Package status says how everything stands. A Monitor puts together what the store,
// the streams, the listener and the gate tell, and names as problems what a person
// should know: above all what stands still, for no part of mksync says of itself that it
// does nothing.
package status
