package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// fromStdin in place of ids: they are read from standard input.
const fromStdin = "-"

// twoIDs lets a command take two ids.
func twoIDs(few, many string) cobra.PositionalArgs { return between(2, 2, few, many) }

// between lets a command take from least to most arguments; it says few where one is missing,
// and many where there are more.
func between(least, most int, few, many string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return errors.New(few)
		case len(args) > most:
			return fmt.Errorf("%s: got %d", many, len(args))
		}
		return nil
	}
}

// chosen are the ids a command works on: those named, those read from standard
// input, or where none is named all.
func (app *cliEnv) chosen(ctx context.Context, args []string, all func() ([]string, error)) ([]string, error) {
	switch {
	case len(args) == 0:
		return all()
	case args[0] == fromStdin:
		return app.readIDs(ctx)
	}
	return args, nil
}

// readIDs reads ids from standard input: the first word of each line, so that
// what a list prints can be read; empty lines and those that begin with # are
// left out.
func (app *cliEnv) readIDs(ctx context.Context) ([]string, error) {
	if app.typing() {
		app.note("type the ids, one a line, and Ctrl-D at the end")
	}

	var ids []string
	err := app.input(ctx, func(from io.Reader) error {
		lines := bufio.NewScanner(from)
		for lines.Scan() {
			if words := strings.Fields(lines.Text()); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
				ids = append(ids, words[0])
			}
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("read ids from standard input: %w", err)
		}
		return nil
	})

	switch {
	case err != nil:
		return nil, err
	case len(ids) == 0:
		return nil, errors.New("standard input names nothing: give one id a line")
	}
	return ids, nil
}

// typing reports whether a person types what is read from standard input.
func (app *cliEnv) typing() bool {
	file, ok := app.stdin.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// input reads standard input until ctx ends: then nothing waits for it any more.
func (app *cliEnv) input(ctx context.Context, read func(from io.Reader) error) error {
	done := make(chan error, 1)
	go func() { done <- read(app.stdin) }()
	select {
	case <-ctx.Done():
		return stopped("before anything was done")
	case err := <-done:
		return err
	}
}

// idsOf are the ids of a list's entries.
func idsOf[T any](entries []T, id func(T) string) []string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = id(e)
	}
	return ids
}
