package dialog

import (
	"encoding/json"
	"slices"
	"strings"
)

// top takes one member of the webhook itself.
func (r *reader) top(key string, value []byte) {
	w := r.webhook
	switch key {
	case "event_name":
		w.EventName = r.plain(key, value)
	case "event_time":
		r.rawTime = value
		w.EventTime = 0
		if !absent(value) && value[0] == '"' {
			w.EventTime, _ = ParseTime(strings.TrimSpace(text(value))) // what is wrong with it is told by check
		}
	case "dialog_uuid":
		r.rawUUID = value
		w.DialogUUID = ""
		if !absent(value) && value[0] == '"' {
			w.DialogUUID, _ = ParseUUID(text(value))
		}
	case "state":
		w.State = strings.ToLower(strings.TrimSpace(r.plain(key, value)))
	case "close_cause":
		w.CloseCause = r.plain(key, value)
	case "meeting_uuid":
		w.MeetingUUID = r.uuid(key, value)
	default:
		r.field(key, value)
	}
}

// field takes a member that may be a field or an object that holds some.
func (r *reader) field(path string, value []byte) {
	if parents[path] {
		switch {
		case absent(value):
		case value[0] == '{':
			members(value, func(key string, inner []byte) { r.field(path+"."+key, inner) })
		default:
			r.unusable(path)
		}
		return
	}
	field, known := byPath[path]
	if !known {
		return
	}
	var told string
	switch fields[field].form {
	case formText:
		told = r.plain(path, value)
	case formWord:
		told = strings.ToUpper(strings.TrimSpace(r.plain(path, value)))
	case formUUID:
		told = r.uuid(path, value)
	case formID:
		told = r.id(path, value)
	}
	r.webhook.Told[field] = told
}

func (r *reader) plain(path string, value []byte) string {
	if absent(value) {
		return ""
	}
	if value[0] != '"' {
		r.unusable(path)
		return ""
	}
	return text(value)
}

func (r *reader) uuid(path string, value []byte) string {
	told := r.plain(path, value)
	if told == "" {
		return ""
	}
	id, ok := ParseUUID(told)
	if !ok {
		r.unusable(path)
	}
	return id
}

// id keeps a number as it is and a text as clean JSON.
func (r *reader) id(path string, value []byte) string {
	if absent(value) {
		return ""
	}
	switch c := value[0]; {
	case c == '"':
		clean, err := json.Marshal(text(value))
		if err != nil { // a string always encodes
			return ""
		}
		return string(clean)
	case c == '-' || c >= '0' && c <= '9':
		return string(value)
	}
	r.unusable(path)
	return ""
}

func (r *reader) unusable(path string) {
	if !slices.Contains(r.webhook.Unusable, path) {
		r.webhook.Unusable = append(r.webhook.Unusable, path)
	}
}
