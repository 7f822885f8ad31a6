package goflowtest

import (
	"errors"
	"regexp"
)

// rules are the keys of each type beside those that all have. The types that goflow does not know, of calls and dialogs,
// have none.
var rules = map[string]func(*object){
	"dialog_ringing": nothing, "dialog_alerting": nothing, "dialog_answered": nothing, "dialog_talking": nothing,
	"dialog_closed": nothing, "dialog_held": nothing, "dialog_resumed": nothing, "dialog_meeting_entered": nothing,
	"call_started": nothing, "call_alerting": nothing, "call_answered": nothing, "call_talking": nothing,
	"call_transferred": nothing, "call_merged": nothing, "call_ended": nothing, "call_reopened": nothing,
	"call_settled": nothing,

	"call_received": aCall, "call_created": aCall,
	"call_missed":              func(o *object) { o.reference("channel") },
	"dial_wait":                dialWait,
	"dial_ended":               dialEnded,
	"session_triggered":        sessionTriggered,
	"flow_entered":             flowEntered,
	"msg_created":              msgCreated,
	"broadcast_created":        broadcastCreated,
	"email_sent":               emailSent,
	"webhook_called":           webhookCalled,
	"resthook_called":          resthookCalled,
	"run_result_changed":       runResultChanged,
	"contact_field_changed":    contactFieldChanged,
	"contact_groups_changed":   contactGroupsChanged,
	"contact_name_changed":     func(o *object) { o.text("name") },
	"contact_language_changed": func(o *object) { o.matches("language", language) },
	"contact_timezone_changed": func(o *object) { o.text("timezone") },
	"contact_status_changed":   func(o *object) { o.word("status", "active", "blocked", "stopped", "archived") },
	"contact_urns_changed":     func(o *object) { o.texts("urns", urn) },
	"input_labels_added":       inputLabelsAdded,
	"error":                    func(o *object) { o.filled("text") },
	"failure":                  func(o *object) { o.filled("text") },
	"warning":                  func(o *object) { o.filled("text") },
}

func nothing(*object) {}

var (
	language   = regexp.MustCompile(`^([a-z]{3})?$`)
	attachment = regexp.MustCompile(`^[a-z]+(/[A-Za-z0-9.+*_-]+)?:\S+$`)

	errAttachment = errors.New("is no attachment")
)

func (o *object) matches(key string, form *regexp.Regexp) {
	if text := o.text(key); !form.MatchString(text) {
		o.faultf(key, "is %q", text)
	}
}

func isAttachment(text string) error {
	if !attachment.MatchString(text) {
		return errAttachment
	}
	return nil
}

// data is our own part: what an event is about.
func (o *object) data() {
	data := o.object("event_data")
	if data == nil {
		return
	}
	if !data.has("trigger") {
		data.count("seq", 1)
		data.flag("late")
		data.object("call")
		return
	}
	data.absent("seq")
	data.absent("late")
	trigger := data.object("trigger")
	if trigger == nil {
		return
	}
	trigger.uuid("uuid")
	trigger.filled("handler")
	trigger.count("action", 0)
	trigger.uuid("event_uuid")
	trigger.filled("event_type")
	if trigger.get("transaction_id") != nil {
		trigger.filled("transaction_id")
	}
	trigger.count("depth", 1)
}

func aCall(o *object) {
	if call := o.object("call"); call != nil {
		call.uuid("uuid")
		call.urn("urn")
		call.reference("channel")
	}
}

func dialWait(o *object) {
	o.urn("urn")
	o.count("dial_limit_seconds", 0)
	o.count("call_limit_seconds", 0)
	o.time("expires_on")
}

func dialEnded(o *object) {
	if dial := o.object("dial"); dial != nil {
		dial.word("status", "answered", "no_answer", "busy", "failed")
		dial.count("duration", 0)
	}
}

