package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// withAPI gives use the API of the running service, or where none runs one of
// parts that this process opens itself, and says on stderr which.
func (app *cliEnv) withAPI(ctx context.Context, use func(operations.Answerer) error) error {
	cfg, log, err := app.load()
	if err != nil {
		return err
	}
	client, err := service.Reach(ctx, cfg, buildVersion())
	switch {
	case errors.Is(err, control.ErrNoService):
		return app.withOwnAPI(ctx, use)
	case err != nil:
		return err
	}
	defer client.Close()
	app.note("through the running service (" + client.Instance.String() + ")")

	tracing, err := telemetry.NewTracing(ctx, buildVersion(), os.Getenv, log)
	if err != nil {
		app.note("nothing is traced: " + err.Error())
	}
	if tracing == nil {
		return use(client)
	}
	defer tracing.Close(ctx)
	return use(tracedAPI{client, tracing})
}

// withOwnAPI opens the service's parts without running any role.
func (app *cliEnv) withOwnAPI(ctx context.Context, use func(operations.Answerer) error) error {
	cfg, log, err := app.load(config.NeedDatabase, config.NeedMetaKocka)
	if err != nil {
		return err
	}
	app.note("no service is running: working by itself")
	s, err := service.New(ctx, cfg, service.Options{Version: buildVersion(), Pace: service.UsualPace}, log)
	if errors.Is(err, embedded.ErrInUse) {
		return fmt.Errorf("%w: a service is just starting or stopping; try again", err)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	return use(s.API(s.Monitor()))
}

// tracedAPI begins a trace with each request of a command, or goes on with the one that
// TRACEPARENT names, which is how a program hands its trace to those it starts.
type tracedAPI struct {
	operations.Answerer
	tracing *telemetry.Tracing
}

// Answer implements operations.Answerer.
func (a tracedAPI) Answer(ctx context.Context, name string, request []byte) ([]byte, error) {
	ctx, span := a.tracing.Asks(ctx, "mksync."+name, os.Getenv("TRACEPARENT"))
	defer span.End()
	answer, err := a.Answerer.Answer(ctx, name, request)
	if err != nil {
		telemetry.Failed(span, string(syncer.AsRequestError(err).Code))
	}
	return answer, err
}

// note tells a person what happens.
func (app *cliEnv) note(text string) {
	_, _ = fmt.Fprintln(app.stderr, "mksync: "+strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  "))
}

// operator is who uses the command, for the journals.
func operator() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "operator"
}

// collect asks for all pages of a list, for smaller ones where a page is larger
// than NATS takes.
func collect[T any](page func(operations.Page) (operations.List[T], error)) ([]T, error) {
	all := []T{}
	p := operations.Page{Limit: 256}
	for {
		l, err := page(p)
		var refused *syncer.RequestError
		if errors.As(err, &refused) && refused.Code == syncer.CodeTooLarge && p.Limit > 1 {
			p.Limit /= 2
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, l.Items...)
		if l.Next == "" {
			return all, nil
		}
		p.After = l.Next
	}
}

// list prints what a list holds: JSON, or a line for each, which begins with its
// id; none says that there is nothing.
func list[T any](app *cliEnv, asJSON bool, none string, line func(T) []string, page func(operations.Page) (operations.List[T], error)) error {
	items, err := collect(page)
	if err != nil {
		return err
	}
	if asJSON {
		return app.printJSON(items)
	}
	return printLines(app, none, items, line)
}

func printLines[T any](app *cliEnv, none string, items []T, line func(T) []string) error {
	if len(items) == 0 {
		app.note(none)
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = line(item)
	}
	return app.out().Table(rows)
}

func (app *cliEnv) printJSON(v any) error {
	enc := json.NewEncoder(app.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// result is what became of one id of several.
type result struct {
	ID      string               `json:"id"`
	Success bool                 `json:"success"`
	Data    any                  `json:"data,omitempty"`
	Error   *syncer.RequestError `json:"error,omitempty"`
}

// each asks for every id in turn and prints what became of it: JSON at the end,
// or a line for each that begins with the id. One that does not succeed does not
// hold up the others.
func each[T any](ctx context.Context, app *cliEnv, asJSON bool, ids []string, ask func(id string) (T, error), line func(T) []string) error {
	results, failed, malformed := []result{}, 0, 0
	for i, id := range ids {
		data, err := ask(id)
		var refused *syncer.RequestError
		switch {
		case ctx.Err() != nil && err != nil:
			return stopped("%d of %d done; %s may still be worked on: mksync mappings says where it stands", i, len(ids), id)
		case errors.As(err, &refused):
			failed++
			if refused.Code == syncer.CodeMalformed {
				malformed++
			}
			results = append(results, result{ID: id, Error: refused})
			app.note(id + ": " + refused.Message)
			continue
		case err != nil:
			return err
		}

		results = append(results, result{ID: id, Success: true, Data: data})
		if asJSON {
			continue
		}
		if err := app.out().Table([][]string{line(data)}); err != nil {
			return err
		}
	}

	if asJSON {
		if err := app.printJSON(results); err != nil {
			return err
		}
	}
	if malformed > 0 && malformed == len(ids) {
		return errNotUnderstood
	}
	return partly(failed, len(ids))
}

// partly is the error of several of which some did not succeed, all of it said
// already.
func partly(failed, of int) error {
	switch failed {
	case 0:
		return nil
	case of:
		return errReported
	}
	return errInPart
}

// quote is a value fit for one line of a list.
func quote(value string) string {
	const most = 40
	return fmt.Sprintf("%q", terminal.Cut(value, most))
}

func stamp(t time.Time) string { return t.Local().Format(time.DateTime) }

// outcomeLine says where a mapping stands.
func outcomeLine(o operations.Outcome) []string {
	line := []string{string(o.SyncStatus), "contact " + or(o.ContactID, "-"), "partner " + or(o.MetaKockaID, "-"), "mapping " + or(o.MappingID, "-")}
	if o.LastError != "" {
		line = append(line, o.LastError)
	}
	return line
}

// showOutcome prints where the mapping of one contact stands.
func (app *cliEnv) showOutcome(o operations.Outcome, asJSON bool) error {
	if asJSON {
		return app.printJSON(o)
	}
	return app.out().Table([][]string{append([]string{o.ContactID}, outcomeLine(o)...)})
}
