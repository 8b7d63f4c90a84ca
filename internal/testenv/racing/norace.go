//go:build !race

package racing

// On says whether this is built with the race detector.
const On = false
