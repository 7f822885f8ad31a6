package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/flow"
)

// CallPage is one call with all that is known of it.
type CallPage struct {
	Call     *correlate.Call
	Webhooks []Webhook
	Events   []flow.Event
	// Triggers are what handlers made of it; HasTriggers says that there can be any.
	Triggers    []Trigger
	HasTriggers bool
}

// Webhook is one entry of the journal.
type Webhook struct {
	JournalID  int64
	ReceivedAt time.Time
	Own        bool // webhookd wrote it itself
	Origin     string
	EventName  string
	EventTime  dialog.Time
	DialogUUID string
	Body       []byte
}

// Trigger is what a handler made of an event.
type Trigger struct {
	Handler, Account, State, Reason, CallUUID, EventType string
	CreatedAt, FireAt, EndedAt                           time.Time
}

// Call writes the page of one call.
func Call(w io.Writer, shell Shell, page CallPage) error {
	with := numberOf(*page.Call)
	if with == "" {
		with = shell.T("story.somebody")
	}
	return render(w, shell, "call", shell.T("call.title", with), page)
}

// Story tells the call in sentences.
func (p CallPage) Story(s Shell) []string { return s.Language.Story(p.Call) }

// Ladder draws the call.
func (p CallPage) Ladder(s Shell) template.HTML {
	arrows := make([]LadderWebhook, 0, len(p.Webhooks))
	for _, webhook := range p.Webhooks {
		arrows = append(arrows, LadderWebhook{
			At: webhook.EventTime, DialogUUID: webhook.DialogUUID, Name: webhook.Label(), Own: webhook.Own,
		})
	}
	return s.Language.Ladder(s.zone(), p.Call, arrows)
}

// Label says shortly what a webhook reports: its event, with the state or the cause that it tells.
func (w Webhook) Label() string {
	var told struct {
		State string `json:"state"`
		Cause string `json:"close_cause"`
	}
	_ = json.Unmarshal(w.Body, &told) // what is of another form says nothing here
	label := strings.TrimPrefix(w.EventName, "dialog_")
	if told.State != "" {
		label = strings.TrimSuffix(label, "state_update")
		label = strings.TrimSpace(label + " " + strings.ToLower(told.State))
	}
	if told.Cause != "" {
		label += " " + told.Cause
	}
	if label == "" {
		label = w.Origin
	}
	return label
}

// Pretty gives the body for people: JSON with indents, other text as it is, anything else in base64.
func (w Webhook) Pretty() string { return pretty(w.Body) }

func pretty(body []byte) string {
	var indented bytes.Buffer
	switch {
	case !utf8.Valid(body):
		return base64.StdEncoding.EncodeToString(body)
	case json.Indent(&indented, body, "", "  ") == nil:
		return indented.String()
	}
	return string(body)
}

// LegName gives what a leg is called.
func (p CallPage) LegName(s Shell, dialogUUID string) string {
	if dialogUUID == "" {
		return ""
	}
	return s.Language.legLabel(p.Call, dialogUUID)
}

// LegKind gives what kind of leg it is.
func (p CallPage) LegKind(s Shell, leg correlate.LegRecord) string {
	_, kind := s.Language.legName(p.Call, &leg)
	return kind
}

// Clock writes the time of day of a moment, for tables about one call; "" for none.
func (CallPage) Clock(s Shell, at dialog.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Time().In(s.zone()).Format(time.TimeOnly)
}

// Held gives how long a leg was on hold, as far as it ended; nil for never.
func (CallPage) Held(leg correlate.LegRecord) *int64 {
	var ms int64
	for _, hold := range leg.Holds {
		if !hold.To.IsZero() {
			ms += int64(hold.To-hold.From) * 1000
		}
	}
	if ms == 0 {
		return nil
	}
	return &ms
}

// Outcome gives how the attempt on a leg ended; "" for one that was not called, and while it goes on.
func (p CallPage) Outcome(s Shell, leg correlate.LegRecord) string {
	for _, attempt := range p.Call.Attempts {
		if attempt.DialogUUID == leg.DialogUUID && attempt.Outcome != "" {
			return s.Word("outcome", attempt.Outcome)
		}
	}
	return ""
}

// Names gives the call's consultants.
func (p CallPage) Names() string { return strings.Join(consultantNames(*p.Call), ", ") }
