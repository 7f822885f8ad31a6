package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// recover finds the segments that an earlier process left.
func (s *Spool) recover() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	last := s.position.last
	s.number = last.segment
	names := map[string]bool{}
	for _, entry := range entries {
		names[entry.Name()] = true
	}
	for _, entry := range entries {
		number, salt, setAside, ok := parseSegmentName(entry.Name())
		if !ok {
			if of, is := tracesOf(entry.Name()); is && !names[of] {
				s.dropStray(filepath.Join(s.cfg.Dir, entry.Name()))
			}
			continue
		}
		s.number = max(s.number, number)
		if setAside {
			s.stats.Damaged++
			s.cfg.Logger.Error("a damaged spool segment lies in the spool directory; what could be read of it was drained",
				"file", entry.Name())
			continue
		}
		found := newSegment(s.cfg.Dir, number, salt)
		if found.number == last.segment && last.offset > headSize {
			found.start = last.offset
		}
		s.segments = append(s.segments, found)
	}
	slices.SortFunc(s.segments, func(a, b *segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	for i, found := range s.segments {
		if err := s.survey(found, i == len(s.segments)-1); err != nil {
			return err
		}
	}
	if s.stats.Records > 0 {
		s.cfg.Logger.Info("the spool holds webhooks of an earlier run", "records", s.stats.Records,
			"bytes", s.stats.Bytes, "oldest", s.oldest)
	}
	return nil
}

// survey reads a segment once. The newest one may have ended in the middle of a write.
func (s *Spool) survey(found *segment, newest bool) error {
	opened, err := openInput(found)
	if err != nil {
		return err
	}
	defer opened.close()
	info, err := opened.file.Stat()
	if err != nil {
		return err
	}
	found.end = info.Size()
	if found.start > found.end {
		found.start = min(headSize, found.end)
	}
	if beside, err := os.Stat(found.tracesPath()); err == nil {
		found.traced = beside.Size()
	}
	opened.offset, opened.end = found.start, found.end
	for {
		record, damaged, err := opened.next()
		if damaged != nil && newest && errors.Is(err, io.EOF) && opened.unfinished(*damaged) {
			if err := s.cut(found, *damaged); err != nil {
				return err
			}
			damaged = nil
		}
		if damaged != nil {
			s.damage(found, *damaged)
		}
		if err != nil {
			break
		}
		s.stats.Records++
		if s.oldest.IsZero() {
			s.oldest = record.ReceivedAt
		}
	}
	opened.end = found.end
	if !checkHead(opened.file) {
		if head := (span{0, min(headSize, found.end)}); !newest || found.end >= headSize && !opened.unfinished(head) {
			s.damage(found, head)
		}
	}
	s.stats.Bytes += found.end + found.traced
	return nil
}

// cut takes an unfinished end off a segment.
func (s *Spool) cut(found *segment, torn span) error {
	s.cfg.Logger.Warn("cut an unfinished write off the spool; its webhooks were not acknowledged",
		"file", found.path, "offset", torn.from, "bytes", torn.to-torn.from)
	writer, err := os.OpenFile(found.path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(writer.Truncate(torn.from), writer.Sync(), writer.Close()); err != nil {
		return fmt.Errorf("cut off unfinished write: %w", err)
	}
	found.end = torn.from
	return nil
}

// damage tells of damage, and that the segment must not be removed.
func (s *Spool) damage(found *segment, at span) {
	s.cfg.Logger.Error("spool segment is damaged; the rest of it is used, and the file is kept",
		"file", found.path, "offset", at.from, "bytes", at.to-at.from)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !found.damaged {
		found.damaged = true
		s.stats.Damaged++
	}
}
