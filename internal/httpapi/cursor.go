package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// cursor is a store.Cursor as clients carry it, in base64url, followed by the beginning of its SHA-256, which tells a
// damaged one. It is opaque so that its form may change; it is no secret, and a forged one only gives another page.
type cursor struct {
	Version   uint8
	StartedAt int64
	CallUUID  uuid.UUID
}

const (
	cursorVersion  = 1
	cursorChecksum = 4 // bytes
)

var (
	errCursor      = errors.New("not a cursor")
	cursorEncoding = base64.RawURLEncoding.Strict()
)

func encodeCursor(place store.Cursor) (string, error) {
	id, err := uuid.Parse(place.CallUUID)
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	buf, err := binary.Append(nil, binary.BigEndian, cursor{cursorVersion, int64(place.StartedAt), id})
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	sum := sha256.Sum256(buf)
	return cursorEncoding.EncodeToString(append(buf, sum[:cursorChecksum]...)), nil
}

func decodeCursor(text string) (store.Cursor, error) {
	var c cursor
	size := binary.Size(c)
	buf, err := cursorEncoding.DecodeString(text)
	if err != nil || len(buf) != size+cursorChecksum {
		return store.Cursor{}, errCursor
	}
	sum := sha256.Sum256(buf[:size])
	if !bytes.Equal(sum[:cursorChecksum], buf[size:]) {
		return store.Cursor{}, errCursor
	}
	if _, err = binary.Decode(buf, binary.BigEndian, &c); err != nil || c.Version != cursorVersion {
		return store.Cursor{}, errCursor
	}
	return store.Cursor{StartedAt: dialog.Time(c.StartedAt), CallUUID: c.CallUUID.String()}, nil
}
