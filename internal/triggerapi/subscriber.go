package triggerapi

import (
	"encoding/json"
	"fmt"

	"webhookd/internal/store"
)

const fieldSubscriberID = "subscriberId"

// ReadSubscriber reads the body that creates or changes a subscriber. Where the path names the subscriber, id is that
// name, and one in the body must be the same; otherwise id is "". Errors: *InvalidError, ErrMediaType.
func ReadSubscriber(data []byte, contentType, id string) (store.Subscriber, error) {
	read, err := readBody(data, contentType)
	if err != nil {
		return store.Subscriber{}, err
	}
	r := &reader{}
	if id != "" {
		if raw, ok := read.object[fieldSubscriberID]; ok && !isNull(raw) {
			if given, ok := textOf(raw); !ok || given != id {
				r.fault(fieldSubscriberID, "It is not the one in the path.")
			}
		}
		if read.object[fieldSubscriberID], err = json.Marshal(id); err != nil {
			return store.Subscriber{}, fmt.Errorf("encode subscriber's id: %w", err)
		}
	}
	subscriber := r.subscriber(read.object, "")
	return subscriber, r.err()
}

// subscriber reads a subscriber as an object. Keys that are not known are overlooked.
func (r *reader) subscriber(fields object, at string) store.Subscriber {
	return store.Subscriber{
		ID:        r.required(fields, at, fieldSubscriberID, store.MaxKey),
		Email:     r.text(fields, at, "email", MaxText),
		Phone:     r.text(fields, at, "phone", MaxText),
		FirstName: r.either(fields, at, "firstName", "first_name"),
		LastName:  r.either(fields, at, "lastName", "last_name"),
		Locale:    r.text(fields, at, "locale", MaxText),
		Avatar:    r.text(fields, at, "avatar", maxURL),
		Data:      r.object(fields, at, "data"),
	}
}

// either reads a text that goes by two names: Novu's own, and that of its client for Go.
func (r *reader) either(fields object, at, name, other string) string {
	if text := r.text(fields, at, name, MaxText); text != "" {
		return text
	}
	return r.text(fields, at, other, MaxText)
}
