package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// input is a segment that is open for reading.
type input struct {
	scanner

	segment *segment
	file    *os.File
	traces  traces
	beside  *os.File // that of traces; nil: not opened yet
}

func openInput(from *segment) (*input, error) {
	opened, err := os.Open(from.path)
	if err != nil {
		return nil, err
	}
	return &input{
		scanner: scanner{source: opened, salt: from.salt, offset: from.start}, segment: from, file: opened,
	}, nil
}

func (i *input) close() {
	if i != nil {
		_ = i.file.Close() // it was only read
		if i.beside != nil {
			_ = i.beside.Close()
		}
	}
}

// Batch is what Read gave; Drained wants it back.
type Batch struct {
	Records []Record

	segment *segment
	offset  int64 // behind the last record
}

// Read gives the records that are next, oldest first: at most so many, and no more after so many bytes of bodies. The
// same ones come again until Drained is called. There are none when everything is drained. What is damaged is told in
// the log and stepped over; the errors are those of opening files, and ErrClosed.
func (s *Spool) Read(maxRecords, maxBytes int) (Batch, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	for {
		if s.closed.Load() {
			return Batch{}, fmt.Errorf("read spool: %w", ErrClosed)
		}
		first, end := s.first()
		if first == nil {
			return Batch{}, nil
		}
		if err := s.open(first); err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				return Batch{}, fmt.Errorf("read spool: %w", err)
			}
			s.cfg.Logger.Error("a spool segment has vanished; its webhooks are lost to this process", "file", first.path)
			s.retireIdle(first, end)
			continue
		}
		s.input.end = end
		if batch := s.gather(maxRecords, maxBytes); len(batch.Records) > 0 {
			return batch, nil
		}
		s.retireIdle(first, end)
	}
}

// retireIdle is retire where nobody waits to hear of an error.
func (s *Spool) retireIdle(first *segment, end int64) {
	if _, err := s.retire(first, end); err != nil {
		s.cfg.Logger.Error("spool could not be tidied up", "error", err)
	}
}

func (s *Spool) first() (*segment, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segments) == 0 {
		return nil, 0
	}
	return s.segments[0], s.segments[0].end
}

// open makes the input that of a segment, at the place where draining goes on.
func (s *Spool) open(first *segment) error {
	if s.input == nil || s.input.segment != first {
		s.input.close()
		s.input = nil
		opened, err := openInput(first)
		if err != nil {
			return err
		}
		s.input = opened
	}
	s.input.offset = first.start
	return nil
}

func (s *Spool) gather(maxRecords, maxBytes int) Batch {
	batch := Batch{segment: s.input.segment}
	var offsets []int64
	for size := 0; len(batch.Records) < maxRecords && size < maxBytes; {
		at := s.input.offset
		record, damaged, err := s.input.next()
		if damaged != nil {
			s.noteDamage(s.input.segment, *damaged)
			at = damaged.to
		}
		if err != nil {
			break
		}
		size += len(record.Body)
		batch.Records = append(batch.Records, record)
		batch.offset = s.input.offset
		offsets = append(offsets, at)
	}
	s.recall(batch.Records, offsets)
	return batch
}

// recall gives records of the oldest segment their traces back, if any has one.
func (s *Spool) recall(records []Record, offsets []int64) {
	s.mu.Lock()
	size := s.input.segment.traced
	s.mu.Unlock()
	if size == 0 || len(records) == 0 {
		return
	}
	if s.input.beside == nil {
		opened, err := os.Open(s.input.segment.tracesPath())
		if err != nil {
			s.cfg.Logger.Warn("traces of webhooks in the spool cannot be read; the webhooks can", "error", err)
			return
		}
		s.input.beside, s.input.traces = opened, traces{source: opened, salt: s.input.salt}
	}
	s.input.traces.recall(records, offsets, size)
}

// noteDamage tells of damage that was not there, or not seen, at the start.
func (s *Spool) noteDamage(found *segment, at span) {
	s.mu.Lock()
	known := found.damaged
	s.mu.Unlock()
	if !known {
		s.damage(found, at)
	}
}

// Drained says that the records of a batch are where they belong. The position is on disk when it returns, and files
// that are not needed any more are gone. An error means that after a crash more than this batch may come again; it
// needs no answer.
func (s *Spool) Drained(batch Batch) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.closed.Load() {
		return fmt.Errorf("drain spool: %w", ErrClosed)
	}
	first, end := s.first()
	if first == nil || first != batch.segment {
		return nil // it has vanished
	}
	s.mu.Lock()
	first.start = batch.offset
	s.stats.Drained += int64(len(batch.Records))
	s.stats.Records = max(0, s.stats.Records-int64(len(batch.Records)))
	s.mu.Unlock()
	defer s.look()
	if batch.offset == end {
		if gone, err := s.retire(first, end); gone {
			return err
		}
	}
	return s.position.move(first.number, batch.offset)
}

// Keep says that the file of a batch must not be removed once it is drained: something in it could not be put where it
// belongs. It is set aside instead, as a damaged one is.
func (s *Spool) Keep(batch Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !batch.segment.damaged {
		batch.segment.damaged = true
		s.stats.Damaged++
	}
}

// retire takes the oldest segment away, which is drained up to its end; gone is false if it has grown since.
func (s *Spool) retire(first *segment, end int64) (gone bool, err error) {
	s.appending.Lock()
	defer s.appending.Unlock()
	s.mu.Lock()
	grown, damaged := first.end > end, first.damaged
	if !grown {
		s.segments = s.segments[1:]
		s.stats.Bytes -= first.end + first.traced
		s.failed = nil
		if len(s.segments) == 0 {
			s.stats.Records, s.oldest = 0, time.Time{}
		}
	}
	s.mu.Unlock()
	if grown {
		return false, nil
	}
	if s.active == first {
		s.release()
	}
	s.input.close()
	s.input = nil
	if damaged {
		err = s.setAside(first)
	} else {
		err = os.Remove(first.path)
	}
	_ = os.Remove(first.tracesPath()) // it need not be there, and what stays is removed at the next Open
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = syncDir(s.cfg.Dir)
	}
	if err != nil {
		return true, fmt.Errorf("remove drained spool segment: %w", err)
	}
	return true, nil
}

// setAside keeps a damaged segment under another name. The position is forgotten, so that the segment is read from its
// beginning if somebody mends it and gives it its name back.
func (s *Spool) setAside(drained *segment) error {
	s.cfg.Logger.Error("set a damaged spool segment aside; everything readable in it was drained",
		"file", drained.path+setAsideName)
	if err := s.position.move(0, 0); err != nil {
		return err
	}
	return os.Rename(drained.path, drained.path+setAsideName)
}

// look finds out how old the oldest record is.
func (s *Spool) look() {
	first, end := s.first()
	if first == nil || s.open(first) != nil {
		return // nothing is left, or Read will meet the error
	}
	s.input.end = end
	if record, _, err := s.input.next(); err == nil {
		s.mu.Lock()
		s.oldest = record.ReceivedAt
		s.mu.Unlock()
	}
}
