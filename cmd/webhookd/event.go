package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// event is what a published event says, as far as a line for people shows it.
type event struct {
	Type       string    `json:"type"`
	CreatedOn  time.Time `json:"created_on"`
	AccountKey string    `json:"account_key"`
	EventData  struct {
		Late   bool        `json:"late"`
		Call   eventCall   `json:"call"`
		Dialog eventDialog `json:"dialog"`

		Trigger struct {
			Handler string `json:"handler"`
		} `json:"trigger"`
	} `json:"event_data"`
}

type eventCall struct {
	CallUUID    string `json:"call_uuid"`
	Direction   string `json:"direction"`
	Disposition string `json:"disposition"`
	HangupBy    string `json:"hangup_by"`
	TalkMS      *int64 `json:"talk_ms"`
}

type eventDialog struct {
	DialogUUID string `json:"dialog_uuid"`
	DialogType string `json:"dialog_type"`
}

func readEvent(body []byte) (event, error) {
	var read event
	if err := json.Unmarshal(body, &read); err != nil {
		return event{}, fmt.Errorf("read event: %w", err)
	}
	return read, nil
}

// line is one line for people: when, what, which call, whose handler, which leg, and how a call that is over went.
func (e event) line() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s  %-22s", e.CreatedOn.UTC().Format(time.RFC3339), e.Type)
	if e.EventData.Call.CallUUID != "" { // what the trigger API asked for has none
		fmt.Fprintf(&text, "  call %s", e.EventData.Call.CallUUID)
	}
	if e.EventData.Trigger.Handler != "" {
		fmt.Fprintf(&text, "  handler %s", e.EventData.Trigger.Handler)
	}
	if e.AccountKey != defaultAccount {
		fmt.Fprintf(&text, "  account %s", e.AccountKey)
	}
	if dialog := e.EventData.Dialog; dialog.DialogUUID != "" {
		fmt.Fprintf(&text, "  dialog %s %s", dialog.DialogUUID, strings.ToLower(dialog.DialogType))
	}
	if e.EventData.Late {
		text.WriteString("  late")
	}
	if e.Type == typeEnded || e.Type == typeSettled {
		call := e.EventData.Call
		fmt.Fprintf(&text, "  %s, %s, hung up by %s", call.Direction, call.Disposition, call.HangupBy)
		if call.TalkMS != nil {
			fmt.Fprintf(&text, ", talked %s", time.Duration(*call.TalkMS)*time.Millisecond)
		}
	}
	return strings.TrimRight(text.String(), " ")
}

const (
	defaultAccount = "default"
	typeEnded      = "call_ended"
	typeSettled    = "call_settled"
)
