package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/proposal"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/pgsession"
)

// initFlags are those of `mksync init`.
type initFlags struct {
	write string // the file; empty: standard output
	force bool
	table string // the contacts'; empty: the likeliest
}

// newInitCommand proposes a configuration.
func newInitCommand(app *cliEnv) *cobra.Command {
	var flags initFlags
	cmd := &cobra.Command{
		Use:   "init [--write FILE]",
		Short: "Look at the database and propose a complete configuration file",
		Long: `Looks at the database that MKSYNC_DATABASE_URL names (tables that may be the contacts', keys, columns by
their English or Slovenian names, triggers, row level security, links of other integrations) and proposes a
complete configuration file, with a comment for each guess. It holds no secret. Nothing is changed.

It ends with what the doctor finds with that configuration: on standard error, or with --write on standard
output. The exit status is 3 when something of it has to be put right. Where several tables look alike, it
asks on a terminal which is meant.`,
		Example: "  mksync init\n  mksync init --write mksync.yaml\n  mksync init --table public.stranke --write mksync.yaml --force",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.force && flags.write == "" {
				return misused(cmd, errors.New("--force is for --write FILE"))
			}
			return app.propose(cmd.Context(), flags)
		},
	}

	cmd.Flags().StringVar(&flags.write, "write", "", "write the proposal to this file, in place of printing it")
	cmd.Flags().BoolVar(&flags.force, "force", false, "overwrite the file")
	cmd.Flags().StringVar(&flags.table, "table", "", "the contacts' table, such as public.contacts")
	_ = cmd.MarkFlagFilename("write", "yaml", "yml")
	return cmd
}

// propose makes the proposal, and ends with what the doctor says of it.
func (app *cliEnv) propose(ctx context.Context, flags initFlags) error {
	if err := free(flags); err != nil {
		return err
	}
	known, err := app.beforeInit()
	if err != nil {
		return err
	}
	proposed, err := app.lookAndPropose(ctx, known, flags.table)
	if err != nil {
		return config.ExplainDatabase(known, err)
	}

	// What reads the file must find nothing else on standard output.
	report := app.notes()
	if flags.write == "" {
		if _, err := io.WriteString(app.out().Raw(), proposed.Text); err != nil {
			return err
		}
	} else {
		if err := writeProposal(flags, proposed.Text); err != nil {
			return err
		}
		report = app.out()
		_, _ = fmt.Fprintf(report, "written: %s\n\n", flags.write)
	}
	return app.examineProposal(ctx, report, known, proposed)
}

// free refuses to look where what was found could not be written.
func free(flags initFlags) error {
	if flags.write == "" || flags.force {
		return nil
	}
	if _, err := os.Stat(flags.write); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s is there already: name another file, or give --force", flags.write)
}

