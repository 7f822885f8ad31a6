package trigger

import (
	"cmp"
	"encoding/json"
	"strings"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/flow"
)

// The variables that expressions see. They have the names of the record's JSON, in plain types, because the expression
// language compares a text only with a text. What is null there is the empty value of its type here: "" for a text or a
// time, 0 for a number, [] for a list; and where there is no call, dialog, contact or subscriber, all of its fields are
// empty. So an expression that is right for one event does not fail on another.
type variables struct {
	Account       string         `expr:"account"`
	Event         eventVars      `expr:"event"`
	Call          *callVars      `expr:"call"`
	Dialog        legVars        `expr:"dialog"`
	Contact       contactVars    `expr:"contact"`
	Payload       map[string]any `expr:"payload"`
	Subscriber    subscriberVars `expr:"subscriber"`
	TransactionID string         `expr:"transaction_id"`
	Now           string         `expr:"now"` // the occasion's time, RFC 3339

	Meter *meter `expr:"(meter)"` // a name that nobody can write
}

type eventVars struct {
	UUID      string `expr:"uuid"       json:"uuid"`
	Type      string `expr:"type"       json:"type"`
	CreatedOn string `expr:"created_on" json:"created_on"`
	Late      bool   `expr:"late"       json:"late"`
	Seq       int    `expr:"seq"        json:"seq"`
	// Data are goflow's keys of an action event, such as msg or status_code.
	Data map[string]any `expr:"data" json:"data"`
}

type contactVars struct {
	URN    string `expr:"urn"    json:"urn"`
	Number string `expr:"number" json:"number"`
	Name   string `expr:"name"   json:"name"`
}

type subscriberVars struct {
	ID        string         `expr:"id"         json:"id"`
	Email     string         `expr:"email"      json:"email"`
	Phone     string         `expr:"phone"      json:"phone"`
	FirstName string         `expr:"first_name" json:"first_name"`
	LastName  string         `expr:"last_name"  json:"last_name"`
	Locale    string         `expr:"locale"     json:"locale"`
	Avatar    string         `expr:"avatar"     json:"avatar"`
	Data      map[string]any `expr:"data"       json:"data"`
}

type callVars struct {
	Account          string           `expr:"account"            json:"account"`
	CallUUID         string           `expr:"call_uuid"          json:"call_uuid"`
	Direction        string           `expr:"direction"          json:"direction"`
	State            string           `expr:"state"              json:"state"`
	Connected        bool             `expr:"connected"          json:"connected"`
	ConnectedBasis   string           `expr:"connected_basis"    json:"connected_basis"`
	Disposition      string           `expr:"disposition"        json:"disposition"`
	Missed           bool             `expr:"missed"             json:"missed"`
	HangupBy         string           `expr:"hangup_by"          json:"hangup_by"`
	HangupSide       string           `expr:"hangup_side"        json:"hangup_side"`
	HangupDialogUUID string           `expr:"hangup_dialog_uuid" json:"hangup_dialog_uuid"`
	HangupBasis      string           `expr:"hangup_basis"       json:"hangup_basis"`
	EndBasis         string           `expr:"end_basis"          json:"end_basis"`
	StartedAt        string           `expr:"started_at"         json:"started_at"`
	SystemAnsweredAt string           `expr:"system_answered_at" json:"system_answered_at"`
	AlertingAt       string           `expr:"alerting_at"        json:"alerting_at"`
	AnsweredAt       string           `expr:"answered_at"        json:"answered_at"`
	TalkingAt        string           `expr:"talking_at"         json:"talking_at"`
	EndedAt          string           `expr:"ended_at"           json:"ended_at"`
	RingMS           int              `expr:"ring_ms"            json:"ring_ms"`
	WaitMS           int              `expr:"wait_ms"            json:"wait_ms"`
	TalkMS           int              `expr:"talk_ms"            json:"talk_ms"`
	HoldMS           int              `expr:"hold_ms"            json:"hold_ms"`
	TotalMS          int              `expr:"total_ms"           json:"total_ms"`
	External         externalVars     `expr:"external"           json:"external"`
	Consultants      []consultantVars `expr:"consultants"        json:"consultants"`
	Project          projectVars      `expr:"project"            json:"project"`
	MeetingUUIDs     []string         `expr:"meeting_uuids"      json:"meeting_uuids"`
	Attempts         []attemptVars    `expr:"attempts"           json:"attempts"`
	Transfers        []transferVars   `expr:"transfers"          json:"transfers"`
	Legs             []legVars        `expr:"legs"               json:"legs"`
	Seq              int              `expr:"seq"                json:"seq"`
	Revision         int              `expr:"revision"           json:"revision"`
}

