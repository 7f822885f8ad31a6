package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

const (
	segmentHead   = "webhookd spool 1" // the first bytes of a segment
	headSize      = int64(len(segmentHead))
	segmentName   = "%016d-%016x" + segmentEnding
	segmentEnding = ".spool"
	setAsideName  = ".corrupt" // follows the name of a segment that is damaged
)

var segmentForm = regexp.MustCompile(`^(\d{16,20})-([0-9a-f]{16})\.spool(\.corrupt)?$`)

// segment is one file of records. All but its identity is guarded by Spool.mu.
type segment struct {
	number uint64
	salt   uint64
	path   string

	start   int64 // where draining goes on
	end     int64 // what is on disk for certain; nothing beyond it is read
	traced  int64 // bytes of the file with its traces; 0 if there is none
	damaged bool
}

func newSegment(dir string, number, salt uint64) *segment {
	name := fmt.Sprintf(segmentName, number, salt)
	return &segment{number: number, salt: salt, path: filepath.Join(dir, name), start: headSize, end: headSize}
}

// parseSegmentName reads the name of a file; ok is false for a file that is no segment.
func parseSegmentName(name string) (number, salt uint64, setAside, ok bool) {
	parts := segmentForm.FindStringSubmatch(name)
	if parts == nil {
		return 0, 0, false, false
	}
	number, err := strconv.ParseUint(parts[1], 10, 64)
	if err != nil {
		return 0, 0, false, false
	}
	salt, err = strconv.ParseUint(parts[2], 16, 64)
	return number, salt, parts[3] != "", err == nil
}

// checkHead says whether a segment begins as it should.
func checkHead(source io.ReaderAt) bool {
	var head [headSize]byte
	n, err := source.ReadAt(head[:], 0)
	return (err == nil || errors.Is(err, io.EOF)) && string(head[:n]) == segmentHead
}

// file is what a segment is written through. Tests put failing ones in its place.
type file interface {
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

func createFile(path string) (file, error) {
	created, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err // not the nil *os.File: the interface would not be nil
	}
	return created, nil
}
