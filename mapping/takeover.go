package mapping

// TakeOver fills what the winner lacks with what the loser has, of the given
// fields, and names those that it filled.
func TakeOver(winner, loser Contact, fields []Field) (Contact, []Field) {
	var taken []Field
	for _, f := range fields {
		if Canonical(f, winner.Get(f)) == "" && Canonical(f, loser.Get(f)) != "" {
			winner.Set(f, loser.Get(f))
			taken = append(taken, f)
		}
	}
	return winner, taken
}
