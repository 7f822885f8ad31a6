package triggerapi

import (
	"encoding/json"
	"fmt"
	"strings"

	"webhookd/internal/store"
)

// recipients reads "to": one recipient or a list of them. Nothing is guessed: what is neither a subscriber nor a topic
// refuses the whole trigger.
func (r *reader) recipients(raw json.RawMessage) []Recipient {
	if len(raw) == 0 || isNull(raw) {
		r.fault("to", "It is missing.")
		return nil
	}
	list, ok := listOf(raw)
	if !ok {
		return []Recipient{r.recipient(raw, "to")}
	}
	if len(list) > MaxRecipients {
		r.fault("to", fmt.Sprintf("It has more than %d entries: put the subscribers on a topic.", MaxRecipients))
		return nil
	}
	recipients := make([]Recipient, 0, len(list))
	for i, element := range list {
		recipients = append(recipients, r.recipient(element, index("to", i)))
	}
	return recipients
}

// recipient reads a subscriber's id, a subscriber as an object, or a topic.
func (r *reader) recipient(raw json.RawMessage, at string) Recipient {
	if id, ok := textOf(raw); ok {
		return Recipient{Subscriber: store.Subscriber{ID: r.id(id, at)}}
	}
	fields, ok := objectOf(raw)
	if !ok {
		r.fault(at, "It is neither a subscriber's id nor an object.")
		return Recipient{}
	}
	_, topic := fields["topicKey"]
	_, subscriber := fields["subscriberId"]
	switch kind := r.text(fields, at, "type", MaxText); {
	case strings.EqualFold(kind, "Topic"), kind == "" && topic && !subscriber:
		return r.topic(fields, at)
	case kind == "", strings.EqualFold(kind, "Subscriber"):
		return Recipient{Subscriber: r.subscriber(fields, at)}
	default:
		r.fault(join(at, "type"), "It is neither Subscriber nor Topic.")
		return Recipient{}
	}
}

func (r *reader) topic(fields object, at string) Recipient {
	if raw, ok := fields["exclude"]; ok && !isNull(raw) {
		// To overlook it would send something to somebody who must not get it.
		r.fault(join(at, "exclude"), "Leaving subscribers of a topic out is not possible here.")
	}
	return Recipient{Topic: r.required(fields, at, "topicKey", store.MaxKey)}
}

// id checks a subscriber's id.
func (r *reader) id(id, at string) string {
	switch fault := unfit(id, store.MaxKey); {
	case fault != "":
		r.fault(at, fault)
	case strings.TrimSpace(id) == "":
		r.fault(at, "It is empty.")
	default:
		return id
	}
	return ""
}
