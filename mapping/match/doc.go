// Package match is the first match of contacts and partners as a computation: no
// clock, nothing read or written. One rule (Compare) says what two have in common,
// and one (Choose) what follows from it for whoever has several candidates; a live
// event, a first sync, an import and the full check all ask these two.
//
// A tax number, then an e-mail links, where exactly one candidate has it. A key
// that says little, or two that disagree, waits for a person; so does whoever has
// the name and the address of somebody, which propose and never link.
package match
