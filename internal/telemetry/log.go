// Package telemetry sets up how mksync is watched: structured logs for what is
// out of the ordinary and Prometheus metrics for normal operation.
package telemetry

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// LogConfig says what is logged and how it looks.
type LogConfig struct {
	Level  string // debug, info, warn or error; info for anything else
	Format string // text or json; else text on a terminal and json elsewhere
}

// NewLogger makes a logger that writes to w: lines to read, coloured on a
// terminal (unless NO_COLOR is set), or JSON for machines.
func NewLogger(w io.Writer, cfg LogConfig) *slog.Logger {
	terminal := isTerminal(w)
	if cfg.Format == "json" || (cfg.Format != "text" && !terminal) {
		return slog.New(traced{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level(cfg.Level)})})
	}
	return slog.New(traced{tint.NewTextHandler(w, &tint.Options{
		Level:      level(cfg.Level),
		TimeFormat: time.TimeOnly,
		NoColor:    !terminal || os.Getenv("NO_COLOR") != "",
	})})
}

func level(name string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return l
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
