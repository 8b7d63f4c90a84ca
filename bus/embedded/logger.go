package embedded

import (
	"fmt"
	"log/slog"
)

const message = "NATS server"

// logger passes the server's own lines on. Its notices, a banner and many lines at each
// start, are debug to us.
type logger struct {
	log   *slog.Logger
	fatal chan string // the first line the server would have exited with
}

func newLogger(log *slog.Logger) logger {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return logger{log: log, fatal: make(chan string, 1)}
}

func (l logger) Noticef(f string, v ...any) { l.log.Debug(message, "line", fmt.Sprintf(f, v...)) }
func (l logger) Debugf(f string, v ...any)  { l.log.Debug(message, "line", fmt.Sprintf(f, v...)) }
func (l logger) Tracef(f string, v ...any)  { l.log.Debug(message, "line", fmt.Sprintf(f, v...)) }
func (l logger) Warnf(f string, v ...any)   { l.log.Warn(message, "line", fmt.Sprintf(f, v...)) }
func (l logger) Errorf(f string, v ...any)  { l.log.Error(message, "line", fmt.Sprintf(f, v...)) }

// Fatalf ends nothing here: Start returns the line.
func (l logger) Fatalf(f string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(f, v...):
	default:
		l.log.Error(message, "line", fmt.Sprintf(f, v...))
	}
}
