package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"webhookd/internal/dialog"
	"webhookd/internal/flow"
)

// Fired is what a trigger's actions came to.
type Fired struct {
	// Events are the events to publish, in order.
	Events []flow.Event
	// Requests are what has to leave the process.
	Requests []Request
	// Failures is how many actions failed; each has its error event. That there is nobody whom an action could be for (a
	// caller who hides his number) is told by an error event too, but is no failure of the handler.
	Failures int
}

// action is one action of a handler, ready to be done.
type action interface {
	// do adds what the action makes. It adds all of it or, with an error, none.
	do(f *firing) error
}

// actionForms read an action, by its type. What is wrong with it, they tell the form.
var actionForms map[string]func(*form) action

func init() { //nolint:gochecknoinits // the forms lead to the table, which would be a circle
	actionForms = map[string]func(*form) action{
		"add_contact_groups":    newAddContactGroups,
		"add_contact_urn":       newAddContactURN,
		"add_input_labels":      newAddInputLabels,
		"call_resthook":         newCallResthook,
		"call_webhook":          newCallWebhook,
		"remove_contact_groups": newRemoveContactGroups,
		"send_broadcast":        newSendBroadcast,
		"send_email":            newSendEmail,
		"send_msg":              newSendMsg,
		"set_contact_channel":   newSetContactChannel,
		"set_contact_field":     newSetContactField,
		"set_contact_language":  newSetContactLanguage,
		"set_contact_name":      newSetContactName,
		"set_contact_timezone":  newSetContactTimezone,
		"set_run_result":        newSetRunResult,
		"start_flow":            newStartFlow,
		"start_session":         newStartSession,
	}
}

// errNobody says that there is nobody whom an action could be for.
var errNobody = errors.New("nobody is known whom this could be for")

// firing is one trigger whose actions are being done.
type firing struct {
	Fired

	c         *Compiled
	o         *Occasion
	triggerID string
	action    int // from 1
	payload   json.RawMessage
	results   map[string]result // of set_run_result, by key
}

// Fire does the actions of a trigger: it gives the events, in order, and the requests that have to leave the process. An
// action that fails makes an error event, and the others go on.
func (c *Compiled) Fire(o *Occasion, triggerID string) Fired {
	f := c.firing(o, triggerID)
	for i, a := range c.actions {
		f.action = i + 1
		err := a.do(f)
		if err == nil {
			continue
		}
		if !errors.Is(err, errNobody) {
			f.Failures++
		}
		f.add(strconv.Itoa(len(f.Events)+1), EventError, encoded(textJSON{f.complain(err)}))
	}
	return f.Fired
}

func (c *Compiled) firing(o *Occasion, triggerID string) *firing {
	f := &firing{c: c, o: o, triggerID: triggerID, results: map[string]result{}}
	if o.Payload != nil {
		if payload, err := json.Marshal(o.Payload); err == nil { // it came as JSON, so it goes as JSON
			f.payload = payload
		}
	}
	return f
}

// textJSON are goflow's keys of error and failure.
type textJSON struct {
	Text string `json:"text"`
}

// complain says for people what went wrong with the action that is being done.
func (f *firing) complain(err error) string {
	name := f.c.handler.Name
	if f.action == 0 {
		return fmt.Sprintf("handler %s: %v", name, err)
	}
	return fmt.Sprintf("handler %s, action %d (%s): %v", name, f.action, f.c.handler.Do[f.action-1].Type(), err)
}

// maxEvent bounds what an action puts into an event: NATS takes a message of 1 MiB, and the call's record is in it, too.
const maxEvent = 256 << 10

var errEventLong = fmt.Errorf("the event would be longer than %d bytes", maxEvent)

// emit adds an event with goflow's keys of its type.
func (f *firing) emit(eventType string, goflow any) error {
	keys, err := json.Marshal(goflow)
	if err != nil {
		return fmt.Errorf("encode %s: %w", eventType, err)
	}
	if len(keys) > maxEvent {
		return errEventLong
	}
	f.add(strconv.Itoa(len(f.Events)+1), eventType, keys)
	return nil
}

