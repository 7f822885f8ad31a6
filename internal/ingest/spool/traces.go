package spool

import (
	"encoding/binary"
	"io"
	"os"
	"strings"
)

// A record's trace is not in its frame: every version of the program has to be able to read that. It is in a file beside
// the segment, of entries of one size in the order of the frames:
//
//	8 bytes   offset of the frame in the segment (big-endian)
//	4 bytes   CRC-32C of salt, that offset, length and trace, as a frame's
//	55 bytes  traceparent
//
// Nobody waits until it is on disk, and what is not whole counts for nothing: without its trace a webhook is the same.
const (
	tracesName  = ".traces" // in the place of segmentEnding
	traceLength = 55        // of a traceparent of version 00; there are no others yet
	entryHead   = 8 + 4
	entrySize   = entryHead + traceLength
	entriesRead = 64 // at once
)

// appendTrace adds the entry of a record, if it is traced, whose frame will stand at this offset.
func (r *Record) appendTrace(to []byte, salt uint64, offset int64) []byte {
	if len(r.Traceparent) != traceLength || r.Kind != Webhook {
		return to
	}
	to = binary.BigEndian.AppendUint64(to, uint64(offset)) //nolint:gosec // an offset is not negative
	to = binary.BigEndian.AppendUint32(to, checksum(salt, offset, []byte(r.Traceparent)))
	return append(to, r.Traceparent...)
}

// parseTrace reads an entry; ok is false if it is not whole.
func parseTrace(entry []byte, salt uint64) (offset int64, traceparent string, ok bool) {
	offset = int64(binary.BigEndian.Uint64(entry)) //nolint:gosec // as it was written
	text := entry[entryHead:entrySize]
	return offset, string(text), checksum(salt, offset, text) == binary.BigEndian.Uint32(entry[8:])
}

// traces is the reading end of the file beside a segment.
type traces struct {
	source io.ReaderAt
	salt   uint64
	passed int64 // in the file: entries before it are of records that are drained
}

// recall gives records the traces that they had. offsets are where their frames stand; what is before the first of them
// is not asked for again. size is that of the file.
func (t *traces) recall(records []Record, offsets []int64, size int64) {
	buffer := make([]byte, entriesRead*entrySize)
	next := 0
	for at := t.passed; at+entrySize <= size; {
		n, _ := t.source.ReadAt(buffer[:min(size-at, int64(len(buffer)))], at)
		if n < entrySize {
			return
		}
		for part := buffer[:n]; len(part) >= entrySize; part = part[entrySize:] {
			offset, traceparent, ok := parseTrace(part, t.salt)
			at += entrySize
			if !ok {
				continue
			}
			if offset < offsets[0] {
				t.passed = at
				continue
			}
			for next < len(offsets) && offsets[next] < offset {
				next++
			}
			if next == len(offsets) {
				return
			}
			if offsets[next] == offset {
				records[next].Traceparent = traceparent
			}
		}
	}
}

// tracesPath is the file of a segment's traces, which need not be there.
func (s *segment) tracesPath() string { return strings.TrimSuffix(s.path, segmentEnding) + tracesName }

// tracesOf gives the name of the segment whose traces a file of this name has; ok is false for any other file.
func tracesOf(name string) (segment string, ok bool) {
	beginning, ok := strings.CutSuffix(name, tracesName)
	if !ok {
		return "", false
	}
	segment = beginning + segmentEnding
	return segment, segmentForm.MatchString(segment)
}

// keepTraces writes entries for records that are on disk. A failure costs the traces alone.
func (s *Spool) keepTraces(target *segment, entries []byte) (kept int64) {
	if len(entries) == 0 {
		return 0
	}
	var err error
	if s.beside == nil {
		s.beside, err = s.create(target.tracesPath())
	}
	if err == nil {
		_, err = s.beside.WriteAt(entries, target.traced)
	}
	if err != nil {
		s.cfg.Logger.Warn("traces of webhooks in the spool could not be kept; the webhooks are", "file", target.tracesPath(),
			"error", err)
		return 0
	}
	return int64(len(entries))
}

// dropStray removes a file of traces whose segment is gone: a version drained it that knows nothing of traces, or a crash
// came in between.
func (s *Spool) dropStray(path string) {
	if err := os.Remove(path); err != nil {
		s.cfg.Logger.Warn("traces of drained webhooks could not be removed from the spool", "file", path, "error", err)
	}
}
