package service

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// What is done on the strength of a commit waits until the standbys have it, where there are
// such that may take the server's place (invariant 31): a call, the removal of a dead letter,
// the acknowledgement of an event, the answer to a request, what the slot is told.

// keptERP sends nothing before its intent is kept.
type keptERP struct {
	syncer.ERP
	reached func(ctx context.Context) error
}

func (e keptERP) Add(ctx context.Context, n metakocka.NewPartner, before metakocka.Prepare) (metakocka.Added, error) {
	return e.ERP.Add(ctx, n, e.kept(before))
}

func (e keptERP) Update(ctx context.Context, u metakocka.Update, before metakocka.Prepare) (metakocka.Partner, error) {
	return e.ERP.Update(ctx, u, e.kept(before))
}

func (e keptERP) kept(before metakocka.Prepare) metakocka.Prepare {
	return func(ctx context.Context) error {
		if before != nil {
			if err := before(ctx); err != nil {
				return err
			}
		}
		return e.reached(ctx)
	}
}

// keptLetters removes no dead letter before what makes it needless is kept.
type keptLetters struct {
	syncer.DeadLetters
	reached func(ctx context.Context) error
}

func (l keptLetters) ForgetContact(ctx context.Context, id string) {
	if l.reached(ctx) == nil {
		l.DeadLetters.ForgetContact(ctx, id)
	}
}

func (l keptLetters) ForgetPartner(ctx context.Context, id string) {
	if l.reached(ctx) == nil {
		l.DeadLetters.ForgetPartner(ctx, id)
	}
}

// ours refuses a connection to another database than the one that the listener's state
// belongs to (invariant 13). A standby of that one that was promoted is taken over, where it
// lacks nothing (invariant 31): by whoever comes first.
func (s *Service) ours(ctx context.Context, conn *pgx.Conn) error {
	err := sameDatabase(ctx, conn, s.Config)
	switch {
	case errors.Is(err, cdc.ErrStandby):
		return fmt.Errorf("%w: %w", store.ErrStoreAway, err)
	case errors.Is(err, cdc.ErrSystemChanged):
		return s.takeOver(ctx, conn)
	}
	return err
}

func (s *Service) takeOver(ctx context.Context, conn *pgx.Conn) error {
	var state cdc.State
	var epoch event.Epoch
	var built store.Built
	_, err := pgstore.LoadStateOver(ctx, conn, s.Config.Schema, event.ListenerStateKey, &state)
	_, err2 := pgstore.LoadStateOver(ctx, conn, s.Config.Schema, event.EpochKey, &epoch)
	number, err3 := s.Bus.Note(ctx, &built)
	newest, found, err4 := s.Bus.Last(ctx, bus.StreamContacts)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return err
	}

	known := cdc.Built{Timeline: built.Timeline, UpTo: cdc.LSN(built.UpTo)}
	if built.Epoch != epoch.Epoch || built.Announced != "" {
		known = cdc.Built{}
	}
	var end cdc.LSN
	if found {
		if end, err = event.LSN(newest.ID); err != nil {
			return err
		}
	}

	next, err := cdc.Promoted(ctx, conn.PgConn(), ListenerConfig(s.Config), state, known, end)
	if err != nil || next.Timeline == 0 {
		return err
	}
	built.Timeline = next.Timeline
	built.UpTo = uint64(next.UpTo)
	done, err := pgstore.GoOn(ctx, conn, s.Bus, number, built, s.Config.Schema, event.ListenerStateKey, state.Timeline)
	if err != nil {
		return err
	}
	if !done {
		return s.takeOver(ctx, conn)
	}
	s.log.WarnContext(ctx, "a standby was promoted, and lacks nothing: mksync goes on with it", "timeline", next.Timeline, "before", state.Timeline)
	return nil
}
