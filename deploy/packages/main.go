// Command packages prints what nfpm makes the packages of this machine from: the section
// nfpms of .goreleaser.yaml, in which goreleaser fills in the rest for a release.
//
//	go run ./deploy/packages VERSION ARCH BINARY
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) != 3 { //nolint:mnd // as its usage says
		return errors.New("usage: packages VERSION ARCH BINARY")
	}
	text, err := os.ReadFile(".goreleaser.yaml")
	if err != nil {
		return err
	}
	described, err := describe(text, args[0], args[1], args[2])
	if err != nil {
		return fmt.Errorf(".goreleaser.yaml: %w", err)
	}
	return yaml.NewEncoder(out).Encode(described)
}

// describe is nfpm's description of a package with the binary.
func describe(release []byte, version, arch, binary string) (map[string]any, error) {
	var r struct {
		Name  string           `yaml:"project_name"`
		NFPMs []map[string]any `yaml:"nfpms"`
	}
	if err := yaml.Unmarshal(release, &r); err != nil {
		return nil, err
	}
	if len(r.NFPMs) != 1 {
		return nil, fmt.Errorf("there are %d nfpms, and one is known what to do with", len(r.NFPMs))
	}

	d := r.NFPMs[0]
	delete(d, "formats") // which are goreleaser's alone
	d["name"] = r.Name
	d["platform"] = "linux"
	d["arch"] = arch
	d["version"] = version

	contents, _ := d["contents"].([]any)
	d["contents"] = append(contents, map[string]any{
		"src": binary, "dst": "/usr/bin/" + r.Name, "file_info": map[string]any{"mode": 0o755},
	})
	return d, nil
}
