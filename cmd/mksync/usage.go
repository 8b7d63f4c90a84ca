package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/syncer"
)

// Exit statuses, which the root command's help and docs/commands.md explain.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitPart    = 3
	exitStopped = 130 // as a shell says it of a command that Ctrl-C ended
)

// rootHelp is what `mksync --help` begins with.
const rootHelp = `mksync keeps the contacts of a CRM's Postgres and the partners of MetaKocka the same.

Commands work through the running service; where none runs, by themselves, and say which on stderr.
Exit status:
    0  done
    1  failed; of doctor: something has to be put right
    2  not understood: an unknown command or flag, an argument that is missing or malformed
    3  done in part: some of several did not succeed, check found what differs, or init what has to be put right
  130  stopped by Ctrl-C or SIGTERM (run, simulator and status --watch end with 0)`

// exitStatus is what the program ends with.
func exitStatus(err error, stopped bool) int {
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.Is(err, errNotUnderstood):
		return exitUsage
	case stopped || errors.Is(err, errStopped):
		return exitStopped
	case errors.Is(err, errInPart):
		return exitPart
	}
	return exitFailed
}

// usageError is a command line that was not understood.
type usageError struct {
	command *cobra.Command
	cause   error
}

// Error says what is wrong, and what a right one looks like.
func (e *usageError) Error() string {
	c := e.command
	text := e.cause.Error() + "\n  usage:        " + c.UseLine()
	if example, _, _ := strings.Cut(strings.TrimSpace(c.Example), "\n"); example != "" {
		text += "\n  for example:  " + example
	}
	return text + "\n  more:         " + c.CommandPath() + " --help"
}

func (e *usageError) Unwrap() error { return e.cause }

// guard makes what is wrong with a command line, of root and of all below it, a
// usageError: what is seen here, and what a service refuses as malformed.
func guard(root *cobra.Command) {
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		// The flag is unknown because the command before it is.
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
			return cmd.Args(cmd, words)
		}
		return &usageError{cmd, explainFlag(cmd, err)}
	})
	for _, cmd := range tree(root) {
		cmd.DisableFlagsInUseLine = strings.Contains(cmd.Use, "--")
		if args := cmd.Args; args != nil {
			cmd.Args = func(cmd *cobra.Command, given []string) error {
				return misused(cmd, cmp.Or(args(cmd, given), missingFlag(cmd), cmd.ValidateFlagGroups()))
			}
		}
		if does := cmd.RunE; does != nil {
			cmd.RunE = func(cmd *cobra.Command, given []string) error {
				err := does(cmd, given)
				if syncer.IsCode(err, syncer.CodeMalformed) {
					return misused(cmd, err)
				}
				return err
			}
		}
	}
}

// missingFlag names the first flag that has to be given and is not.
func missingFlag(cmd *cobra.Command) (err error) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, required := f.Annotations[cobra.BashCompOneRequiredFlag]; required && !f.Changed && err == nil {
			err = fmt.Errorf("--%s is missing: %s, %s", f.Name, f.Usage, strings.ReplaceAll(f.Value.Type(), "|", " or "))
		}
	})
	return err
}

func misused(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return &usageError{cmd, err}
}

// tree is a command and all below it.
func tree(root *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{root}
	for _, cmd := range root.Commands() {
		all = append(all, tree(cmd)...)
	}
	return all
}

// explainFlag names the flag that may have been meant.
func explainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return fmt.Errorf("%s has no flag --%s%s", cmd.CommandPath(), unknown.GetSpecifiedName(), config.Suggestion("--"+unknown.GetSpecifiedName(), names))
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s: %w", invalid.GetFlag().Name, inWords(invalid))
	}
	return err
}

// inWords is why a flag's value is none, in the same words for every kind of value.
func inWords(e *pflag.InvalidValueError) error {
	const count = "a whole number of at least 0"
	kinds := map[string]string{
		"bool": "true or false", "float64": "a number", "int": "a whole number",
		"uint": count, "uint64": count, "duration": "a duration such as 30s or 5m",
	}
	if kind, known := kinds[e.GetFlag().Value.Type()]; known {
		return fmt.Errorf("%q is not %s", e.GetValue(), kind)
	}
	return e.Unwrap()
}

// group makes cmd one that does nothing without a command below it.
func group(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(below...)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		near := config.Suggestion(args[0], names)
		if near == "" {
			near = "; there are " + strings.Join(names, ", ")
		}
		return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), near)
	}
	return cmd
}

// noArgs is for commands that are told everything by flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no arguments, and got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// oneID is for commands about one thing.
func oneID(noun string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return fmt.Errorf("the ID of the %s is missing", noun)
		case 1:
			return nil
		}
		return fmt.Errorf("one %s at a time: got %d", noun, len(args))
	}
}

// someIDs is for commands about several things that are all named.
func someIDs(nouns string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("name the %s", nouns)
		}
		return nil
	}
}

// idsOrAll is for commands about several things; all is their flag --all.
func idsOrAll(nouns string, all *bool) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case *all && len(args) > 0:
			return fmt.Errorf("either name some %s or give --all", nouns)
		case !*all && len(args) == 0:
			return fmt.Errorf("name the %s, or give --all", nouns)
		case slices.Contains(args, fromStdin) && len(args) > 1:
			return fmt.Errorf("%s, which reads ids from standard input, goes alone", fromStdin)
		}
		return nil
	}
}

// choice is a flag that takes one of several words.
type choice[T ~string] struct {
	value *T
	words []string
}

// choose adds a flag that takes one of words, which a shell completes.
func choose[T ~string](cmd *cobra.Command, value *T, name string, initial T, usage string, words ...T) {
	c := choice[T]{value: value}
	for _, w := range words {
		c.words = append(c.words, string(w))
	}
	*value = initial
	cmd.Flags().Var(c, name, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.words, cobra.ShellCompDirectiveNoFileComp))
}

// Set implements pflag.Value.
func (c choice[T]) Set(text string) error {
	if err := config.OneOf(text, c.words...); err != nil {
		return err
	}
	*c.value = T(text)
	return nil
}

func (c choice[T]) String() string {
	if c.value == nil {
		return ""
	}
	return string(*c.value)
}

// Type is what the help shows for the value.
func (c choice[T]) Type() string {
	const few = 4
	if len(c.words) > few {
		return "word"
	}
	return strings.Join(c.words, "|")
}

// commaWords completes the last of several words.
func commaWords(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := ""
		if i := strings.LastIndex(typed, ","); i >= 0 {
			before = typed[:i+1]
		}
		var fit []string
		for _, w := range words {
			if !slices.Contains(strings.Split(before, ","), w) {
				fit = append(fit, before+w)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// stopped is the error of what the user ended: how far it came, and what now.
func stopped(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errStopped, fmt.Sprintf(format, args...))
}
