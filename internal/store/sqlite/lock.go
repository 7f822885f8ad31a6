package sqlite

import (
	"fmt"
	"os"
	"sync"
)

// fileLock holds a file that at most one process, and one holder in it, can hold. The file stays when the lock goes:
// removing it would let two processes lock two files of one name.
type fileLock struct {
	once sync.Once
	file *os.File
	err  error
}

// lockFile takes the lock, or returns ErrInUse.
func lockFile(path string) (*fileLock, error) {
	file, err := openLocked(path)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &fileLock{file: file}, nil
}

func (l *fileLock) release() error {
	l.once.Do(func() { l.err = l.file.Close() })
	return l.err
}
