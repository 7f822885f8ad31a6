package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

const (
	windowSize = 256 << 10 // bytes that are read at once
	blockSize  = 4 << 10   // bytes that are stepped over where the disk gives an error
)

// scanner reads the records of a segment one after the other, and steps over what is damaged.
type scanner struct {
	source io.ReaderAt
	salt   uint64
	offset int64 // of the next frame
	end    int64 // of what may be read

	window []byte // what was read last
	base   int64  // its offset
}

// span is a part of a segment that holds no record where there should be some.
type span struct{ from, to int64 }

// next gives the next record and, if something before it is damaged, where. At the end it gives io.EOF, also with a
// span. It gives no other error: what cannot be read is damaged.
func (s *scanner) next() (Record, *span, error) {
	from := s.offset
	for at := from; ; {
		if at >= s.end {
			s.offset = s.end
			return Record{}, damaged(from, s.end), io.EOF
		}
		record, length, ok := s.frame(at)
		if ok {
			s.offset = at + length
			return record, damaged(from, at), nil
		}
		at = s.find(at + 1)
	}
}

func damaged(from, to int64) *span {
	if from >= to {
		return nil
	}
	return &span{from, to}
}

// frame reads the frame at an offset, if there is a whole one.
func (s *scanner) frame(at int64) (record Record, length int64, ok bool) {
	head, err := s.read(at, frameHead)
	if err != nil || !bytes.Equal(head[:len(marker)], marker) {
		return Record{}, 0, false
	}
	size, sum := int64(binary.BigEndian.Uint32(head[4:])), binary.BigEndian.Uint32(head[8:])
	if size > maxPayload {
		return Record{}, 0, false
	}
	payload, err := s.read(at+frameHead, size)
	if err != nil || checksum(s.salt, at, payload) != sum {
		return Record{}, 0, false
	}
	record, err = parsePayload(payload)
	return record, frameHead + size, err == nil
}

// unfinished says whether the end of a segment looks like a write that a crash cut short: the beginning of a frame, or
// nothing but zeros, which is what a file system may leave after a power failure. Anything else is damage.
func (s *scanner) unfinished(end span) bool {
	size := end.to - end.from
	if size < frameHead {
		return true
	}
	head, err := s.read(end.from, frameHead)
	if err != nil {
		return false
	}
	if bytes.Equal(head[:len(marker)], marker) {
		payload := int64(binary.BigEndian.Uint32(head[4:]))
		return payload <= maxPayload && payload > size-frameHead
	}
	for at := end.from; at < end.to; {
		part, err := s.read(at, min(end.to-at, windowSize))
		if err != nil || len(bytes.TrimLeft(part, "\x00")) > 0 {
			return false
		}
		at += int64(len(part))
	}
	return true
}

// find gives the offset of the next marker at or after an offset, or the end.
func (s *scanner) find(at int64) int64 {
	for at+int64(len(marker)) <= s.end {
		part, err := s.read(at, min(s.end-at, windowSize))
		if err != nil {
			at += blockSize - at%blockSize // what lies in this block is lost
			continue
		}
		if i := bytes.Index(part, marker); i >= 0 {
			return at + int64(i)
		}
		at += int64(len(part) - len(marker) + 1) // a marker may have begun at the end of the part
	}
	return s.end
}

// read gives bytes that are valid until the next read.
func (s *scanner) read(at, size int64) ([]byte, error) {
	if size > s.end-at {
		return nil, io.ErrUnexpectedEOF
	}
	if at >= s.base && at+size <= s.base+int64(len(s.window)) {
		return s.window[at-s.base:][:size], nil
	}
	want := max(size, min(windowSize, s.end-at))
	if int64(cap(s.window)) < want {
		s.window = make([]byte, want)
	}
	s.window, s.base = s.window[:want], at
	n, err := s.source.ReadAt(s.window, at)
	s.window = s.window[:n]
	if int64(n) >= size {
		return s.window[:size], nil // what failed comes later
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}
