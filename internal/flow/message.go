package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"webhookd/internal/correlate"
)

// Options are the figures that dial_wait tells a flow engine.
type Options struct {
	RingLimit time.Duration // design §6: how long a call may ring without a word
	CallLimit time.Duration // design §6: how long a connected call may go on without a word
}

// Header names (binary content mode of CloudEvents' NATS binding, and JetStream's de-duplication).
const (
	headerMsgID       = "Nats-Msg-Id"
	headerSpecVersion = "ce-specversion"
	headerID          = "ce-id"
	headerSource      = "ce-source"
	headerType        = "ce-type"
	headerSubject     = "ce-subject"
	headerTime        = "ce-time"
	headerContentType = "content-type"
)

// HeaderTraceparent is the header that carries the trace (W3C Trace Context) of an event.
const HeaderTraceparent = "traceparent"

// Messages makes the NATS messages of a change, one for each event, in order. It returns an error only for a change
// whose record is not one, or an event whose JSON is none (it can then never be sent).
func Messages(change Change, options Options) ([]Message, error) {
	v := &view{record: change.Record}
	project, err := v.projectID()
	if err != nil {
		return nil, fmt.Errorf("make messages of call %s: %w", change.CallUUID, err)
	}
	messages := make([]Message, 0, len(change.Events))
	for i := range change.Events {
		event := &change.Events[i]
		text, err := body(change, v, project, event, options)
		if err != nil {
			return nil, fmt.Errorf("make messages of call %s: %w", change.CallUUID, err)
		}
		messages = append(messages, Message{
			Subject: Subject(change.Account, event.Type),
			ID:      event.UUID,
			Header:  header(change, event),
			Body:    text,
		})
	}
	return messages, nil
}

func header(change Change, event *Event) map[string]string {
	header := map[string]string{
		headerMsgID:       event.UUID,
		headerSpecVersion: "1.0",
		headerID:          event.UUID,
		headerSource:      "/webhookd/" + Token(change.Account),
		headerType:        "webhookd." + event.Type,
		headerSubject:     change.CallUUID,
		headerTime:        event.CreatedOn.String(),
		headerContentType: "application/json",
	}
	if event.Traceparent != "" {
		header[HeaderTraceparent] = event.Traceparent
	}
	return header
}

// body is one JSON object that goflow and Vumi both read: goflow's keys, Vumi's keys, and our own under event_data.
func body(change Change, v *view, project string, event *Event, options Options) ([]byte, error) {
	buf := make([]byte, 0, len(change.Record)+1536)
	buf = append(buf, `{"uuid":`...)
	buf = correlate.AppendText(buf, event.UUID)
	buf = append(buf, `,"type":`...)
	buf = correlate.AppendText(buf, event.Type)
	buf = append(buf, `,"created_on":`...)
	buf = event.CreatedOn.AppendJSON(buf)
	var err error
	if len(event.Trigger) > 0 {
		buf, err = appendMembers(buf, event.Goflow)
	} else {
		buf, err = appendGoflow(buf, v, event, options)
	}
	if err != nil {
		return nil, err
	}
	buf = append(buf, `,"account_key":`...)
	buf = correlate.AppendText(buf, change.Account)
	buf = append(buf, `,"conversation_type":"pbx_project","conversation_key":`...)
	buf = correlate.AppendText(buf, project)
	buf = append(buf, `,"event_type":`...)
	buf = correlate.AppendText(buf, event.Type)
	buf = append(buf, `,"event_data":`...)
	if len(event.Trigger) > 0 {
		buf, err = appendActionData(buf, event)
	} else {
		buf = appendData(buf, change, event)
	}
	if err != nil {
		return nil, err
	}
	buf, err = appendCall(buf, change, v, event)
	return append(buf, '}'), err
}

// appendData begins the event_data of an event of a call.
func appendData(buf []byte, change Change, event *Event) []byte {
	buf = append(buf, `{"seq":`...)
	buf = strconv.AppendInt(buf, event.Seq, 10)
	buf = append(buf, `,"late":`...)
	buf = strconv.AppendBool(buf, event.Late)
	if event.From != "" {
		buf = append(buf, `,"from":`...)
		buf = correlate.AppendText(buf, event.From)
		buf = append(buf, `,"into":`...)
		buf = correlate.AppendText(buf, change.CallUUID)
	}
	if event.Transfer != nil {
		buf = append(buf, `,"transfer":`...)
		buf = event.Transfer.AppendJSON(buf)
	}
	return buf
}

// appendActionData begins the event_data of an action event.
func appendActionData(buf []byte, event *Event) ([]byte, error) {
	for _, part := range []json.RawMessage{event.Trigger, event.Payload} {
		if len(part) > 0 && !json.Valid(part) {
			return nil, fmt.Errorf("event %s: %w", event.UUID, errNoJSON)
		}
	}
	buf = append(buf, `{"trigger":`...)
	buf = append(buf, event.Trigger...)
	if len(event.Payload) > 0 {
		buf = append(buf, `,"payload":`...)
		buf = append(buf, event.Payload...)
	}
	return buf, nil
}

// appendCall ends the event_data with the record and the leg that the event concerns.
func appendCall(buf []byte, change Change, v *view, event *Event) ([]byte, error) {
	if len(change.Record) > 0 {
		buf = append(buf, `,"call":`...)
		buf = append(buf, change.Record...)
	}
	leg, err := v.leg(event.DialogUUID)
	if leg != nil {
		buf = append(buf, `,"dialog":`...)
		buf = append(buf, leg...)
	}
	return append(buf, '}'), err
}

// errNoJSON says that a part of an action event is not what its name says; it can never be sent.
var errNoJSON = errors.New("a part of it is no JSON of the right form")

// appendMembers appends the members of a JSON object, each behind a comma.
func appendMembers(buf []byte, object json.RawMessage) ([]byte, error) {
	object = bytes.TrimSpace(object)
	if len(object) == 0 {
		return buf, nil
	}
	if object[0] != '{' || !json.Valid(object) {
		return nil, errNoJSON
	}
	members := bytes.TrimSpace(object[1 : len(object)-1])
	if len(members) == 0 {
		return buf, nil
	}
	return append(append(buf, ','), members...), nil
}
