package service

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the table of alerts in docs/metrics.md anew")

const (
	rulesFile     = "../../deploy/prometheus/rules.yml"
	rulesTestFile = "../../deploy/prometheus/rules_test.yml"
	dashboardFile = "../../deploy/grafana/mksync.json"
	metricsPage   = "../../docs/metrics.md"
)

// alert is a rule of rulesFile.
type alert struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func rulesOf(t *testing.T) []alert {
	t.Helper()
	text, err := os.ReadFile(rulesFile)
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string
			Rules []alert
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &file))
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

// queries are the expressions of the dashboard.
func queries(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	require.NoError(t, err)
	var board any
	require.NoError(t, json.Unmarshal(text, &board))
	var all []string
	var look func(v any)
	look = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				look(e)
			}
		case map[string]any:
			if source, is := v["datasource"].(map[string]any); is {
				require.Equal(t, "${datasource}", source["uid"], "whoever imports it says where the metrics are")
			}
			for _, asks := range []string{"expr", "definition"} { // of a panel, of a variable
				if query, is := v[asks].(string); is {
					all = append(all, query)
				}
			}
			if v["refId"] != nil {
				require.True(t, v["expr"] != nil || v["query"] != nil, "a panel asks for nothing")
			}
			for _, e := range v {
				look(e)
			}
		}
	}
	look(board)
	require.NotEmpty(t, all)
	return all
}

var (
	selector = regexp.MustCompile(`\b(mksync_[a-z_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	grouping = regexp.MustCompile(`\bby \(([^)]*)\)`)
	series   = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// TestRulesAndDashboardAskForMetricsThatThereAre, with labels that these have, and are
// whole: what opens is closed.
func TestRulesAndDashboardAskForMetricsThatThereAre(t *testing.T) {
	t.Parallel()
	labels := map[string][]string{}
	every := []string{"job", "instance", "le"}
	for _, name := range exposed(t) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
		labels[name] = append(strings.Split(rest, ","), every...)
	}

	exprs := queries(t)
	for _, a := range rulesOf(t) {
		exprs = append(exprs, a.Expr)
	}
	for _, expr := range exprs {
		known := slices.Clone(every)
		require.Regexp(t, `\b(mksync|process)_`, expr)
		for _, found := range selector.FindAllStringSubmatch(expr, -1) {
			name := found[1]
			if labels[name] == nil {
				name = series.ReplaceAllString(name, "")
			}
			require.NotNil(t, labels[name], "%s is no metric: %s", found[1], expr)
			for _, label := range matcher.FindAllStringSubmatch(found[2], -1) {
				require.Contains(t, labels[name], label[1], "%s has no such label: %s", name, expr)
			}
			known = append(known, labels[name]...)
		}
		for _, by := range grouping.FindAllStringSubmatch(expr, -1) {
			for label := range strings.SplitSeq(by[1], ",") {
				require.Contains(t, known, strings.TrimSpace(label), expr)
			}
		}
		for _, pair := range []string{"()", "{}", "[]"} {
			require.Equal(t, strings.Count(expr, pair[:1]), strings.Count(expr, pair[1:]), expr)
		}
	}
}

// TestThePageOfMetricsListsTheAlerts as they are; -update writes them.
func TestThePageOfMetricsListsTheAlerts(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- alerts -->\n", "<!-- /alerts -->\n"
	table := "| alert | when | for | do |\n|---|---|---|---|\n"
	for _, a := range rulesOf(t) {
		require.Contains(t, []string{"critical", "warning", "info"}, a.Labels["severity"], a.Alert)
		require.NotEmpty(t, a.Annotations["summary"], a.Alert)
		require.NotEmpty(t, a.Annotations["description"], a.Alert)
		wait := a.For
		if wait == "" {
			wait = "at once"
		}
		table += fmt.Sprintf("| `%s` (%s) | %s | %s | %s |\n", a.Alert, a.Labels["severity"], a.Annotations["summary"], wait, a.Annotations["description"])
	}

	text, err := os.ReadFile(metricsPage)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	want := before + begin + table + end + after
	if *update {
		require.NoError(t, os.WriteFile(metricsPage, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(text), "go test ./internal/service -run TestThePageOfMetricsListsTheAlerts -update")
}

// TestTheRulesFireWhenTheyShould by Prometheus' own tool, where `make promtool` built it or
// it is installed.
func TestTheRulesFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	tested, err := os.ReadFile(rulesTestFile)
	require.NoError(t, err)
	for _, name := range regexp.MustCompile(`alertname: (\w+)`).FindAllStringSubmatch(string(tested), -1) {
		require.True(t, slices.ContainsFunc(rulesOf(t), func(a alert) bool { return a.Alert == name[1] }), "there is no alert %s", name[1])
	}

	tool, err := filepath.Abs("../../bin/promtool")
	require.NoError(t, err)
	if _, err := os.Stat(tool); err != nil {
		if tool, err = exec.LookPath("promtool"); err != nil {
			t.Skip("promtool is not there: make promtool builds it")
		}
	}
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", rulesTestFile}} {
		out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
}
