package replay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// Record writes a webhook as a recorded request, one line, so that a [Reader] gives the same bytes back. Headers are
// those that are given; of a webhook from the journal there are none.
func Record(w io.Writer, webhook Webhook) error {
	line := append([]byte(`{"received_at":"`), webhook.At.UTC().Format(time.RFC3339Nano)...)
	line = append(line, '"')
	var err error
	if webhook.Account != "" {
		if line, err = appendJSON(append(line, `,"account":`...), webhook.Account); err != nil {
			return err
		}
	}
	if len(webhook.Headers) > 0 {
		if line, err = appendJSON(append(line, `,"headers":`...), webhook.Headers); err != nil {
			return err
		}
	}
	switch body := webhook.Body; {
	case standsInALine(body):
		line = append(append(line, `,"body":`...), body...)
	case utf8.Valid(body):
		line, err = appendJSON(append(line, `,"body":`...), string(body))
	default:
		line, err = appendJSON(append(line, `,"body_base64":`...), base64.StdEncoding.EncodeToString(body))
	}
	if err != nil {
		return err
	}
	if _, err := w.Write(append(line, '}', '\n')); err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	return nil
}

// standsInALine says whether a body can stand in a line of JSON as it is, and is read back byte for byte.
func standsInALine(body []byte) bool {
	return len(body) > 0 && body[0] != '"' && !bytes.ContainsAny(body, "\r\n") && len(bytes.TrimSpace(body)) == len(body) &&
		utf8.Valid(body) && json.Valid(body)
}

func appendJSON(line []byte, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write recording: %w", err)
	}
	return append(line, text...), nil
}
