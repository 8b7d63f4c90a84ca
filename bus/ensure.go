package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ensure creates a stream, or sets on an existing one what is ours to set.
func (b *Bus) ensure(ctx context.Context, want jetstream.StreamConfig, cfg Config) error {
	s, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return b.create(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", want.Name, err)
	}

	have := s.CachedInfo().Config
	if have.Storage == jetstream.MemoryStorage {
		return fmt.Errorf("%s: %w; delete it, or move its events to a stream with file storage", want.Name, ErrMemoryStream)
	}
	if cfg.Keep {
		return nil
	}

	// What the settings do not name stays as the stream has it.
	next := overlay(have, want)
	if !cfg.Lower {
		kept := next
		next = notLowered(have, next)
		if left := differences(kept, next); len(left) > 0 {
			b.log.Warn("a stream keeps more than the settings say: events would go at once; to lower it, start mksync run --lower-streams once",
				"stream", want.Name, "setting_and_stream", strings.Join(left, ", "))
		}
	}

	changes := differences(have, next)
	if len(changes) == 0 {
		return nil
	}
	if _, err := b.js.UpdateStream(ctx, next); err != nil {
		return fmt.Errorf("update stream %s: %w", want.Name, err)
	}
	b.log.Info("stream changed", "stream", want.Name, "changes", strings.Join(changes, ", "))
	return nil
}

func (b *Bus) create(ctx context.Context, want jetstream.StreamConfig) error {
	_, err := b.js.CreateStream(ctx, want)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		_, err = b.js.Stream(ctx, want.Name) // another process was first
	}
	if err != nil {
		return fmt.Errorf("create stream %s: %w", want.Name, err)
	}
	b.log.Info("stream made", "stream", want.Name, "copies", want.Replicas)
	return nil
}

// overlay keeps what an operator may have set on the stream besides our settings.
func overlay(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	have.Subjects = want.Subjects
	have.Replicas = want.Replicas
	have.Discard = want.Discard
	have.MaxAge = want.MaxAge
	have.MaxBytes = want.MaxBytes
	have.Duplicates = want.Duplicates
	have.MaxMsgsPerSubject = want.MaxMsgsPerSubject
	have.Description = want.Description
	if have.MaxMsgsPerSubject == 0 {
		have.MaxMsgsPerSubject = -1
	}
	return have
}

// notLowered takes back what would lower copies, age or size: a start with other settings,
// a default among them, must not cost an event or a copy.
func notLowered(have, next jetstream.StreamConfig) jetstream.StreamConfig {
	next.Replicas = max(have.Replicas, next.Replicas)
	next.MaxAge = longer(have.MaxAge, next.MaxAge)
	next.MaxBytes = longer(have.MaxBytes, next.MaxBytes)
	return next
}

// longer is the larger of two limits, of which one that is not positive limits nothing.
func longer[T int64 | time.Duration](a, b T) T {
	if a <= 0 || b <= 0 {
		return min(a, b)
	}
	return max(a, b)
}

// differences names the settings of ours in which a stream is to change.
func differences(from, to jetstream.StreamConfig) (all []string) {
	for _, s := range []struct {
		name     string
		from, to any
	}{
		{"subjects", strings.Join(from.Subjects, " "), strings.Join(to.Subjects, " ")},
		{"copies", from.Replicas, to.Replicas},
		{"when full", from.Discard, to.Discard},
		{"maximum age", from.MaxAge, to.MaxAge},
		{"maximum bytes", from.MaxBytes, to.MaxBytes},
		{"ids remembered for", from.Duplicates, to.Duplicates},
		{"messages of a subject", from.MaxMsgsPerSubject, to.MaxMsgsPerSubject},
		{"description", from.Description, to.Description},
	} {
		if s.from != s.to {
			all = append(all, fmt.Sprintf("%s %v -> %v", s.name, s.from, s.to))
		}
	}
	return all
}
