package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// Kind says what a record is.
type Kind byte

// The kinds of records. The numbers are in the files.
const (
	Webhook Kind = 1 // a body that can be read, for the journal
	Refused Kind = 2 // a body for quarantine, with the reason
)

// Record is one body that waits for the database.
type Record struct {
	Kind       Kind
	Account    string
	ReceivedAt time.Time // arrival, UTC, microseconds
	Code       string    // of Refused: why, machine-readable
	Reason     string    // of Refused: why, for people
	Truncated  bool      // of Refused: Body is only the beginning of what was sent
	Body       []byte

	// Traceparent is the trace (W3C Trace Context) that a Webhook is part of; "" for none. It may get lost, as nothing else
	// here may.
	Traceparent string
}

const (
	frameHead  = 12       // bytes before the payload
	maxPayload = 64 << 20 // bytes; a length above it is damage
)

// marker begins every frame. Its first byte never occurs in UTF-8.
var marker = []byte{0xF7, 'w', 'h', 'r'}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is that of a frame of the segment with this salt, at this offset.
func checksum(salt uint64, offset int64, payload []byte) uint32 {
	var head [20]byte
	binary.BigEndian.PutUint64(head[0:], salt)
	binary.BigEndian.PutUint64(head[8:], uint64(offset))        //nolint:gosec // an offset is not negative
	binary.BigEndian.PutUint32(head[16:], uint32(len(payload))) //nolint:gosec // bounded by maxPayload
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, payload)
}

// appendFrame adds a record's frame, which will stand at this offset of the file.
func (r *Record) appendFrame(to []byte, salt uint64, offset int64) []byte {
	start := len(to)
	to = append(to, marker...)
	to = append(to, make([]byte, frameHead-len(marker))...)
	to = r.appendPayload(to)
	head, payload := to[start:start+frameHead], to[start+frameHead:]
	binary.BigEndian.PutUint32(head[4:], uint32(len(payload))) //nolint:gosec // bounded by maxPayload
	binary.BigEndian.PutUint32(head[8:], checksum(salt, offset, payload))
	return to
}

func (r *Record) appendPayload(to []byte) []byte {
	to = append(to, byte(r.Kind))
	to = binary.BigEndian.AppendUint64(to, uint64(r.ReceivedAt.UnixMicro()))
	to = appendText(to, r.Account)
	if r.Kind == Refused {
		var flags byte
		if r.Truncated {
			flags = flagTruncated
		}
		to = append(to, flags)
		to = appendText(to, r.Code)
		to = appendText(to, r.Reason)
	}
	return append(to, r.Body...)
}

const flagTruncated = 1

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

var errPayload = errors.New("payload cannot be read")

// parsePayload reads a payload whose checksum is right. The body is copied.
func parsePayload(data []byte) (Record, error) {
	const fixed = 1 + 8
	if len(data) < fixed {
		return Record{}, errPayload
	}
	r := Record{
		Kind:       Kind(data[0]),
		ReceivedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(data[1:]))).UTC(), //nolint:gosec // as it was written
	}
	var ok bool
	rest := data[fixed:]
	if r.Account, rest, ok = cutText(rest); !ok {
		return Record{}, errPayload
	}
	switch r.Kind {
	case Webhook:
	case Refused:
		if len(rest) == 0 || rest[0] > flagTruncated {
			return Record{}, errPayload
		}
		r.Truncated, rest = rest[0] == flagTruncated, rest[1:]
		if r.Code, rest, ok = cutText(rest); !ok {
			return Record{}, errPayload
		}
		if r.Reason, rest, ok = cutText(rest); !ok {
			return Record{}, errPayload
		}
	default:
		return Record{}, errPayload
	}
	r.Body = bytes.Clone(rest)
	return r, nil
}

func cutText(data []byte) (text string, rest []byte, ok bool) {
	length, n := binary.Uvarint(data)
	if n <= 0 || length > uint64(len(data)-n) { //nolint:gosec // n is at most len(data)
		return "", nil, false
	}
	end := n + int(length) //nolint:gosec // at most len(data)
	return string(data[n:end]), data[end:], true
}
