package console

import (
	"context"
	"net/url"
	"sync/atomic"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/status"
)

// System is what only the service knows of itself. What is not there is not shown.
type System struct {
	Settings  []config.Setting
	Doctor    func(ctx context.Context, emit func(doctor.Finding)) []doctor.Hint
	Processes func(ctx context.Context) ([]control.Instance, error)
	// Recent are the last minutes, oldest first, of this process.
	Recent func() []status.Minute
}

// systemData is how the parts stand.
type systemData struct {
	Status    status.Status
	Processes []control.Instance
	Settings  []config.Setting
	Checking  bool
}

// Problems implements the page's.
func (d systemData) Problems() []status.Waiting { return problemsOf(d.Status) }

// Away reports that what the database knows is not known.
func (d systemData) Away() bool { return d.Status.DatabaseAway() }

// seesSettings is who is shown settings and what the doctor finds: addresses, names of tables
// and of files are for those who run mksync.
const seesSettings = operations.Operator

func system(ctx context.Context, v *visit) (view, error) {
	d := systemData{Checking: v.checking.Load()}

	looked := make(chan struct{})
	go func() { // they are given a while to answer
		defer close(looked)
		if v.System.Processes == nil {
			return
		}
		var err error
		if d.Processes, err = v.System.Processes(ctx); err != nil {
			v.Log.Warn("look for processes", "error", err)
		}
	}()

	s, err := v.status(ctx)
	<-looked
	if err != nil {
		return view{}, err
	}

	d.Status = s
	if v.who.Role.May(seesSettings) {
		d.Settings = v.System.Settings
	}
	return view{Page: "system", Title: "console.menu.system", Data: d}, nil
}

// doctorData is what the doctor found.
type doctorData struct {
	Findings []doctor.Finding
	Hints    []doctor.Hint
	Wrong    int
}

// examine has the doctor look at everything. It changes nothing.
func examine(ctx context.Context, v *visit) (view, error) {
	switch {
	case !v.who.Role.May(seesSettings):
		return view{}, syncer.Refuse(syncer.CodeForbidden, "forbidden_doctor", "the doctor needs the right {need}, and {who} has {role}", seesSettings, v.who.Name, v.who.Role)
	case v.System.Doctor == nil:
		return view{}, errNothing
	}
	var d doctorData
	d.Hints = v.System.Doctor(ctx, func(f doctor.Finding) {
		if d.Findings = append(d.Findings, f); f.Status == doctor.Fail {
			d.Wrong++
		}
	})
	return view{Page: "doctor", Title: "console.doctor.title", Menu: "system", Data: d}, nil
}

// startCheck begins a full check, which goes on when the form is answered: it takes as long as
// it takes to see every partner. What it found is in the status.
func startCheck(ctx context.Context, v *visit, form url.Values) (became, error) {
	if !v.checking.CompareAndSwap(false, true) {
		return became{ID: "console.done.check_runs"}, nil
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-ctx.Done():
		case <-v.door.Stopping():
			cancel()
		}
	}()
	go func() {
		defer cancel()
		defer v.checking.Store(false)
		if _, err := operations.OpCheck.Ask(ctx, v.API, check.CheckRequest{Repair: form.Get("repair") == "true"}); err != nil && ctx.Err() == nil {
			v.Log.Warn("a full check that was asked for in the console did not succeed", "error", err)
		}
	}()
	return became{ID: "console.done.check"}, nil
}

// running says whether a full check was begun here and is under way.
type running = atomic.Bool
