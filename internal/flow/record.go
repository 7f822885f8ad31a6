package flow

import (
	"encoding/json"
	"strconv"
	"time"

	"webhookd/internal/correlate"
)

// Record is a call's record as readers see it: correlate's, and how often it changed.
type Record struct {
	correlate.Call
	// Seq is the number of the last event published about the call.
	Seq int64 `json:"seq"`
	// Revision is 0 until the call is settled, then counts its call_settled events.
	Revision int `json:"revision"`
	// UpdatedAt is the arrival of what changed the record last, RFC 3339 in UTC with up to microseconds.
	UpdatedAt time.Time `json:"updated_at"`
}

// EncodeRecord gives the record's JSON.
func EncodeRecord(call *correlate.Call, seq int64, revision int, updatedAt time.Time) json.RawMessage {
	buf := call.AppendJSON(make([]byte, 0, 1024+640*len(call.Legs)))
	buf = append(buf, `,"seq":`...)
	buf = strconv.AppendInt(buf, seq, 10)
	buf = append(buf, `,"revision":`...)
	buf = strconv.AppendInt(buf, int64(revision), 10)
	buf = append(buf, `,"updated_at":"`...)
	buf = updatedAt.UTC().AppendFormat(buf, time.RFC3339Nano)
	return append(buf, '"', '}')
}
