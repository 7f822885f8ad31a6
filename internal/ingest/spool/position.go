package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// position is how far draining has come: the offset of the next frame in a segment. Losing it, or finding an older one,
// only makes records come again.
type position struct {
	serial  uint64
	segment uint64 // 0: none
	offset  int64
}

const slotSize = 32

// positionFile holds two slots that are written in turn, in place: a crash while one is written leaves the other, and a
// full disk does not keep a spool from being drained.
type positionFile struct {
	file *os.File
	last position
}

func openPosition(path string) (*positionFile, error) {
	opened, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open position of spool: %w", err)
	}
	p := &positionFile{file: opened}
	var slots [2 * slotSize]byte
	if _, err := opened.ReadAt(slots[:], 0); err != nil && !errors.Is(err, io.EOF) {
		_ = opened.Close()
		return nil, fmt.Errorf("read position of spool: %w", err)
	}
	for i := range 2 {
		if found, ok := parseSlot(slots[i*slotSize:][:slotSize]); ok && found.serial > p.last.serial {
			p.last = found
		}
	}
	return p, nil
}

// move writes a position and returns when it is on disk.
func (p *positionFile) move(segment uint64, offset int64) error {
	next := position{p.last.serial + 1, segment, offset}
	slot := int64(next.serial % 2 * slotSize)
	if err := writeAndSync(p.file, next.slot(), slot); err != nil {
		return fmt.Errorf("write position of spool: %w", err)
	}
	p.last = next
	return nil
}

func (p position) slot() []byte {
	var slot [slotSize]byte
	binary.BigEndian.PutUint64(slot[0:], p.serial)
	binary.BigEndian.PutUint64(slot[8:], p.segment)
	binary.BigEndian.PutUint64(slot[16:], uint64(p.offset)) //nolint:gosec // an offset is not negative
	binary.BigEndian.PutUint32(slot[24:], crc32.Checksum(slot[:24], castagnoli))
	return slot[:]
}

func parseSlot(slot []byte) (position, bool) {
	found := position{
		binary.BigEndian.Uint64(slot[0:]), binary.BigEndian.Uint64(slot[8:]),
		int64(binary.BigEndian.Uint64(slot[16:])), //nolint:gosec // looked at by whoever uses it
	}
	return found, binary.BigEndian.Uint32(slot[24:]) == crc32.Checksum(slot[:24], castagnoli)
}
