package bus

// window holds the sizes of the messages in flight, oldest first, in a ring that never grows
// beyond the limit of messages.
type window struct {
	sizes []int
	head  int
	count int
	bytes int
}

func newWindow(maxMessages int) window { return window{sizes: make([]int, maxMessages)} }

// push adds the newest message. The caller has made sure that there is room.
func (w *window) push(size int) {
	w.sizes[(w.head+w.count)%len(w.sizes)] = size
	w.count++
	w.bytes += size
}

// pop removes the n oldest messages.
func (w *window) pop(n int) {
	for range n {
		w.bytes -= w.sizes[w.head]
		if w.head++; w.head == len(w.sizes) {
			w.head = 0
		}
		w.count--
	}
}
