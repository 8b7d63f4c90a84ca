package pgsession

// Number gives a backend the number of another.
func Number(b *Backend, as Backend) { b.pid = as.pid }
