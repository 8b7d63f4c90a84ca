package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newManCommand is for those who make packages.
func newManCommand(*cliEnv) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the man pages into a folder",
		Long: "Write a man page of each command into a folder, which is made where it is missing. The pages bear the\n" +
			"day on which they are written, or that of SOURCE_DATE_EPOCH.",
		Example: "  mksync man /usr/local/share/man/man1",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name the one folder that the pages go to")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // a folder that everybody reads
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true

			for _, c := range tree(root) {
				c.Long = preformatted(c.Long)
			}
			header := &doc.GenManHeader{Section: "1", Source: "mksync " + buildVersion(), Manual: "mksync"}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("write the man pages: %w", err)
			}
			return nil
		},
	}
}

var listed = regexp.MustCompile(`(?m)(?:^ +\S.*\n?)+`)

// preformatted sets the lists in a command's help apart, which a man page otherwise fills
// like any text.
func preformatted(help string) string {
	return listed.ReplaceAllStringFunc(help, func(list string) string {
		return "\n" + regexp.MustCompile(`(?m)^ +`).ReplaceAllString(list, "    ") + "\n"
	})
}
