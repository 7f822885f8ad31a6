package correlate

import "webhookd/internal/dialog"

// Kind names a step of a dialog or a call; it is the type of the event that tells of it (design §7).
type Kind string

// The steps that a webhook can make a dialog or a call take.
const (
	DialogRinging        Kind = "dialog_ringing"
	DialogAlerting       Kind = "dialog_alerting"
	DialogAnswered       Kind = "dialog_answered"
	DialogTalking        Kind = "dialog_talking"
	DialogClosed         Kind = "dialog_closed"
	DialogHeld           Kind = "dialog_held"
	DialogResumed        Kind = "dialog_resumed"
	DialogMeetingEntered Kind = "dialog_meeting_entered"

	CallStarted     Kind = "call_started"
	CallReceived    Kind = "call_received"
	CallCreated     Kind = "call_created"
	DialWait        Kind = "dial_wait"
	CallAlerting    Kind = "call_alerting"
	CallAnswered    Kind = "call_answered"
	CallTalking     Kind = "call_talking"
	CallTransferred Kind = "call_transferred"
	CallMerged      Kind = "call_merged"
	DialEnded       Kind = "dial_ended"
	CallReopened    Kind = "call_reopened"
	CallEnded       Kind = "call_ended"
	CallMissed      Kind = "call_missed"
	CallSettled     Kind = "call_settled"
)

// Step is one thing that happened to a call, not yet numbered (flow.Ledger gives it its seq and its uuid).
type Step struct {
	Kind       Kind
	CallUUID   string      // the call it happened to
	DialogUUID string      // the leg concerned, "" if none
	At         dialog.Time // when it happened, by the PBX's clock, UTC
	Late       bool        // the state was already behind when it became known
	From       string      // of CallMerged: the call that went into CallUUID
	Transfer   *Transfer   // of CallTransferred
	Number     Word        // of DialWait: the number that is dialled, as the PBX wrote it
	NumberE164 Word        // of DialWait: the same in E.164, if it is valid
}
