package triggerapi

import (
	"encoding/json"
	"fmt"

	"webhookd/internal/store"
)

// ReadTopic reads the body that creates a topic, or, where the path names the topic with key, one that renames it.
// Errors: *InvalidError, ErrMediaType.
func ReadTopic(data []byte, contentType, key string) (Topic, error) {
	read, err := readBody(data, contentType)
	if err != nil {
		return Topic{}, err
	}
	r := &reader{}
	topic := Topic{Key: key}
	if key == "" {
		topic.Key = r.required(read.object, "", "key", store.MaxKey)
		topic.Name = r.text(read.object, "", "name", MaxText)
	} else {
		topic.Name = r.required(read.object, "", "name", MaxText)
	}
	return topic, r.err()
}

// ReadIDs reads the body that puts subscribers on a topic, or takes them off. Errors: *InvalidError, ErrMediaType.
func ReadIDs(data []byte, contentType string) ([]string, error) {
	read, err := readBody(data, contentType)
	if err != nil {
		return nil, err
	}
	r := &reader{}
	ids := r.ids(read.object["subscribers"])
	return ids, r.err()
}

func (r *reader) ids(raw json.RawMessage) []string {
	const field = "subscribers"
	list, ok := listOf(raw)
	switch {
	case len(raw) == 0 || isNull(raw):
		r.fault(field, "It is missing.")
		return nil
	case !ok:
		r.fault(field, "It is no list.")
		return nil
	case len(list) < 1 || len(list) > MaxIDs:
		r.fault(field, fmt.Sprintf("It has %d entries; it may have 1 to %d.", len(list), MaxIDs))
		return nil
	}
	ids := make([]string, 0, len(list))
	for i, element := range list {
		id, ok := textOf(element)
		if !ok {
			r.fault(index(field, i), "It is no text.")
			continue
		}
		ids = append(ids, r.id(id, index(field, i)))
	}
	return ids
}
