package triggerapi

import (
	"encoding/json"

	"webhookd/internal/store"
)

// ReadTrigger reads the body of a trigger. Errors: *InvalidError, ErrMediaType.
func ReadTrigger(data []byte, contentType string) (Request, error) {
	read, err := readBody(data, contentType)
	if err != nil {
		return Request{}, err
	}
	return readTrigger(read.object)
}

func readTrigger(from object) (Request, error) {
	r := &reader{}
	request := r.request(from)
	request.To = r.recipients(from["to"])
	if request.Payload == nil {
		request.Payload = json.RawMessage("{}")
	}
	return request, r.err()
}

// ReadBroadcast reads the body of a broadcast. Errors: *InvalidError, ErrMediaType.
func ReadBroadcast(data []byte, contentType string) (Request, error) {
	read, err := readBody(data, contentType)
	if err != nil {
		return Request{}, err
	}
	r := &reader{}
	request := r.request(read.object)
	if request.Payload == nil {
		// A form cannot say an empty object.
		if raw, ok := read.object["payload"]; !read.form && (!ok || isNull(raw)) {
			r.fault("payload", "It is missing.")
		}
		request.Payload = json.RawMessage("{}")
	}
	return request, r.err()
}

// ReadBulk reads the body of a bulk request: each of its triggers by itself, since one that is wrong does not stop the
// others. Errors: *InvalidError where the body as a whole is wrong, ErrMediaType.
func ReadBulk(data []byte, contentType string) ([]Element, error) {
	read, err := readBody(data, contentType)
	if err != nil {
		return nil, err
	}
	raw, ok := read.object["events"]
	if !ok || isNull(raw) {
		return nil, &InvalidError{Faults: []Fault{{"events", "It is missing."}}}
	}
	events, ok := listOf(raw)
	if !ok {
		return nil, &InvalidError{Faults: []Fault{{"events", "It is no list."}}}
	}
	if len(events) < 1 || len(events) > MaxBulk {
		return nil, malformed("events", "It holds %d triggers; a bulk request has 1 to %d.", len(events), MaxBulk)
	}
	elements := make([]Element, len(events))
	for i, event := range events {
		from, ok := objectOf(event)
		if !ok {
			elements[i].Err = &InvalidError{Faults: []Fault{{"", "The trigger is no object."}}}
			continue
		}
		elements[i].Request, elements[i].Err = readTrigger(from)
	}
	return elements, nil
}

// request reads what triggers and broadcasts have in common.
func (r *reader) request(from object) Request {
	return Request{
		Name:          r.required(from, "", "name", MaxText),
		Payload:       r.object(from, "", "payload"),
		Overrides:     r.object(from, "", "overrides"),
		TransactionID: r.text(from, "", "transactionId", store.MaxKey),
		Actor:         r.actor(from["actor"]),
	}
}

func (r *reader) actor(raw json.RawMessage) *store.Subscriber {
	if len(raw) == 0 || isNull(raw) {
		return nil
	}
	if id, ok := textOf(raw); ok {
		if id == "" {
			return nil
		}
		return &store.Subscriber{ID: r.id(id, "actor")}
	}
	fields, ok := objectOf(raw)
	if !ok {
		r.fault("actor", "It is neither a subscriber's id nor an object.")
		return nil
	}
	subscriber := r.subscriber(fields, "actor")
	return &subscriber
}