// add adds an event under a name that is its own in the trigger.
func (f *firing) add(name, eventType string, goflow json.RawMessage) {
	f.Events = append(f.Events, f.event(name, eventType, goflow))
}

// triggerJSON is event_data.trigger.
type triggerJSON struct {
	UUID          string  `json:"uuid"`
	Handler       string  `json:"handler"`
	Action        int     `json:"action"` // from 1; 0 where it is no action's event
	EventUUID     string  `json:"event_uuid"`
	EventType     string  `json:"event_type"`
	TransactionID *string `json:"transaction_id"`
	Depth         int     `json:"depth"`
}

func (f *firing) event(name, eventType string, goflow json.RawMessage) flow.Event {
	told := triggerJSON{
		UUID: f.triggerID, Handler: f.c.handler.Name, Action: f.action, EventUUID: f.o.Event.UUID,
		EventType: f.o.Event.Type, Depth: f.o.Depth + 1,
	}
	if f.o.TransactionID != "" {
		told.TransactionID = &f.o.TransactionID
	}
	return flow.Event{
		UUID:       named("action", f.o.Account, f.triggerID, name),
		Type:       eventType,
		CreatedOn:  dialog.TimeOf(f.o.At),
		DialogUUID: f.o.Event.DialogUUID,
		Goflow:     goflow,
		Trigger:    encoded(told),
		Payload:    f.payload,
	}
}

// encoded is JSON of what always has one.
func encoded(value any) json.RawMessage {
	data, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return data
}

// Failed is the error event of a handler whose condition could not be evaluated.
func (c *Compiled) Failed(o *Occasion, triggerID string, err error) flow.Event {
	return c.firing(o, triggerID).event("when", EventError, encoded(textJSON{err.Error()}))
}

// TooDeep is the failure event of a trigger that is not made because too many led to it (see [MaxDepth]). It must not be
// evaluated in its turn.
func (c *Compiled) TooDeep(o *Occasion, triggerID string) flow.Event {
	text := fmt.Sprintf("handler %s was not fired: %d triggers led to it, one from the other", c.handler.Name, o.Depth)
	return c.firing(o, triggerID).event("depth", EventFailure, encoded(textJSON{text}))
}

// SwitchedOff is the failure event of a handler that is switched off because it failed so many times in a row.
func (c *Compiled) SwitchedOff(o *Occasion, triggerID string, failures int) flow.Event {
	text := fmt.Sprintf("handler %s was switched off: it failed %d times in a row", c.handler.Name, failures)
	return c.firing(o, triggerID).event("off", EventFailure, encoded(textJSON{text}))
}

// TriggerID is the id of the trigger that a handler makes of an occasion: the version-5 UUID, namespace URL, of
// webhookd:trigger:<account>:<handler>:<event uuid>, or, of the API, of
// webhookd:trigger:<account>:api:<transaction id>:<subscriber id>.
func (c *Compiled) TriggerID(o *Occasion) string {
	if o.Event.Type != TypeAPI {
		return named("trigger", o.Account, c.handler.Name, o.Event.UUID)
	}
	subscriber := ""
	if o.Subscriber != nil {
		subscriber = o.Subscriber.ID
	}
	return named("trigger", o.Account, TypeAPI, o.TransactionID, subscriber)
}

// TransactionUUID is the uuid of the event that a transaction of the API stands for.
func TransactionUUID(account, transactionID string) string {
	return named("transaction", account, transactionID)
}

// OnceKey is what the handler's once_per counts an occasion under, "" if it has none, or there is neither contact nor
// call to count by.
func (c *Compiled) OnceKey(o *Occasion) string {
	once := c.handler.OncePer
	if once == nil {
		return ""
	}
	if contact := o.Contact(); once.Scope == ScopeContact && contact != "" {
		return "contact:" + contact
	}
	if o.Call == nil {
		return ""
	}
	return "call:" + o.Call.CallUUID
}

// handlerUUID stands for a handler where goflow wants a flow.
func handlerUUID(name string) string { return named("handler", name) }

// named is the version-5 UUID, namespace URL, of webhookd:<kind>:<part>:<part> and so on.
func named(kind string, parts ...string) string {
	name := "webhookd:" + kind + ":" + strings.Join(parts, ":")
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String()
}
