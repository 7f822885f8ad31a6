package checkup

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

const errorSharingViolation = syscall.Errno(32)

// locked says whether some process has a file open that nobody else may open meanwhile.
func locked(path string) (bool, error) {
	file, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, errorSharingViolation):
		return true, nil
	case err != nil:
		return false, err
	}
	return false, file.Close()
}