type externalVars struct {
	Number     string `expr:"number"      json:"number"`
	NumberE164 string `expr:"number_e164" json:"number_e164"`
	Name       string `expr:"name"        json:"name"`
}

type consultantVars struct {
	DialogUUID string `expr:"dialog_uuid" json:"dialog_uuid"`
	ID         string `expr:"id"          json:"id"`
	Username   string `expr:"username"    json:"username"`
	Name       string `expr:"name"        json:"name"`
}

type projectVars struct {
	ID   string `expr:"id"   json:"id"`
	Name string `expr:"name" json:"name"`
}

type attemptVars struct {
	DialogUUID string `expr:"dialog_uuid" json:"dialog_uuid"`
	DialogType string `expr:"dialog_type" json:"dialog_type"`
	Outcome    string `expr:"outcome"     json:"outcome"`
}

type transferVars struct {
	From string `expr:"from" json:"from"`
	To   string `expr:"to"   json:"to"`
	At   string `expr:"at"   json:"at"`
	Kind string `expr:"kind" json:"kind"`
}

type legVars struct {
	DialogUUID       string     `expr:"dialog_uuid"        json:"dialog_uuid"`
	DialogType       string     `expr:"dialog_type"        json:"dialog_type"`
	Direction        string     `expr:"direction"          json:"direction"`
	CallerDialogUUID string     `expr:"caller_dialog_uuid" json:"caller_dialog_uuid"`
	LinkBasis        string     `expr:"link_basis"         json:"link_basis"`
	State            string     `expr:"state"              json:"state"`
	CloseCause       string     `expr:"close_cause"        json:"close_cause"`
	CreatedAt        string     `expr:"created_at"         json:"created_at"`
	RingingAt        string     `expr:"ringing_at"         json:"ringing_at"`
	AlertingAt       string     `expr:"alerting_at"        json:"alerting_at"`
	AnsweredAt       string     `expr:"answered_at"        json:"answered_at"`
	TalkingAt        string     `expr:"talking_at"         json:"talking_at"`
	ClosedAt         string     `expr:"closed_at"          json:"closed_at"`
	Holds            []holdVars `expr:"holds"              json:"holds"`
}

type holdVars struct {
	From string `expr:"from" json:"from"`
	To   string `expr:"to"   json:"to"`
}

// variables gives what expressions see of an occasion; they are made once, when the first expression asks for them.
func (o *Occasion) variables() *variables {
	if o.vars != nil {
		return o.vars
	}
	v := &variables{
		Account: o.Account,
		Event: eventVars{
			UUID: o.Event.UUID, Type: o.Event.Type, CreatedOn: o.happenedAt().String(), Late: o.Event.Late,
			Seq: int(o.Event.Seq), Data: objectOf(o.Event.Goflow),
		},
		Contact:       contactVars{URN: firstOf(o.urns()), Number: o.number(), Name: o.contactName()},
		Payload:       o.Payload,
		TransactionID: o.TransactionID,
		Now:           dialog.TimeOf(o.At).String(),
		Meter:         new(meter),
	}
	if v.Payload == nil {
		v.Payload = map[string]any{}
	}
	v.Call, v.Dialog = &noCall, noLeg
	if o.Call != nil {
		if o.callVars == nil {
			seen := callVarsOf(o.Call)
			seen.Seq, seen.Revision = int(o.Seq), o.Revision
			o.callVars = &seen
		}
		v.Call = o.callVars
		for i := range v.Call.Legs {
			if v.Call.Legs[i].DialogUUID == o.Event.DialogUUID {
				v.Dialog = v.Call.Legs[i]
			}
		}
	}
	if s := o.Subscriber; s != nil {
		v.Subscriber = subscriberVars{
			ID: s.ID, Email: s.Email, Phone: s.Phone, FirstName: s.FirstName, LastName: s.LastName, Locale: s.Locale,
			Avatar: s.Avatar, Data: objectOf(s.Data),
		}
	} else {
		v.Subscriber.Data = map[string]any{}
	}
	o.vars = v
	return v
}

// What expressions see where there is no call, or no dialog.
var (
	noCall = callVarsOf(&correlate.Call{MeetingUUIDs: []string{}})
	noLeg  = legVarsOf(&correlate.LegRecord{})
)

