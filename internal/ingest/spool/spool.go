package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Errors that callers decide on; use errors.Is.
var (
	// ErrInUse says that another process has the directory.
	ErrInUse = errors.New("another webhookd uses this spool directory")
	// ErrFull says that the spool has reached its limit. Draining makes room.
	ErrFull = errors.New("spool is full")
	// ErrClosed says that the spool was closed.
	ErrClosed = errors.New("spool is closed")
)

const (
	lockName     = "lock"
	positionName = "position"
	probeName    = "probe"

	maxSegmentSize = 16 << 20 // bytes after which a new segment is begun
	minSegmentSize = 64 << 10
	segmentsAtMost = 16 // that the limit is made of, unless they would be too small
)

// Config says where a spool is and how large it may become.
type Config struct {
	Dir    string // made if absent, for this user only; it belongs to one process
	Limit  int64  // bytes that its segments may have together
	Logger *slog.Logger

	create func(path string) (file, error) // tests make the disk fail with it
}

// Spool is a queue of records on disk. Any number of goroutines may append; one drains.
type Spool struct {
	cfg         Config
	create      func(path string) (file, error)
	segmentSize int64
	lock        *os.File
	closed      atomic.Bool

	appending sync.Mutex // held by whoever appends
	active    *segment   // the segment that is appended to; nil: the next Append begins one
	output    file       // its file
	beside    file       // that of its traces; nil: none was written to it yet
	number    uint64     // of the newest segment there ever was

	reading  sync.Mutex // held by whoever drains; taken before appending
	position *positionFile
	input    *input // the oldest segment, opened; nil: not yet

	mu       sync.Mutex // taken last, and never held while the disk is waited for
	segments []*segment // the oldest first
	stats    Stats
	oldest   time.Time // arrival of the first record that is not drained; zero if there is none
	failed   error     // of the last Append, until there is room again
}

// Stats says what a spool holds and did.
type Stats struct {
	Records  int64     // not drained yet
	Bytes    int64     // of the segments on disk
	Oldest   time.Time // arrival of the first record that is not drained, UTC; zero if there is none
	Appended int64     // records since the start
	Drained  int64     // records since the start
	Errors   int64     // appends that failed since the start, those beyond the limit among them
	Damaged  int64     // segments in the directory that are, or were set aside as, damaged
}

// Open opens a spool, or makes it. It sees that the directory can be written to, cuts off what a crash left unfinished,
// and reads everything once, so that damage is told (in the log, and in Stats.Damaged) before it matters. It returns
// [ErrInUse] while another process, or another Spool of this one, has the directory, and the errors of the file system.
func Open(cfg Config) (_ *Spool, err error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Spool{
		cfg: cfg, create: cfg.create,
		segmentSize: min(maxSegmentSize, max(minSegmentSize, cfg.Limit/segmentsAtMost)),
	}
	if s.create == nil {
		s.create = createFile
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make spool directory: %w", err)
	}
	if s.lock, err = openLocked(filepath.Join(cfg.Dir, lockName)); err != nil {
		return nil, fmt.Errorf("lock spool directory %s: %w", cfg.Dir, err)
	}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if err := s.probe(); err != nil {
		return nil, err
	}
	if s.position, err = openPosition(filepath.Join(cfg.Dir, positionName)); err != nil {
		return nil, err
	}
	if err := s.recover(); err != nil {
		return nil, fmt.Errorf("recover spool %s: %w", cfg.Dir, err)
	}
	return s, nil
}

// Check says why the spool could not take anything just now: [ErrFull], or the error of writing a small file beside it.
func (s *Spool) Check() error {
	s.mu.Lock()
	full := errors.Is(s.failed, ErrFull) || s.stats.Bytes >= s.cfg.Limit
	s.mu.Unlock()
	if full {
		return ErrFull
	}
	s.appending.Lock()
	defer s.appending.Unlock()
	if s.closed.Load() {
		return ErrClosed
	}
	return s.probe()
}

// probe writes a file, brings it to disk, and removes it.
func (s *Spool) probe() error {
	path := filepath.Join(s.cfg.Dir, probeName)
	_ = os.Remove(path) // of a start that was cut off
	output, err := s.create(path)
	if err == nil {
		err = errors.Join(writeAndSync(output, make([]byte, blockSize), 0), output.Close())
		err = errors.Join(err, os.Remove(path), syncDir(s.cfg.Dir))
	}
	if err != nil {
		return fmt.Errorf("write to spool directory %s: %w", s.cfg.Dir, err)
	}
	return nil
}

// Stats gives the counts.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Oldest = s.oldest
	return stats
}

// Close closes the files and lets another process have the directory. What is not drained stays.
func (s *Spool) Close() error {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.appending.Lock()
	defer s.appending.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	s.release()
	s.input.close()
	var errs []error
	if s.position != nil {
		errs = append(errs, s.position.file.Close())
	}
	if err := errors.Join(append(errs, s.lock.Close())...); err != nil {
		return fmt.Errorf("close spool: %w", err)
	}
	return nil
}