func sessionTriggered(o *object) {
	o.reference("flow")
	whom := o.texts("urns", urn) + o.references("contacts") + o.references("groups")
	if o.has("contact_query") {
		o.filled("contact_query")
		whom++
	}
	if o.has("create_contact") {
		o.flag("create_contact")
		if o.values["create_contact"] == true {
			whom++
		}
	}
	if whom == 0 {
		o.faultf("urns", "are empty, and nobody else is named")
	}
	if exclusions := o.object("exclusions"); exclusions != nil {
		exclusions.flag("in_a_flow")
	}
	if history := o.object("history"); history != nil {
		history.uuid("parent_uuid")
		history.count("ancestors", 0)
		history.count("ancestors_since_input", 0)
	}
	if o.has("run_summary") { // left out or whole; null is neither
		runSummary(o.object("run_summary"))
	}
}

func runSummary(o *object) {
	if o == nil {
		return
	}
	o.uuid("uuid")
	o.reference("flow")
	o.word("status", "active", "completed", "waiting", "failed", "expired", "interrupted")
	if contact, there := o.values["contact"]; there && contact != nil {
		if c := o.object("contact"); c != nil {
			c.uuid("uuid")
			c.time("created_on")
		}
	}
	results := o.object("results")
	if results == nil {
		return
	}
	for key := range results.values {
		r := results.object(key)
		if r == nil {
			continue
		}
		r.filled("name")
		r.text("value")
		r.text("category")
		r.uuid("node_uuid")
		r.time("created_on")
	}
}

func flowEntered(o *object) {
	o.reference("flow")
	o.uuid("parent_run_uuid")
	o.flag("terminal")
}

// content is what a message says.
func content(o *object) {
	text := o.text("text")
	attachments := o.texts("attachments", isAttachment)
	o.texts("quick_replies", nil)
	if text == "" && attachments == 0 {
		o.faultf("text", "is empty, and there are no attachments")
	}
}

func msgCreated(o *object) {
	if msg := o.object("msg"); msg != nil {
		msg.uuid("uuid")
		msg.reference("channel")
		msg.urn("urn")
		content(msg)
	}
}

func broadcastCreated(o *object) {
	base := o.filled("base_language")
	o.matches("base_language", language)
	if translations := o.object("translations"); translations != nil {
		if !translations.has(base) {
			o.faultf("translations", "have nothing in the base language %q", base)
		}
		for key := range translations.values {
			if said := translations.object(key); said != nil {
				content(said)
			}
		}
	}
	whom := o.texts("urns", urn) + o.references("contacts") + o.references("groups")
	if whom == 0 && !o.has("contact_query") {
		o.faultf("urns", "are empty, and nobody else is named")
	}
}

func emailSent(o *object) {
	if o.texts("to", nil) == 0 {
		o.faultf("to", "is empty")
	}
	o.filled("subject")
	o.text("body")
}

func webhookCalled(o *object) {
	o.filled("url")
	o.word("status", "success", "connection_error", "response_error")
	o.count("status_code", 0)
	o.count("elapsed_ms", 0)
	o.count("retries", 0)
	o.text("request")
	o.text("response")
	o.text("extraction")
}

func resthookCalled(o *object) {
	o.filled("resthook")
	o.object("payload")
}

func runResultChanged(o *object) {
	o.filled("name")
	o.text("value")
	o.text("category")
	if o.has("input") {
		o.text("input")
	}
}

func contactFieldChanged(o *object) {
	if field := o.object("field"); field != nil {
		field.filled("key")
		field.filled("name")
	}
	if o.get("value") != nil {
		if value := o.object("value"); value != nil {
			value.filled("text")
		}
	}
}

func contactGroupsChanged(o *object) {
	o.references("groups_added")
	o.references("groups_removed")
}

func inputLabelsAdded(o *object) {
	o.uuid("input_uuid")
	if o.references("labels") == 0 {
		o.faultf("labels", "are empty")
	}
}
