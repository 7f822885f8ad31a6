package spool

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
)

// Append writes records to the end and returns when they are on disk: one write, one fsync. Either all of them are kept,
// or an error says that none is. It returns [ErrFull] beyond the limit, ErrClosed, and the errors of the file system;
// after those a new file is begun.
func (s *Spool) Append(records []Record) error {
	s.appending.Lock()
	defer s.appending.Unlock()
	err := s.append(records)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = err
	if err != nil {
		s.stats.Errors++
		return fmt.Errorf("append to spool: %w", err)
	}
	return nil
}

func (s *Spool) append(records []Record) error {
	if len(records) == 0 {
		return nil
	}
	if s.closed.Load() {
		return ErrClosed
	}
	target, fresh := s.active, s.active == nil || s.active.end >= s.segmentSize
	var buffer, entries []byte
	if fresh {
		var salt [8]byte
		_, _ = rand.Read(salt[:]) // it never fails
		target = newSegment(s.cfg.Dir, s.number+1, binary.BigEndian.Uint64(salt[:]))
		target.end = 0
		buffer = append(buffer, segmentHead...)
	}
	for i := range records {
		at := target.end + int64(len(buffer))
		entries = records[i].appendTrace(entries, target.salt, at)
		buffer = records[i].appendFrame(buffer, target.salt, at)
	}
	if !s.fits(int64(len(buffer) + len(entries))) {
		return ErrFull
	}
	if fresh {
		if err := s.begin(target, buffer); err != nil {
			return err
		}
	} else if err := writeAndSync(s.output, buffer, target.end); err != nil {
		s.abandon()
		return err
	}
	s.grow(target, buffer, records, s.keepTraces(target, entries))
	return nil
}

func (s *Spool) fits(size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats.Bytes+size <= s.cfg.Limit
}

// grow lets the records be drained: they are on disk. traced is how many bytes of traces were written.
func (s *Spool) grow(target *segment, written []byte, records []Record, traced int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if target.end == 0 {
		s.segments = append(s.segments, target)
	}
	target.end += int64(len(written))
	target.traced += traced
	s.stats.Bytes += int64(len(written)) + traced
	s.stats.Appended += int64(len(records))
	s.stats.Records += int64(len(records))
	if s.oldest.IsZero() {
		s.oldest = records[0].ReceivedAt
	}
}

// begin makes a new segment with its first records.
func (s *Spool) begin(target *segment, buffer []byte) error {
	s.release()
	s.number = target.number // also if this fails: a name is used once
	output, err := s.create(target.path)
	if err != nil {
		return err
	}
	if err = writeAndSync(output, buffer, 0); err == nil {
		err = syncDir(s.cfg.Dir)
	}
	if err != nil {
		_ = output.Close()
		_ = os.Remove(target.path) // what stays of it was never acknowledged
		return err
	}
	s.active, s.output = target, output
	return nil
}

func writeAndSync(output file, buffer []byte, at int64) error {
	if _, err := output.WriteAt(buffer, at); err != nil {
		return err
	}
	return output.Sync()
}

// abandon gives the active segment up after a failed write: what the disk made of it nobody knows, so it is cut back to
// what was on disk before, as far as that can be done, and never written to again.
func (s *Spool) abandon() {
	if err := s.output.Truncate(s.active.end); err == nil {
		err = s.output.Sync()
		if err != nil {
			s.cfg.Logger.Error("spool file could not be cut back", "file", s.active.path, "error", err)
		}
	} else {
		s.cfg.Logger.Error("spool file could not be cut back", "file", s.active.path, "error", err)
	}
	s.release()
}

// release closes the active segment's files; the next Append begins another.
func (s *Spool) release() {
	if s.output != nil {
		_ = s.output.Close() // everything in it that counts was synced
	}
	if s.beside != nil {
		_ = s.beside.Close()
	}
	s.active, s.output, s.beside = nil, nil, nil
}
