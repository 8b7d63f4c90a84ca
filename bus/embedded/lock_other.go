//go:build !unix

package embedded

import (
	"context"
	"os"
)

// acquire opens the file; where there are no advisory locks, one server for each directory
// is up to the user.
func acquire(_ context.Context, path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, private)
}

func locked(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