func writeProposal(flags initFlags, text string) error {
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if flags.force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := os.OpenFile(flags.write, how, 0o644)
	if err != nil {
		return fmt.Errorf("write the proposal: %w", err)
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// beforeInit is what is known without the file that is to be proposed: it may be the one
// that MKSYNC_CONFIG names.
func (app *cliEnv) beforeInit() (config.Config, error) {
	path, environ := app.configPath, app.environ
	if _, err := os.Stat(config.Path(path, environ)); errors.Is(err, fs.ErrNotExist) {
		path, environ = "", slices.DeleteFunc(slices.Clone(environ), func(line string) bool { return strings.HasPrefix(line, "MKSYNC_CONFIG=") })
	}
	return config.Load(path, environ, config.NeedDatabase)
}

func (app *cliEnv) lookAndPropose(ctx context.Context, known config.Config, table string) (proposal.Proposal, error) {
	conn, err := pgsession.Connect(ctx, known.DatabaseURL.Reveal())
	if err != nil {
		return proposal.Proposal{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	found, err := proposal.Look(ctx, conn)
	if err != nil {
		return proposal.Proposal{}, err
	}
	chosen, rivals, err := app.chooseTable(ctx, found, table)
	if err != nil {
		return proposal.Proposal{}, err
	}
	if err := proposal.Sample(ctx, conn, &chosen); err != nil {
		return proposal.Proposal{}, err
	}
	return proposal.Propose(found, chosen, rivals), nil
}

// chooseTable is the table that is named, by the flag or in the environment, which wins
// over the file; else the likeliest, where a person does not choose another.
func (app *cliEnv) chooseTable(ctx context.Context, found proposal.Database, named string) (chosen proposal.Candidate, rivals []proposal.Candidate, err error) {
	for _, line := range app.environ {
		if value, is := strings.CutPrefix(line, config.Variable("contacts_table")+"="); is && named == "" {
			named = value
		}
	}
	if named != "" {
		chosen, err = found.Named(named)
		return chosen, nil, err
	}

	candidates := found.Candidates()
	if len(candidates) == 0 {
		return chosen, nil, noContacts(found)
	}
	n := 0
	if alike := proposal.Alike(candidates); len(alike) > 1 && app.asks() {
		if n, err = app.askTable(ctx, alike); err != nil {
			return chosen, nil, err
		}
	}
	return candidates[n], slices.Delete(slices.Clone(candidates), n, n+1), nil
}

func noContacts(found proposal.Database) error {
	text := fmt.Sprintf("no table of the database %s looks like contacts, as role %q sees it", found.Name, found.Role)
	for _, line := range found.Unsuited() {
		text += "\n  not possible: " + terminal.OneLine(line)
	}
	return errors.New(text + "\nname the table: mksync init --table <schema>.<table>")
}

// askTable lets a person choose; an empty answer is the first.
func (app *cliEnv) askTable(ctx context.Context, alike []proposal.Candidate) (int, error) {
	for i, c := range alike {
		_, _ = fmt.Fprintf(app.notes(), "%3d  %s\n", i+1, terminal.OneLine(c.Table.FullName()))
	}
	_, _ = fmt.Fprint(app.notes(), "Which of these tables holds the contacts? [1] ")
	number := 1
	err := app.input(ctx, func(from io.Reader) (err error) {
		answer, _ := bufio.NewReader(from).ReadString('\n')
		if answer = strings.TrimSpace(answer); answer == "" {
			return nil
		}
		if number, err = strconv.Atoi(answer); err != nil || number < 1 || number > len(alike) {
			return fmt.Errorf("%q is none of 1 to %d; nothing was written", answer, len(alike))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return number - 1, nil
}

// examineProposal runs the doctor with the proposal. What only a person knows is named,
// and no fault of it.
func (app *cliEnv) examineProposal(ctx context.Context, report *terminal.Screen, known config.Config, proposed proposal.Proposal) error {
	cfg, err := config.Parse("proposal", []byte(proposed.Text), app.environ)
	cfg.DatabaseURL = known.DatabaseURL
	var wrong *config.InvalidError
	var problems []config.Problem
	if errors.As(err, &wrong) {
		problems = wrong.Problems
	}
	return app.reportFindings(ctx, report, errInPart, func(emit func(doctor.Finding)) []doctor.Hint {
		for _, p := range problems {
			emit(doctor.Finding{Name: "configuration", Status: doctor.Fail, Detail: p.String()})
		}
		for _, line := range proposed.Decide {
			emit(doctor.Finding{Name: "to decide", Status: doctor.Note, Detail: line})
		}
		want := service.DoctorConfig(cfg, problems)
		want.MetaKocka.Skip = notSetYet(cfg)
		return doctor.Run(ctx, want, emit)
	})
}

// notSetYet names the settings that MetaKocka is to be asked with.
func notSetYet(cfg config.Config) coded.Text {
	var missing []string
	if cfg.MetaKockaCompanyID == "" {
		missing = append(missing, config.Variable("metakocka_company_id"))
	}
	if cfg.MetaKockaSecretKey == "" {
		missing = append(missing, config.Variable("metakocka_secret_key"))
	}
	if len(missing) == 0 {
		return coded.Text{}
	}
	return coded.Say("doctor.set_first", "set {settings}, then run mksync doctor", strings.Join(missing, " and "))
}
