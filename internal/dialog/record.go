package dialog

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strings"
)

// Record is what the PBX itself keeps of one dialog that is over: one element of what GET /cdr_dialog answers (the PBX's
// documentation, "CDR Dialog"). Times are UTC; zero means that the record has none, for example no Serve where nobody
// spoke.
type Record struct {
	DialogUUID string // lower case
	Start      Time   // start_time: the dialog was created; never zero
	Ring       Time   // ring_time: ringing could be heard
	Alert      Time   // alert_time
	Answer     Time   // answer_time: it was picked up, technically; on an inbound call's first leg by the system
	Serve      Time   // serve_time: the conversation began
	Hangup     Time   // hangup_time; zero while the dialog goes on
	EndCause   string // business_end_cause, in the words of close_cause; as written
	// Told holds what the record tells of the dialog, by Field, where it has it in the form in which webhooks have it; ""
	// is "not told".
	Told [FieldCount]string
	// Unusable names the fields that hold a value of the wrong type or form. They count as absent.
	Unusable []string
	// SHA256 is over the record as received.
	SHA256 [32]byte
}

// Codes of [Error] that only records have.
const (
	CodeMissingStartTime = "missing_start_time"
	CodeHangupBefore     = "hangup_before_start"
)

// DecodeRecord reads a record. The error, if any, is an *Error: a record without a dialog or a beginning can be placed
// nowhere, and one that ends before it begins is not believed. Texts are read as [Decode] reads them.
func DecodeRecord(body []byte) (Record, error) {
	record := Record{SHA256: sha256.Sum256(body)}
	trimmed := bytes.Trim(body, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return record, &Error{CodeEmptyBody, "the record is empty; it is a JSON object"}
	case !json.Valid(trimmed):
		return record, &Error{CodeMalformedJSON, "the record is not valid JSON: " + syntaxError(trimmed)}
	case trimmed[0] != '{':
		return record, &Error{CodeNotAnObject, "the record is JSON, but not an object"}
	}
	var w Webhook
	r := reader{webhook: &w}
	times := map[string]*Time{
		"start_time": &record.Start, "ring_time": &record.Ring, "alert_time": &record.Alert,
		"answer_time": &record.Answer, "serve_time": &record.Serve, "hangup_time": &record.Hangup,
	}
	members(trimmed, func(key string, value []byte) {
		switch at := times[key]; {
		case at != nil:
			*at = r.recordTime(key, value)
		case key == "business_end_cause":
			record.EndCause = r.plain(key, value)
		case key == "dialog_uuid":
			r.top(key, value)
		default:
			r.field(key, value)
		}
	})
	record.DialogUUID, record.Told, record.Unusable = w.DialogUUID, w.Told, w.Unusable
	if record.Told[CallerDialogUUID] == record.DialogUUID {
		record.Told[CallerDialogUUID] = "" // as with webhooks: it says that it is a root
	}
	err := record.check(r.rawUUID)
	return record, err
}

func (r *Record) check(rawUUID []byte) error {
	switch {
	case r.DialogUUID == "" && absent(rawUUID):
		return &Error{CodeMissingDialogUUID, "dialog_uuid is missing: the record cannot be placed without it"}
	case r.DialogUUID == "":
		return &Error{
			CodeInvalidDialogUUID, "dialog_uuid is no UUID of the form 8-4-4-4-12 (found " + shape(rawUUID) + ")",
		}
	case r.Start.IsZero():
		return &Error{CodeMissingStartTime, "start_time is missing or no time: the record cannot be placed without it"}
	case !r.Hangup.IsZero() && r.Hangup < r.Start:
		return &Error{CodeHangupBefore, "hangup_time is before start_time"}
	}
	return nil
}

// noTime is how some databases write a time that is not there.
const noTime = "0000-00-00 00:00:00"

func (r *reader) recordTime(key string, value []byte) Time {
	written := strings.TrimSpace(r.plain(key, value))
	if written == "" || written == noTime {
		return 0
	}
	at, err := ParseTime(written)
	if err != nil {
		r.unusable(key)
	}
	return at
}
