package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"webhookd/internal/correlate"
)

// view reads parts of a record. Records are written by EncodeRecord, so a key stands where it always stands, and cannot
// be mistaken for a text: inside of one, its quotes would be escaped. Only what an event needs is read, because reading
// all of it was a sixth of what a webhook cost (docs/performance.md); a record of another form is read whole.
type view struct {
	record []byte
	whole  *correlate.Call
}

// call reads the whole record.
func (v *view) call() (*correlate.Call, error) {
	if v.whole == nil && len(v.record) > 0 {
		var call correlate.Call
		if err := json.Unmarshal(v.record, &call); err != nil {
			return nil, fmt.Errorf("read record: %w", err)
		}
		v.whole = &call
	}
	if v.whole == nil {
		v.whole = &correlate.Call{}
	}
	return v.whole, nil
}

// projectID gives the id of the call's project as a text.
func (v *view) projectID() (string, error) {
	_, rest, found := bytes.Cut(v.record, []byte(`,"project":{"id":`))
	if id, _, ended := bytes.Cut(rest, []byte(`,"name":`)); found && ended && json.Valid(id) {
		if string(id) == "null" {
			return "", nil
		}
		return correlate.ID(id).Text(), nil
	}
	call, err := v.call()
	if err != nil {
		return "", err
	}
	return call.Project.ID.Text(), nil
}

// leg gives a leg as JSON, nil if the call has none of this uuid.
func (v *view) leg(dialogUUID string) ([]byte, error) {
	if dialogUUID == "" {
		return nil, nil
	}
	if _, legs, found := bytes.Cut(v.record, []byte(`,"legs":[`)); found {
		place := bytes.Index(legs, []byte(`{"dialog_uuid":"`+dialogUUID+`"`))
		if place < 0 {
			return nil, nil
		}
		if leg := firstObject(legs[place:]); leg != nil {
			return leg, nil
		}
	}
	call, err := v.call()
	if err != nil {
		return nil, err
	}
	if leg := call.Leg(dialogUUID); leg != nil {
		return leg.AppendJSON(nil), nil
	}
	return nil, nil
}

// firstObject gives the JSON object that text begins with, nil if it does not end. The text is one that was written as
// JSON, so braces outside of texts are all that need be looked at.
func firstObject(text []byte) []byte {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++ // whatever it is, it does not end the text
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			depth--
			if depth == 0 {
				return text[:i+1]
			}
		}
	}
	return nil
}

// Standing is how a record stands, for those who only carry it: its state and how often it was settled. ok is false
// for what is no record.
func Standing(record []byte) (state string, revision int, ok bool) {
	_, rest, found := bytes.Cut(record, []byte(`,"state":"`))
	word, _, closed := bytes.Cut(rest, []byte(`"`))
	at := bytes.LastIndex(record, []byte(`,"revision":`))
	if found && closed && at > 0 {
		digits, _, _ := bytes.Cut(record[at+len(`,"revision":`):], []byte(`,`))
		if n, err := strconv.Atoi(string(digits)); err == nil {
			return string(word), n, true
		}
	}
	var read struct {
		State    string `json:"state"`
		Revision int    `json:"revision"`
	}
	if len(record) == 0 || json.Unmarshal(record, &read) != nil {
		return "", 0, false
	}
	return read.State, read.Revision, true
}
