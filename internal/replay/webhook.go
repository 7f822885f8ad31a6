package replay

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"webhookd/internal/dialog"
)

// Webhook is one webhook to be sent. As a recorded request it stands in a file as
//
//	{"received_at": "2026-01-15T10:00:00.25Z", "account": "default", "headers": {"Content-Type": "application/json"},
//	 "body": {"event_name": "dialog_create", …}}
//
// received_at is RFC 3339, and body the JSON that was posted, or a text if it was none; body_base64 stands in place of
// body where that was not even UTF-8. The account and the headers may be left out. A line is a recorded request if it
// is a JSON object with received_at and one of the bodies; any other line is a bare body.
type Webhook struct {
	Where   string            // "calls.ndjson:12"
	At      time.Time         // received_at, or the event_time of a bare body; zero if there is none
	Account string            // "" if the line names none
	Headers map[string]string // nil for a bare body
	Body    []byte
	// Recorded says that the line was a recorded request, and no bare body.
	Recorded bool

	dialogUUID string
}

// Reader reads webhooks from NDJSON.
type Reader struct {
	in   *bufio.Reader
	name string
	line int
}

// NewReader reads from r; name is what errors call it.
func NewReader(r io.Reader, name string) *Reader {
	const buffer = 64 << 10
	return &Reader{in: bufio.NewReaderSize(r, buffer), name: name}
}

// Next gives the next webhook, and io.EOF after the last.
func (r *Reader) Next() (Webhook, error) {
	for {
		line, err := r.in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return Webhook{}, fmt.Errorf("read %s: %w", r.name, err)
		}
		r.line++
		if line = bytes.TrimSpace(line); len(line) > 0 {
			webhook, err := parse(line)
			webhook.Where = fmt.Sprintf("%s:%d", r.name, r.line)
			if err != nil {
				return Webhook{}, fmt.Errorf("read %s: %w", webhook.Where, err)
			}
			return webhook, nil
		}
		if err != nil {
			return Webhook{}, io.EOF
		}
	}
}

// Count gives the number of webhooks in r without reading them closely.
func Count(r io.Reader) (int64, error) {
	in := bufio.NewReader(r)
	count, blank := int64(0), true
	for {
		part, err := in.ReadSlice('\n')
		blank = blank && len(bytes.TrimSpace(part)) == 0
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if !blank {
			count++
		}
		blank = true
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, fmt.Errorf("count webhooks: %w", err)
		}
	}
}

// recorded is a recorded request as it stands in a file.
type recorded struct {
	ReceivedAt string            `json:"received_at"`
	Account    string            `json:"account"`
	Headers    map[string]string `json:"headers"`
	Body       json.RawMessage   `json:"body"`
	BodyBase64 *string           `json:"body_base64"`
}

// bare is what a body says about when and where it belongs.
type bare struct {
	EventTime  any `json:"event_time"`
	DialogUUID any `json:"dialog_uuid"`
}

func parse(line []byte) (Webhook, error) {
	var fields map[string]json.RawMessage
	// What is no JSON object has no fields, and so is no recorded request.
	_ = json.Unmarshal(line, &fields)
	if !isRecorded(fields) {
		return parseBare(line), nil
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	var request recorded
	if err := decoder.Decode(&request); err != nil {
		return Webhook{}, fmt.Errorf("recorded request: %w", err)
	}
	at, err := time.Parse(time.RFC3339, request.ReceivedAt)
	if err != nil {
		return Webhook{}, fmt.Errorf("recorded request: received_at %q is not RFC 3339", request.ReceivedAt)
	}
	body, err := request.body()
	if err != nil {
		return Webhook{}, err
	}
	webhook := parseBare(body)
	webhook.At, webhook.Account, webhook.Headers, webhook.Recorded = at, request.Account, request.Headers, true
	return webhook, nil
}

func isRecorded(fields map[string]json.RawMessage) bool {
	_, at := fields["received_at"]
	_, body := fields["body"]
	_, encoded := fields["body_base64"]
	return at && (body || encoded)
}

func (r recorded) body() ([]byte, error) {
	switch {
	case r.BodyBase64 != nil && r.Body != nil:
		return nil, errors.New("recorded request: both body and body_base64")
	case r.BodyBase64 != nil:
		body, err := base64.StdEncoding.DecodeString(*r.BodyBase64)
		if err != nil {
			return nil, fmt.Errorf("recorded request: body_base64: %w", err)
		}
		return body, nil
	case len(r.Body) > 0 && r.Body[0] == '"':
		var text string
		if err := json.Unmarshal(r.Body, &text); err != nil {
			return nil, fmt.Errorf("recorded request: body: %w", err)
		}
		return []byte(text), nil
	default:
		return r.Body, nil
	}
}

func parseBare(body []byte) Webhook {
	var known bare
	// A body that is no JSON object is sent all the same: to see what the service says is a use of a replay.
	_ = json.Unmarshal(body, &known)
	webhook := Webhook{Body: body}
	if text, ok := known.EventTime.(string); ok {
		if at, err := dialog.ParseTime(text); err == nil {
			webhook.At = at.Time()
		}
	}
	webhook.dialogUUID, _ = known.DialogUUID.(string)
	return webhook
}
