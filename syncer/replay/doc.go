// Package replay goes through the contacts' events once more, to recover: a Replayer
// reads a part of the stream, reconciles the contacts that it names and, with an
// authority, lets one side win. Meanwhile nothing else works on these contacts.
package replay
