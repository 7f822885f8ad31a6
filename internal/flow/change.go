package flow

import (
	"encoding/json"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

// Change is what one journal entry did to one call: the call's record afterwards and the events that tell of it, in
// order. The outbox keeps changes; [Messages] makes the NATS messages from one.
type Change struct {
	Account  string
	CallUUID string
	// Record is the call's record after the change as readers see it, with seq, revision and updated_at.
	Record json.RawMessage
	Events []Event
}

// Event is one event of a change. The JSON here is the outbox's own form; what readers get is a [Message].
type Event struct {
	UUID       string              `json:"uuid"`
	Type       string              `json:"type"`
	Seq        int64               `json:"seq"`
	CreatedOn  dialog.Time         `json:"created_on"`
	Late       bool                `json:"late,omitempty"`
	DialogUUID string              `json:"dialog_uuid,omitempty"`
	From       string              `json:"from,omitempty"`     // call_merged: the call that went into this one
	Transfer   *correlate.Transfer `json:"transfer,omitempty"` // call_transferred
	Number     correlate.Word      `json:"number,omitempty"`   // dial_wait: what is dialled
	NumberE164 correlate.Word      `json:"number_e164,omitempty"`
}

// Message is one NATS message, ready to be published.
type Message struct {
	Subject string
	ID      string            // the event's uuid; goes into Nats-Msg-Id
	Header  map[string]string // Nats-Msg-Id and the CloudEvents attributes
	Body    []byte
}