func callVarsOf(c *correlate.Call) callVars {
	v := callVars{
		Account: c.Account, CallUUID: c.CallUUID, Direction: c.Direction, State: c.State, Connected: c.Connected,
		ConnectedBasis: string(c.ConnectedBasis), Disposition: string(c.Disposition), Missed: c.Missed,
		HangupBy: string(c.HangupBy), HangupSide: string(c.HangupSide), HangupDialogUUID: string(c.HangupDialogUUID),
		HangupBasis: string(c.HangupBasis), EndBasis: string(c.EndBasis), StartedAt: c.StartedAt.String(),
		SystemAnsweredAt: c.SystemAnsweredAt.String(), AlertingAt: c.AlertingAt.String(),
		AnsweredAt: c.AnsweredAt.String(), TalkingAt: c.TalkingAt.String(), EndedAt: c.EndedAt.String(),
		RingMS: numberOf(c.RingMS), WaitMS: numberOf(c.WaitMS), TalkMS: numberOf(c.TalkMS), HoldMS: numberOf(c.HoldMS),
		TotalMS:      numberOf(c.TotalMS),
		External:     externalVars{string(c.External.Number), string(c.External.NumberE164), string(c.External.Name)},
		Consultants:  make([]consultantVars, 0, len(c.Consultants)),
		Project:      projectVars{c.Project.ID.Text(), string(c.Project.Name)},
		MeetingUUIDs: c.MeetingUUIDs,
		Attempts:     make([]attemptVars, 0, len(c.Attempts)),
		Transfers:    make([]transferVars, 0, len(c.Transfers)),
		Legs:         make([]legVars, 0, len(c.Legs)),
	}
	for _, one := range c.Consultants {
		v.Consultants = append(v.Consultants,
			consultantVars{one.DialogUUID, one.ID.Text(), string(one.Username), string(one.Name)})
	}
	for _, one := range c.Attempts {
		v.Attempts = append(v.Attempts, attemptVars{one.DialogUUID, string(one.DialogType), string(one.Outcome)})
	}
	for _, one := range c.Transfers {
		v.Transfers = append(v.Transfers, transferVars{one.From, one.To, one.At.String(), one.Kind})
	}
	for i := range c.Legs {
		v.Legs = append(v.Legs, legVarsOf(&c.Legs[i]))
	}
	return v
}

func legVarsOf(l *correlate.LegRecord) legVars {
	v := legVars{
		DialogUUID: l.DialogUUID, DialogType: string(l.DialogType), Direction: string(l.Direction),
		CallerDialogUUID: string(l.CallerDialogUUID), LinkBasis: l.LinkBasis, State: l.State,
		CloseCause: string(l.CloseCause), CreatedAt: l.CreatedAt.String(), RingingAt: l.RingingAt.String(),
		AlertingAt: l.AlertingAt.String(), AnsweredAt: l.AnsweredAt.String(), TalkingAt: l.TalkingAt.String(),
		ClosedAt: l.ClosedAt.String(), Holds: make([]holdVars, 0, len(l.Holds)),
	}
	for _, one := range l.Holds {
		v.Holds = append(v.Holds, holdVars{one.From.String(), one.To.String()})
	}
	return v
}

func numberOf(n *int64) int {
	if n == nil {
		return 0
	}
	return int(*n)
}

// objectOf reads a JSON object; anything else is an empty one.
func objectOf(data json.RawMessage) map[string]any {
	var values map[string]any
	if len(data) == 0 || json.Unmarshal(data, &values) != nil || values == nil {
		return map[string]any{}
	}
	return values
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// number is the contact's telephone number, in E.164 if it is a valid one; "" if there is none.
func (o *Occasion) number() string {
	switch {
	case o.Subscriber != nil:
		return cmp.Or(correlate.E164(o.Subscriber.Phone, ""), o.Subscriber.Phone)
	case o.Call != nil:
		return cmp.Or(string(o.Call.External.NumberE164), string(o.Call.External.Number))
	}
	return ""
}

func (o *Occasion) contactName() string {
	switch {
	case o.Subscriber != nil:
		return strings.TrimSpace(o.Subscriber.FirstName + " " + o.Subscriber.LastName)
	case o.Call != nil:
		return string(o.Call.External.Name)
	}
	return ""
}

// urns are the addresses of the contact that are known, the best one first; none if nobody is known.
func (o *Occasion) urns() []string {
	switch s := o.Subscriber; {
	case s != nil:
		var urns []string
		if s.Phone != "" {
			urns = append(urns, flow.URN(s.Phone, correlate.E164(s.Phone, "")))
		}
		if urn := schemeMail + ":" + strings.ToLower(s.Email); s.Email != "" && validURN(urn) == nil {
			urns = append(urns, urn)
		}
		if len(urns) == 0 && s.ID != "" {
			urns = append(urns, flow.ExternalURN(s.ID))
		}
		return urns
	case o.Call != nil && o.Call.External.Number != "":
		return []string{flow.URN(string(o.Call.External.Number), string(o.Call.External.NumberE164))}
	}
	return nil
}
