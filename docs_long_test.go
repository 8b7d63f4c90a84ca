package mksync_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var testBody = regexp.MustCompile(`(?ms)^func (Test\w+)\(t \*testing\.T\) \{$(.*?)^\}$`)

// TestTestsAtLengthAreListed: docs/testing.md names each test that the short form leaves
// out, or a part of.
func TestTestsAtLengthAreListed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/testing.md")
	require.NoError(t, err)
	listed := testName.FindAllString(string(page), -1)
	for _, file := range files(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, test := range testBody.FindAllStringSubmatch(string(code), -1) {
			if strings.Contains(test[2], "\tlong.Only(t)\n") && !slices.Contains(listed, test[1]) {
				t.Errorf("%s: %s is not in docs/testing.md", file, test[1])
			}
		}
	}
}
