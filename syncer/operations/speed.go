package operations

import "time"

// speed tells from how quickly the last of many were done when all will be.
type speed struct{ marks []speedMark }

type speedMark struct {
	at   time.Time
	done int
}

const (
	// speedWindow is how long ago the last ones may have been done.
	speedWindow = 30 * time.Second
	// speedFirst is how long is looked before anything is said.
	speedFirst = 2 * time.Second
)

// mark notes how many are done now, and forgets what is older than the window,
// but for the last mark before it.
func (p *speed) mark(now time.Time, done int) {
	for len(p.marks) > 1 && now.Sub(p.marks[1].at) >= speedWindow {
		p.marks = p.marks[1:]
	}
	p.marks = append(p.marks, speedMark{now, done})
}

// expected is when total are likely to be done; nil: that is not known, because
// too little was seen, or nothing was done lately.
func (p *speed) expected(now time.Time, total int) *time.Time {
	if len(p.marks) < 2 {
		return nil
	}
	first, last := p.marks[0], p.marks[len(p.marks)-1]
	took, done := last.at.Sub(first.at), last.done-first.done
	if took < speedFirst || done <= 0 || last.done > total {
		return nil
	}
	left := time.Duration(float64(took) / float64(done) * float64(total-last.done))
	at := now.Add(left).Round(time.Second)
	return &at
}
