package correlate

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"webhookd/internal/dialog"
)

// AppendJSON appends the record without its closing brace, so that flow can add what it knows (seq, revision,
// updated_at). Every webhook is written as JSON at least twice, which is why this is not left to reflection; a test
// holds it against encoding/json and the struct's tags.
func (c *Call) AppendJSON(dst []byte) []byte {
	o := object{buf: append(dst, '{')}
	o.text("account", c.Account)
	o.text("call_uuid", c.CallUUID)
	o.text("direction", c.Direction)
	o.text("state", c.State)
	o.flag("connected", c.Connected)
	o.word("connected_basis", c.ConnectedBasis)
	o.word("disposition", c.Disposition)
	o.flag("missed", c.Missed)
	o.word("hangup_by", c.HangupBy)
	o.word("hangup_side", c.HangupSide)
	o.word("hangup_dialog_uuid", c.HangupDialogUUID)
	o.word("hangup_basis", c.HangupBasis)
	o.word("end_basis", c.EndBasis)
	o.time("started_at", c.StartedAt)
	o.time("system_answered_at", c.SystemAnsweredAt)
	o.time("alerting_at", c.AlertingAt)
	o.time("answered_at", c.AnsweredAt)
	o.time("talking_at", c.TalkingAt)
	o.time("ended_at", c.EndedAt)
	o.number("ring_ms", c.RingMS)
	o.number("wait_ms", c.WaitMS)
	o.number("talk_ms", c.TalkMS)
	o.number("hold_ms", c.HoldMS)
	o.number("total_ms", c.TotalMS)
	o.external("external", c.External)
	o.list("consultants", len(c.Consultants), func(i int) { o.consultant(c.Consultants[i]) })
	o.open("project")
	o.id("id", c.Project.ID)
	o.word("name", c.Project.Name)
	o.close()
	o.list("meeting_uuids", len(c.MeetingUUIDs), func(i int) { o.buf = appendText(o.buf, c.MeetingUUIDs[i]) })
	o.list("attempts", len(c.Attempts), func(i int) { o.attempt(c.Attempts[i]) })
	o.list("transfers", len(c.Transfers), func(i int) { o.buf = c.Transfers[i].AppendJSON(o.buf) })
	o.list("legs", len(c.Legs), func(i int) { o.buf = c.Legs[i].AppendJSON(o.buf) })
	return o.buf
}

// AppendJSON appends the leg as a JSON object.
func (l *LegRecord) AppendJSON(dst []byte) []byte {
	o := object{buf: append(dst, '{')}
	o.text("dialog_uuid", l.DialogUUID)
	o.word("dialog_type", l.DialogType)
	o.word("direction", l.Direction)
	o.word("caller_dialog_uuid", l.CallerDialogUUID)
	o.text("link_basis", l.LinkBasis)
	o.text("state", l.State)
	o.word("close_cause", l.CloseCause)
	o.time("created_at", l.CreatedAt)
	o.time("ringing_at", l.RingingAt)
	o.time("alerting_at", l.AlertingAt)
	o.time("answered_at", l.AnsweredAt)
	o.time("talking_at", l.TalkingAt)
	o.time("closed_at", l.ClosedAt)
	o.list("holds", len(l.Holds), func(i int) {
		o.buf = append(o.buf, '{')
		o.time("from", l.Holds[i].From)
		o.time("to", l.Holds[i].To)
		o.close()
	})
	o.close()
	return o.buf
}

// AppendJSON appends the transfer as a JSON object.
func (t *Transfer) AppendJSON(dst []byte) []byte {
	o := object{buf: append(dst, '{')}
	o.text("from", t.From)
	o.text("to", t.To)
	o.time("at", t.At)
	o.text("kind", t.Kind)
	o.close()
	return o.buf
}

// object appends the members of one JSON object after the other.
type object struct{ buf []byte }

func (o *object) key(name string) {
	if last := o.buf[len(o.buf)-1]; last != '{' {
		o.buf = append(o.buf, ',')
	}
	o.buf = append(o.buf, '"')
	o.buf = append(o.buf, name...)
	o.buf = append(o.buf, '"', ':')
}

func (o *object) text(name, value string) {
	o.key(name)
	o.buf = appendText(o.buf, value)
}

func (o *object) word(name string, value Word) {
	o.key(name)
	if value == "" {
		o.buf = append(o.buf, "null"...)
		return
	}
	o.buf = appendText(o.buf, string(value))
}

func (o *object) id(name string, value ID) {
	o.key(name)
	if value == "" {
		o.buf = append(o.buf, "null"...)
		return
	}
	o.buf = append(o.buf, value...)
}

func (o *object) flag(name string, value bool) {
	o.key(name)
	o.buf = strconv.AppendBool(o.buf, value)
}

func (o *object) time(name string, value dialog.Time) {
	o.key(name)
	o.buf = value.AppendJSON(o.buf)
}

func (o *object) number(name string, value *int64) {
	o.key(name)
	if value == nil {
		o.buf = append(o.buf, "null"...)
		return
	}
	o.buf = strconv.AppendInt(o.buf, *value, 10)
}

func (o *object) external(name string, value External) {
	o.open(name)
	o.word("number", value.Number)
	o.word("number_e164", value.NumberE164)
	o.word("name", value.Name)
	o.close()
}

func (o *object) consultant(value Consultant) {
	o.buf = append(o.buf, '{')
	o.text("dialog_uuid", value.DialogUUID)
	o.id("id", value.ID)
	o.word("username", value.Username)
	o.word("name", value.Name)
	o.close()
}

func (o *object) attempt(value Attempt) {
	o.buf = append(o.buf, '{')
	o.text("dialog_uuid", value.DialogUUID)
	o.word("dialog_type", value.DialogType)
	o.word("outcome", value.Outcome)
	o.close()
}

func (o *object) list(name string, length int, each func(i int)) {
	o.key(name)
	o.buf = append(o.buf, '[')
	for i := range length {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		each(i)
	}
	o.buf = append(o.buf, ']')
}

func (o *object) open(name string) {
	o.key(name)
	o.buf = append(o.buf, '{')
}

func (o *object) close() { o.buf = append(o.buf, '}') }

// AppendText appends text as a JSON string, as encoding/json does.
func AppendText(dst []byte, text string) []byte { return appendText(dst, text) }

func appendText(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0x7f || c >= utf8.RuneSelf {
			return appendHardText(dst, text)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, text...)
	return append(dst, '"')
}

// appendHardText is for texts that hold more than plain ASCII.
func appendHardText(dst []byte, text string) []byte {
	encoded, err := json.Marshal(text)
	if err != nil { // a string always encodes
		return append(dst, `""`...)
	}
	return append(dst, encoded...)
}
