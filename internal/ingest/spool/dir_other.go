//go:build !windows

package spool

import (
	"errors"
	"os"
)

// syncDir makes what was created, renamed or removed in a directory last.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
