package syncer

import "strconv"

// Counted says how many there are of what.
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// OrWords is the text, or what is said where there is none.
func OrWords(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
