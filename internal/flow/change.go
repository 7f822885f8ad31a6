package flow

import (
	"encoding/json"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

// Change is what one journal entry did to one call: the call's record afterwards and the events that tell of it, in
// order. The outbox keeps changes; [Messages] makes the NATS messages from one.
type Change struct {
	Account string
	// CallUUID is the subject of the events; where action events have no call, the id of the trigger that made them.
	CallUUID string
	// Record is the call's record after the change as readers see it, with seq, revision and updated_at. It is empty only
	// where action events have no call.
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

	// Traceparent is the trace (W3C Trace Context) of what led to the event; "" if it is not traced.
	Traceparent string `json:"traceparent,omitempty"`

	// What follows is of action events: those that a handler's actions make (internal/trigger). They have no seq, for
	// they are not part of their call's count, and their Change need not have a record.

	// Goflow is the JSON object of goflow's keys beside uuid, type and created_on.
	Goflow json.RawMessage `json:"goflow,omitempty"`
	// Trigger is event_data.trigger: what made the event. An event that has it is an action event.
	Trigger json.RawMessage `json:"trigger,omitempty"`
	// Payload is event_data.payload: what the trigger was given over the API, if anything.
	Payload json.RawMessage `json:"payload,omitempty"`
}

// Message is one NATS message, ready to be published.
type Message struct {
	Subject string
	ID      string            // the event's uuid; goes into Nats-Msg-Id
	Header  map[string]string // Nats-Msg-Id, the CloudEvents attributes, and HeaderTraceparent if there is a trace
	Body    []byte
}
