package dialog

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
)

// Kind says which dialog webhook it is.
type Kind uint8

// The dialog webhooks (design §2). Other is every other family: it is kept and changes nothing.
const (
	Other Kind = iota
	Create
	StateUpdate
	Close
	Hold
	Resume // dialog_unhold or dialog_resume: the PBX's documentation does not name it
	MeetingEntered
)

// kinds maps event_name, exactly as written.
var kinds = map[string]Kind{
	"dialog_create":          Create,
	"dialog_state_update":    StateUpdate,
	"dialog_close":           Close,
	"dialog_hold":            Hold,
	"dialog_unhold":          Resume,
	"dialog_resume":          Resume,
	"dialog_meeting_entered": MeetingEntered,
}

// Webhook is one webhook, read.
type Webhook struct {
	EventName   string
	Kind        Kind
	EventTime   Time
	DialogUUID  string // lower case; "" for Other
	State       string // lower case, "" if it tells none; may be a word that nobody knows
	CloseCause  string // as written; only of Close
	MeetingUUID string // lower case; only of MeetingEntered
	// Told holds what the webhook tells of the dialog, by Field; "" is "not told".
	Told [FieldCount]string
	// Unusable names the fields that hold a value of the wrong type or form. They count as absent.
	Unusable []string
	// SHA256 is over the body as received.
	SHA256 [32]byte
}

// Codes of [Error].
const (
	CodeEmptyBody         = "empty_body"
	CodeMalformedJSON     = "malformed_json"
	CodeNotAnObject       = "not_an_object"
	CodeMissingDialogUUID = "missing_dialog_uuid"
	CodeInvalidDialogUUID = "invalid_dialog_uuid"
	CodeMissingEventTime  = "missing_event_time"
	CodeInvalidEventTime  = "invalid_event_time"
)

// Error says why a body is no webhook.
type Error struct {
	Code   string // one of the Code constants
	Reason string // for people
}

func (e *Error) Error() string { return e.Reason }

// Decode reads a body. The error, if any, is an *Error. A body of another family (or with no event_name that is a
// text) needs only be a JSON object. Bytes in texts that are not UTF-8, and NUL characters, are read as U+FFFD: one
// garbled name must not lose a call, and the journal keeps the bytes.
func Decode(body []byte) (Webhook, error) {
	w := Webhook{SHA256: sha256.Sum256(body)}
	trimmed := bytes.Trim(body, " \t\r\n")
	if len(trimmed) == 0 {
		return w, &Error{CodeEmptyBody, "the body is empty; a webhook is a JSON object"}
	}
	if !json.Valid(trimmed) {
		return w, &Error{CodeMalformedJSON, "the body is not valid JSON: " + syntaxError(trimmed)}
	}
	if trimmed[0] != '{' {
		return w, &Error{CodeNotAnObject, "the body is JSON, but not an object; a webhook is a JSON object"}
	}
	r := reader{webhook: &w}
	members(trimmed, r.top)
	w.Kind = kinds[w.EventName]
	if w.Kind == Other {
		w.forget()
		return w, nil
	}
	if err := r.check(); err != nil {
		return w, err
	}
	if w.Kind != Close {
		w.CloseCause = ""
	}
	if w.Kind != MeetingEntered {
		w.MeetingUUID = ""
	}
	if w.Told[CallerDialogUUID] == w.DialogUUID {
		w.Told[CallerDialogUUID] = "" // its own uuid says that it is a root (design §4): dropped before merging
	}
	return w, nil
}

// forget drops what a webhook of another family seems to tell of a dialog.
func (w *Webhook) forget() {
	*w = Webhook{EventName: w.EventName, EventTime: w.EventTime, SHA256: w.SHA256}
}

// syntaxError says what is wrong with JSON that is not valid, and where.
func syntaxError(body []byte) string {
	var discard any
	err := json.Unmarshal(body, &discard)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("%v at byte %d", err, syntax.Offset)
	}
	return fmt.Sprint(err)
}

// reader carries a webhook through its members.
type reader struct {
	webhook *Webhook
	rawUUID []byte
	rawTime []byte
}

func (r *reader) check() error {
	w := r.webhook
	switch {
	case w.DialogUUID != "":
	case absent(r.rawUUID):
		return &Error{CodeMissingDialogUUID, "dialog_uuid is missing: " + w.EventName + " cannot be placed without it"}
	default:
		return &Error{
			CodeInvalidDialogUUID,
			"dialog_uuid is no UUID of the form 8-4-4-4-12 (found " + shape(r.rawUUID) + ")",
		}
	}
	switch {
	case !w.EventTime.IsZero():
	case absent(r.rawTime):
		return &Error{CodeMissingEventTime, "event_time is missing: " + w.EventName + " cannot be placed without it"}
	default:
		return &Error{
			CodeInvalidEventTime,
			"event_time is neither YYYY-MM-DD HH:mm:ss (UTC) nor RFC 3339, or a date that does not exist (found " +
				shape(r.rawTime) + ")",
		}
	}
	return nil
}
