package spool

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const plenty = 1 << 30

// alarms counts what is told as an error.
type alarms struct {
	slog.Handler

	mu   sync.Mutex
	told []string
}

func (a *alarms) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, string(line))
	return len(line), nil
}

func (a *alarms) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.told)
}

func (a *alarms) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(a, &slog.HandlerOptions{Level: slog.LevelError}))
}

// open opens the spool in a directory until the test ends.
func open(t testing.TB, dir string, change func(*Config)) (*Spool, *alarms) {
	t.Helper()
	told := &alarms{}
	cfg := Config{Dir: dir, Limit: plenty, Logger: told.logger()}
	if change != nil {
		change(&cfg)
	}
	s, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, told
}

// record makes the n-th record; some are large, some refused, some odd.
func record(n int) Record {
	r := Record{
		Kind: Webhook, Account: "default", ReceivedAt: time.Date(2026, 1, 15, 10, 0, 0, 1000*n, time.UTC).Truncate(time.Microsecond),
		Body: fmt.Appendf(nil, `{"n":%d,"pad":%q}`, n, strings.Repeat("x", n*37%400)),
	}
	switch n % 7 {
	case 2:
		r.Kind, r.Code, r.Reason, r.Truncated = Refused, "malformed_json", "not JSON: \x00ü", n%2 == 0
		r.Body = append([]byte("\x00\xff"), r.Body...)
	case 4:
		r.Account = strings.Repeat("a", 64)
	case 5:
		r.Body = append(slices.Clone(marker), r.Body...) // it looks like the beginning of a frame
	}
	return r
}

func records(from, count int) []Record {
	made := make([]Record, count)
	for i := range made {
		made[i] = record(from + i)
	}
	return made
}

// drainAll takes everything out, in batches of a size, and gives it.
func drainAll(t testing.TB, s *Spool, size int) []Record {
	t.Helper()
	var all []Record
	for {
		batch, err := s.Read(size, plenty)
		require.NoError(t, err)
		if len(batch.Records) == 0 {
			return all
		}
		all = append(all, batch.Records...)
		require.NoError(t, s.Drained(batch))
	}
}

// segments gives the files of segments in a directory, the oldest first.
func segments(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.spool"))
	require.NoError(t, err)
	return found
}

// copyDir copies a directory as it is on disk, as a kill would leave it.
func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

// failing is a disk that can be made to fail.
type failing struct {
	mu       sync.Mutex
	sync     error
	write    error
	partial  int // bytes that a failing write writes all the same
	truncate error
	create   error
}

func (f *failing) set(change func(*failing)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *failing) mend() {
	f.sync, f.write, f.truncate, f.create, f.partial = nil, nil, nil, nil, 0
}

func (f *failing) open(path string) (file, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.create != nil {
		return nil, f.create
	}
	opened, err := createFile(path)
	return &failingFile{opened, f}, err
}

type failingFile struct {
	file

	disk *failing
}

func (f *failingFile) WriteAt(data []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.write != nil {
		n, err := f.file.WriteAt(data[:min(len(data), f.disk.partial)], at)
		return n, errors.Join(f.disk.write, err)
	}
	return f.file.WriteAt(data, at)
}

func (f *failingFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return errors.Join(f.disk.sync, f.file.Sync())
}

func (f *failingFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.truncate != nil {
		return f.disk.truncate
	}
	return f.file.Truncate(size)
}

// scanAll reads every record in bytes, and where there is damage.
func scanAll(source io.ReaderAt, salt uint64, size int64) (found []Record, offsets []int64, damage []span) {
	s := scanner{source: source, salt: salt, offset: min(headSize, size), end: size}
	for {
		at := s.offset
		r, damaged, err := s.next()
		if damaged != nil {
			damage = append(damage, *damaged)
			at = damaged.to
		}
		if err != nil {
			return found, offsets, damage
		}
		found, offsets = append(found, r), append(offsets, at)
	}
}
