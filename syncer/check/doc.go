// Package check makes full checks: every contact, every link and every partner are
// compared, whatever events there were. The Checker does so when it is asked, from time
// to time, and whenever events may have been missed: after a snapshot, a gap in the
// stream, a change of the table's partitions or of what is synced. With repair, what
// differs is reconciled, and deletions that were missed go through the guard.
package check
