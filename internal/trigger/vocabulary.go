package trigger

import (
	"maps"
	"slices"

	"webhookd/internal/correlate"
)

// Every is the type in [Handler.On] that stands for all types of events.
const Every = "*"

// TypeAPI is the type of an occasion that the trigger API made. No event has it.
const TypeAPI = "api"

// The types of the events that actions make; the names are goflow's.
const (
	EventSessionTriggered       = "session_triggered"
	EventFlowEntered            = "flow_entered"
	EventMsgCreated             = "msg_created"
	EventBroadcastCreated       = "broadcast_created"
	EventEmailSent              = "email_sent"
	EventWebhookCalled          = "webhook_called"
	EventResthookCalled         = "resthook_called"
	EventRunResultChanged       = "run_result_changed"
	EventContactFieldChanged    = "contact_field_changed"
	EventContactGroupsChanged   = "contact_groups_changed"
	EventContactNameChanged     = "contact_name_changed"
	EventContactLanguageChanged = "contact_language_changed"
	EventContactTimezoneChanged = "contact_timezone_changed"
	EventContactURNsChanged     = "contact_urns_changed"
	EventInputLabelsAdded       = "input_labels_added"
	EventError                  = "error"
	EventFailure                = "failure"
)

// callEvents are the types of the events that tell of calls and their dialogs (design §7).
var callEvents = []correlate.Kind{
	correlate.DialogRinging, correlate.DialogAlerting, correlate.DialogAnswered, correlate.DialogTalking,
	correlate.DialogClosed, correlate.DialogHeld, correlate.DialogResumed, correlate.DialogMeetingEntered,
	correlate.CallStarted, correlate.CallReceived, correlate.CallCreated, correlate.DialWait, correlate.CallAlerting,
	correlate.CallAnswered, correlate.CallTalking, correlate.CallTransferred, correlate.CallMerged, correlate.DialEnded,
	correlate.CallReopened, correlate.CallEnded, correlate.CallMissed, correlate.CallSettled,
}

// actionEvents are the types of the events that handlers make.
var actionEvents = []string{
	EventSessionTriggered, EventFlowEntered, EventMsgCreated, EventBroadcastCreated, EventEmailSent, EventWebhookCalled,
	EventResthookCalled, EventRunResultChanged, EventContactFieldChanged, EventContactGroupsChanged,
	EventContactNameChanged, EventContactLanguageChanged, EventContactTimezoneChanged, EventContactURNsChanged,
	EventInputLabelsAdded, EventError, EventFailure,
}

// knownTypes are all types of events.
var knownTypes = func() map[string]bool {
	known := map[string]bool{}
	for _, kind := range callEvents {
		known[string(kind)] = true
	}
	for _, kind := range actionEvents {
		known[kind] = true
	}
	return known
}()

// EventTypes gives every type of event that there is, sorted.
func EventTypes() []string { return slices.Sorted(maps.Keys(knownTypes)) }

// ActionTypes gives every type of action that there is, sorted.
func ActionTypes() []string { return slices.Sorted(maps.Keys(actionForms)) }
