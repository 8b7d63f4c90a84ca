package main

import (
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is set by the linker in a release: -X main.version=1.2.3.
var version string

// newVersionCommand prints what this binary was built from.
func newVersionCommand(app *cliEnv) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this binary",
		Example: "  mksync version\n  mksync version --json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return app.printJSON(map[string]string{"version": buildVersion(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
			}
			_, err := fmt.Fprintf(app.stdout, "mksync %s (%s %s/%s)\n",
				buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// buildVersion is the version as a semantic version without a v: the linker's,
// else the one that Go took from version control.
func buildVersion() string {
	if version != "" {
		return semantic(version)
	}
	info, ok := debug.ReadBuildInfo()
	if ok && strings.HasPrefix(info.Main.Version, "v") {
		return strings.TrimPrefix(info.Main.Version, "v")
	}
	return "0.0.0-dev"
}

var (
	semanticVersion = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	notInMetadata   = regexp.MustCompile(`[^0-9A-Za-z.-]+`)
)

// semantic is what a build calls itself, as a semantic version: without tags git
// describes it by a commit, and NATS takes no service with that.
func semantic(build string) string {
	v := strings.TrimPrefix(build, "v")
	if semanticVersion.MatchString(v) {
		return v
	}
	return "0.0.0-dev+" + notInMetadata.ReplaceAllString(v, "-")
}
