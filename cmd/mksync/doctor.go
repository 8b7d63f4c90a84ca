package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/terminal"
)

// newDoctorCommand looks at everything mksync needs.
func newDoctorCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, database, NATS and MetaKocka, and say what to do",
		Long: `Checks everything mksync needs, one line each: what was found and what to do.
Nothing is changed. The exit status is 1 when something is wrong.

  ok    as it should be
  note  works, but perhaps not as you expect
  FAIL  has to be put right
  skip  could not be checked`,
		Example: "  mksync doctor\n  mksync doctor --config /etc/mksync.yaml --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return app.doctorJSON(cmd.Context())
			}
			return app.doctorLines(cmd.Context())
		},
	}

	jsonFlag(cmd, &asJSON)
	return cmd
}

// stoppedExamining: what was found after the stop means nothing.
func stoppedExamining() error { return stopped("before everything was checked; nothing was changed") }

// doctorLines prints each finding as soon as it is known.
func (app *cliEnv) doctorLines(ctx context.Context) error {
	return app.reportFindings(ctx, app.out(), errReported, func(emit func(doctor.Finding)) []doctor.Hint { return app.examine(ctx, emit) })
}

// reportFindings prints what is found while it is found; faulty is the error where
// something has to be put right.
func (app *cliEnv) reportFindings(ctx context.Context, to *terminal.Screen, faulty error, examine func(emit func(doctor.Finding)) []doctor.Hint) error {
	wrong := 0
	var printErr error
	hints := examine(func(f doctor.Finding) {
		if ctx.Err() != nil {
			return
		}
		if f.Status == doctor.Fail {
			wrong++
		}
		if err := to.Sheet([]terminal.Pair{{f.Head(), f.Text()}}); err != nil {
			printErr = err
		}
	})

	if ctx.Err() != nil {
		return stoppedExamining()
	}

	if err := errors.Join(printErr, doctor.WriteHints(to, hints)); err != nil {
		return err
	}

	if wrong == 0 {
		_, err := fmt.Fprintln(to, "\nnothing is wrong")
		return err
	}
	_, _ = fmt.Fprintf(to, "\n%s\n", terminal.Amount(wrong, "thing has", "things have")+" to be put right")
	return faulty
}

// doctorJSON prints all findings at once.
func (app *cliEnv) doctorJSON(ctx context.Context) error {
	report := struct {
		OK       bool             `json:"ok"`
		Findings []doctor.Finding `json:"findings"`
		Hints    []doctor.Hint    `json:"hints"`
	}{OK: true, Hints: []doctor.Hint{}}
	hints := app.examine(ctx, func(f doctor.Finding) {
		report.OK = report.OK && f.Status != doctor.Fail
		report.Findings = append(report.Findings, f)
	})
	if ctx.Err() != nil {
		return stoppedExamining()
	}
	report.Hints = append(report.Hints, hints...)
	if err := app.printJSON(report); err != nil {
		return fmt.Errorf("print findings: %w", err)
	}
	if !report.OK {
		return errReported
	}
	return nil
}

// examine looks at the configuration, then at all that it names.
func (app *cliEnv) examine(ctx context.Context, emit func(doctor.Finding)) []doctor.Hint {
	cfg, err := config.Load(app.configPath, app.environ, config.NeedDatabase, config.NeedMetaKocka)
	var wrong *config.InvalidError
	if !errors.As(err, &wrong) {
		emit(doctor.Finding{Name: "configuration", Status: doctor.OK, Detail: app.configSource()})
		return doctor.Run(ctx, service.DoctorConfig(cfg, nil), emit)
	}
	for _, p := range wrong.Problems {
		emit(doctor.Finding{Name: "configuration", Status: doctor.Fail, Detail: p.String()})
	}
	return doctor.Run(ctx, service.DoctorConfig(cfg, wrong.Problems), emit)
}

// configSource says where the configuration came from.
func (app *cliEnv) configSource() string {
	path := config.Path(app.configPath, app.environ)
	if path == "" {
		return "environment, without a file"
	}
	return path + " and environment"
}
