package embedded

import (
	"fmt"
	"log/slog"
)

// logger passes the server's own lines on. Its notices, a banner and many lines at each
// start, are debug to us.
type logger struct{ log *slog.Logger }

func newLogger(log *slog.Logger) logger {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return logger{log}
}

func (l logger) Noticef(f string, v ...any) { l.log.Debug(line(f, v)) }
func (l logger) Debugf(f string, v ...any)  { l.log.Debug(line(f, v)) }
func (l logger) Tracef(f string, v ...any)  { l.log.Debug(line(f, v)) }
func (l logger) Warnf(f string, v ...any)   { l.log.Warn(line(f, v)) }
func (l logger) Errorf(f string, v ...any)  { l.log.Error(line(f, v)) }

// Fatalf is an error here: the caller of Start decides what ends.
func (l logger) Fatalf(f string, v ...any) { l.log.Error(line(f, v)) }

func line(f string, v []any) string { return "nats-server: " + fmt.Sprintf(f, v...) }
