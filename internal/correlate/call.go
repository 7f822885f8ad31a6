package correlate

import (
	"encoding/json"

	"webhookd/internal/dialog"
)

// Call is the record of one call, as the API, the events and the KV bucket show it (they add seq, revision and
// updated_at, see flow.Record). It is a pure function of the set of the call's webhooks (design §1). Field names and
// their order are a contract: docs/calls.md explains every one, and the documented call in
// fixtures/outbound_answered pins them.
//
// Times are UTC with a resolution of one second; durations are whole milliseconds and never negative; null means
// "not known" or "not applicable".
type Call struct {
	Account          string       `json:"account"`
	CallUUID         string       `json:"call_uuid"`
	Direction        string       `json:"direction"`
	State            string       `json:"state"`
	Connected        bool         `json:"connected"`
	ConnectedBasis   Word         `json:"connected_basis"`
	Disposition      Word         `json:"disposition"`
	Missed           bool         `json:"missed"`
	HangupBy         Word         `json:"hangup_by"`
	HangupSide       Word         `json:"hangup_side"`
	HangupDialogUUID Word         `json:"hangup_dialog_uuid"`
	HangupBasis      Word         `json:"hangup_basis"`
	EndBasis         Word         `json:"end_basis"`
	StartedAt        dialog.Time  `json:"started_at"`
	SystemAnsweredAt dialog.Time  `json:"system_answered_at"`
	AlertingAt       dialog.Time  `json:"alerting_at"`
	AnsweredAt       dialog.Time  `json:"answered_at"`
	TalkingAt        dialog.Time  `json:"talking_at"`
	EndedAt          dialog.Time  `json:"ended_at"`
	RingMS           *int64       `json:"ring_ms"`
	WaitMS           *int64       `json:"wait_ms"`
	TalkMS           *int64       `json:"talk_ms"`
	HoldMS           *int64       `json:"hold_ms"`
	TotalMS          *int64       `json:"total_ms"`
	External         External     `json:"external"`
	Consultants      []Consultant `json:"consultants"`
	Project          Project      `json:"project"`
	MeetingUUIDs     []string     `json:"meeting_uuids"`
	Attempts         []Attempt    `json:"attempts"`
	Transfers        []Transfer   `json:"transfers"`
	Legs             []LegRecord  `json:"legs"`
}

// External is the party outside of the PBX; in an internal call it is the colleague that was called.
type External struct {
	Number     Word `json:"number"`      // as the PBX wrote it, also when it is masked or no number
	NumberE164 Word `json:"number_e164"` // "+48501502503", null if the raw value is no valid number
	Name       Word `json:"name"`
}

// Consultant is one CONSULTANT or TENANT_USER leg.
type Consultant struct {
	DialogUUID string `json:"dialog_uuid"`
	ID         ID     `json:"id"` // number or text, as the PBX sent it
	Username   Word   `json:"username"`
	Name       Word   `json:"name"`
}

// Project is the PBX's own project.
type Project struct {
	ID   ID   `json:"id"` // number or text, as the PBX sent it
	Name Word `json:"name"`
}

// Attempt is one leg that was called; Outcome is null until that leg closed.
type Attempt struct {
	DialogUUID string `json:"dialog_uuid"`
	DialogType Word   `json:"dialog_type"`
	Outcome    Word   `json:"outcome"`
}

// Transfer says that the call went on from one leg to another; Kind is "blind" or "consultative".
type Transfer struct {
	From string      `json:"from"`
	To   string      `json:"to"`
	At   dialog.Time `json:"at"`
	Kind string      `json:"kind"`
}

// LegRecord is one dialog as part of a call.
type LegRecord struct {
	DialogUUID       string       `json:"dialog_uuid"`
	DialogType       Word         `json:"dialog_type"`
	Direction        Word         `json:"direction"`
	CallerDialogUUID Word         `json:"caller_dialog_uuid"` // the parent in force
	LinkBasis        string       `json:"link_basis"`         // root, caller_dialog_uuid, campaign
	State            string       `json:"state"`
	CloseCause       Word         `json:"close_cause"`
	CreatedAt        dialog.Time  `json:"created_at"`
	RingingAt        dialog.Time  `json:"ringing_at"`
	AlertingAt       dialog.Time  `json:"alerting_at"`
	AnsweredAt       dialog.Time  `json:"answered_at"`
	TalkingAt        dialog.Time  `json:"talking_at"`
	ClosedAt         dialog.Time  `json:"closed_at"`
	Holds            []HoldRecord `json:"holds"`
}

// HoldRecord is one time on hold; To is null while it lasts.
type HoldRecord struct {
	From dialog.Time `json:"from"`
	To   dialog.Time `json:"to"`
}

// Word is a text that is null in JSON when it is empty.
type Word string

// MarshalJSON gives null for the empty Word.
func (w Word) MarshalJSON() ([]byte, error) {
	if w == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(w))
}

// ID is an identifier of the PBX, a number or a text, kept as it was sent: its JSON, or "" for none (null in JSON).
type ID string

// MarshalJSON gives the JSON that the PBX sent, null for the empty ID.
func (id ID) MarshalJSON() ([]byte, error) {
	if id == "" {
		return []byte("null"), nil
	}
	return []byte(id), nil
}

// UnmarshalJSON keeps a number or a text as it is.
func (id *ID) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*id = ""
		return nil
	}
	*id = ID(data)
	return nil
}

// Text is the identifier as a plain text: 1 and "1" are both 1.
func (id ID) Text() string {
	if len(id) > 0 && id[0] == '"' {
		var text string
		if json.Unmarshal([]byte(id), &text) == nil {
			return text
		}
	}
	return string(id)
}

// Leg gives the leg with this uuid, nil if the call has none.
func (c *Call) Leg(dialogUUID string) *LegRecord {
	for i := range c.Legs {
		if c.Legs[i].DialogUUID == dialogUUID {
			return &c.Legs[i]
		}
	}
	return nil
}
