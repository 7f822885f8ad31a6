//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package checkup

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// locked says whether some process has a lock on a file. It is asked only where a webhookd has the port that a service
// of this set-up would need, so that none that starts just now can be kept from its lock by this.
func locked(path string) (bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err //nolint:wrapcheck // it is told as it is
	}
	defer func() { _ = file.Close() }() // and the lock with it
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err //nolint:wrapcheck // it is told as it is
}
