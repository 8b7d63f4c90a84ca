package bus

import "strings"

// Names are what an installation of mksync calls its things, so that several share one
// Postgres and one NATS. Everywhere else streams, subjects and consumers have the names
// of the one without an instance; the bus alone knows what NATS has for them.
type Names struct{ instance string }

// NamesOf are the names of an instance, of small letters, digits and "_"; of "": the usual ones.
func NamesOf(instance string) Names { return Names{instance} }

// Instance is the instance's name; "": none.
func (n Names) Instance() string { return n.instance }

// Base is what slot, publication, schema and micro service are called.
func (n Names) Base() string { return n.after("mksync") }

// Stream is a stream as NATS has it.
func (n Names) Stream(stream string) string { return strings.ToUpper(n.after(stream)) }

// Subject is a subject, or a pattern of subjects, as NATS has it.
func (n Names) Subject(subject string) string {
	if n.instance == "" {
		return subject
	}
	return n.instance + "." + subject
}

// durable is a consumer as NATS has it.
func (n Names) durable(consumer string) string { return n.after(consumer) }

func (n Names) after(name string) string {
	if n.instance == "" {
		return name
	}
	return name + "_" + n.instance
}

// subjects are several of them.
func (n Names) subjects(all []string) []string {
	if n.instance == "" {
		return all
	}
	named := make([]string, len(all))
	for i, subject := range all {
		named[i] = n.Subject(subject)
	}
	return named
}

// plain is a subject that NATS has, as the rest of the program knows it.
func (n Names) plain(subject string) string {
	if n.instance == "" {
		return subject
	}
	return strings.TrimPrefix(subject, n.instance+".")
}

// plainStream is Stream's reverse.
func (n Names) plainStream(stream string) string {
	return strings.TrimSuffix(stream, strings.ToUpper(n.after("")))
}
