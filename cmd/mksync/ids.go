package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// fromStdin in place of ids: they are read from standard input.
const fromStdin = "-"

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
	if file, ok := app.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		app.note("type the ids, one a line, and Ctrl-D at the end")
	}
	var ids []string
	read := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(app.stdin)
		for lines.Scan() {
			if words := strings.Fields(lines.Text()); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
				ids = append(ids, words[0])
			}
		}
		read <- lines.Err()
	}()
	select {
	case <-ctx.Done():
		return nil, stopped("before anything was done")
	case err := <-read:
		if err != nil {
			return nil, fmt.Errorf("read ids from standard input: %w", err)
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("standard input names nothing: give one id a line")
	}
	return ids, nil
}

// idsOf are the ids of a list's entries.
func idsOf[T any](entries []T, id func(T) string) []string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = id(e)
	}
	return ids
}
