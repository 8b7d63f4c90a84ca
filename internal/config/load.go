package config

import (
	"cmp"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Need is something that a command cannot do without.
type Need string

// What a command may need.
const (
	NeedDatabase  Need = "database"
	NeedMetaKocka Need = "metakocka"
)

// loader gathers the configuration and what is wrong with it.
type loader struct {
	config   Config
	where    map[string]string // key -> the variable or line that set it
	problems []Problem
}

// Load reads the defaults, then the YAML file at path (or the one that
// MKSYNC_CONFIG names; none is fine), then the environment. Its error is a
// *ConfigError that names everything that is wrong at once.
func Load(path string, environ []string, needs ...Need) (Config, error) {
	l := &loader{config: Default(), where: map[string]string{}}
	if path = Path(path, environ); path != "" {
		l.readFile(path)
	}
	return l.finish(environ, needs)
}

// Parse is Load of a file that is not written yet: name stands for it in what is wrong.
func Parse(name string, text []byte, environ []string, needs ...Need) (Config, error) {
	l := &loader{config: Default(), where: map[string]string{}}
	l.readText(name, text)
	return l.finish(environ, needs)
}

// finish reads the environment, and looks at the whole.
func (l *loader) finish(environ []string, needs []Need) (Config, error) {
	l.readEnvironment(variables(environ))
	l.nameAfterInstance()
	if len(l.where) > 0 {
		l.config.from = l.where
	}
	for _, p := range l.config.problems(needs) {
		l.add(p.Key, l.where[p.Key], p.Text)
	}
	return l.config, invalid(l.problems)
}

// nameAfterInstance calls what is not named otherwise after the instance.
func (l *loader) nameAfterInstance() {
	c := &l.config
	if c.Instance == "" {
		return
	}
	for key, into := range map[string]*string{"slot": &c.Slot, "publication": &c.Publication, "schema": &c.Schema} {
		if l.where[key] == "" {
			*into = c.Names().Base()
		}
	}
}

// Path is where the YAML file is: path, or else what MKSYNC_CONFIG names; empty:
// there is none.
func Path(path string, environ []string) string {
	return cmp.Or(path, variables(environ)[variablePrefix+"CONFIG"])
}

func (l *loader) add(key, where, text string) {
	l.problems = append(l.problems, Problem{Key: key, Where: where, Text: text})
}

// variables are the variables of ours that are set. An empty one counts as not
// set, for that is what compose files and unit files make of a missing value.
func variables(environ []string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, variablePrefix) && value != "" {
			env[name] = value
		}
	}
	return env
}

// readEnvironment applies the variables and reports those nobody knows.
func (l *loader) readEnvironment(env map[string]string) {
	known := []string{variablePrefix + "CONFIG"}
	for _, s := range settings(&l.config) {
		name := Variable(s.key)
		known = append(known, name)
		if s.isSecret() {
			known = append(known, name+"_FILE")
			l.applySecret(s, name, env[name], name+"_FILE", env[name+"_FILE"])
		} else if value := env[name]; value != "" {
			l.apply(s, name, value)
		}
	}
	for _, name := range sortedKeys(env) {
		if !slices.Contains(known, name) && !foreignVariable(name) {
			l.add("", name, "unknown variable"+Suggestion(name, known))
		}
	}
}

// foreignNames match variables with our prefix that others set: the tests, and
// Kubernetes for a service whose name begins with mksync.
var foreignNames = regexp.MustCompile(
	`^MKSYNC_(TEST_.*|(.+_)?(SERVICE_(HOST|PORT)(_.*)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_.*)?)?))$`)

func foreignVariable(name string) bool { return foreignNames.MatchString(name) }

// Foreign is an environment without settings of mksync.
func Foreign(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || foreignVariable(name) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// apply sets one setting from its text.
func (l *loader) apply(s setting, where, value string) {
	l.where[s.key] = where
	if err := s.set(strings.TrimSpace(value)); err != nil {
		l.add(s.key, where, err.Error())
	}
}

// applySecret sets a secret from its text or from the file that holds it.
func (l *loader) applySecret(s setting, where, value, fileWhere, file string) {
	switch {
	case value != "" && file != "":
		l.add(s.key, where, "set together with "+fileWhere+"; keep one of the two")
	case value != "":
		l.apply(s, where, value)
	case file != "":
		l.applySecretFile(s, fileWhere, file)
	}
}

func (l *loader) applySecretFile(s setting, where, file string) {
	l.where[s.key] = where
	text, err := os.ReadFile(file)
	switch {
	case err != nil:
		l.add(s.key, where, err.Error())
	case strings.TrimSpace(string(text)) == "":
		l.add(s.key, where, "the file "+file+" is empty")
	default:
		l.apply(s, where, string(text))
	}
}

// Suggestion names the known word nearest to an unknown one, as the end of a
// sentence; empty when none is near.
func Suggestion(unknown string, known []string) string {
	best, bestDistance := "", max(2, len(unknown)/4)+1
	for _, candidate := range known {
		if d := editDistance(unknown, candidate); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// editDistance is the number of letters to insert, delete or change to make one
// word of the other (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
