package checkup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"webhookd/internal/doctor"
)

const (
	probes    = 5    // of which the middle one counts
	probeSize = 4096 // bytes
	others    = 0o007
)

// disk looks at a directory, or, where it is not there yet, at the one that it would be made in.
func disk(name, path string) doctor.Disk {
	found := doctor.Disk{Name: name, Path: path}
	dir, err := filepath.Abs(path)
	if err != nil {
		found.Problem = err.Error()
		return found
	}
	info, err := os.Stat(dir)
	for errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
		found.Missing, dir = true, filepath.Dir(dir)
		info, err = os.Stat(dir)
	}
	switch {
	case err != nil:
		found.Problem = plain(err)
		return found
	case !info.IsDir():
		found.Problem = dir + " is no directory"
		return found
	}
	found.Open = info.Mode().Perm()&others != 0
	found.Owner = stranger(info)
	found.Free, found.Total, found.Kind = room(dir)
	if found.Sync, err = probe(dir); err != nil {
		found.Problem, found.Full = plain(err), errors.Is(err, syscall.ENOSPC)
	}
	return found
}

// probe writes a small file some times, each time until it is on disk, and takes it away again. It gives the middle time.
func probe(dir string) (_ time.Duration, err error) {
	file, err := os.CreateTemp(dir, ".webhookd-doctor-*")
	if err != nil {
		return 0, err //nolint:wrapcheck // it is told as it is
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	took := make([]time.Duration, probes)
	for i := range took {
		begun := time.Now()
		if _, err := file.WriteAt(make([]byte, probeSize), int64(i)*probeSize); err != nil {
			return 0, err //nolint:wrapcheck // it is told as it is
		}
		if err := file.Sync(); err != nil {
			return 0, err //nolint:wrapcheck // it is told as it is
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return took[probes/2], nil
}

// plain is an error of the file system without the name of our own small file.
func plain(err error) string {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// spoolHolds says how many bytes a spool holds, and how many files in it were set aside; docs/design.md has their names.
func spoolHolds(dir string) (bytes int64, damaged int) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, 0 // what is wrong with the directory is told already
	}
	for _, entry := range entries {
		switch name := entry.Name(); {
		case strings.HasSuffix(name, ".spool.corrupt"):
			damaged++
		case !strings.HasSuffix(name, ".spool") && !strings.HasSuffix(name, ".traces"):
			continue
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes, damaged
}

// readByOthers says whether a file may be read by every user of the machine.
func readByOthers(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o004 != 0
}

func ownerName(uid uint32, lookup func(string) (string, error)) string {
	name, err := lookup(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return fmt.Sprintf("user %d", uid)
	}
	return name
}
