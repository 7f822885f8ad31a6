package trigger

import (
	"cmp"
	"maps"
	"strconv"
	"strings"

	"webhookd/internal/dialog"
)

// startSession is start_session: a flow begins for somebody. Without urns, contacts, groups and contact_query it is the
// contact of the call.
type startSession struct {
	recipients

	flow          flowReference
	createContact bool
	inAFlow       bool
}

func newStartSession(f *form) action {
	a := &startSession{flow: f.flow(), recipients: f.recipients(), createContact: f.flag("create_contact")}
	if exclusions, ok := f.inside("exclusions"); ok {
		a.inAFlow = exclusions.flag("in_a_flow")
		exclusions.rest()
	}
	return a
}

type sessionJSON struct {
	Flow referenceJSON `json:"flow"`
	recipientsJSON
	Exclusions    exclusionsJSON `json:"exclusions"`
	CreateContact bool           `json:"create_contact"`
	RunSummary    summaryJSON    `json:"run_summary"`
	History       historyJSON    `json:"history"`
}

type exclusionsJSON struct {
	InAFlow bool `json:"in_a_flow"`
}

// historyJSON guards against flows that start each other for ever.
type historyJSON struct {
	ParentUUID          string `json:"parent_uuid"`
	Ancestors           int    `json:"ancestors"`
	AncestorsSinceInput int    `json:"ancestors_since_input"`
}

func (a *startSession) do(f *firing) error {
	flow, err := a.flow.fill(f.o)
	if err != nil {
		return err
	}
	to, err := a.fill(f.o)
	if err != nil {
		return err
	}
	if a.none() && !a.createContact {
		to.URNs = append(to.URNs, f.o.urns()[:min(1, len(f.o.urns()))]...)
	}
	if to.none() && !a.createContact {
		return errNobody
	}
	return f.emit(EventSessionTriggered, sessionJSON{
		Flow: flow, recipientsJSON: to, Exclusions: exclusionsJSON{a.inAFlow}, CreateContact: a.createContact,
		RunSummary: f.summary(),
		History:    historyJSON{f.o.Event.UUID, f.o.Depth, f.o.Depth},
	})
}

// startFlow is start_flow: the contact goes on in another flow.
type startFlow struct {
	flow     flowReference
	terminal bool
}

func newStartFlow(f *form) action { return &startFlow{f.flow(), f.flag("terminal")} }

type enteredJSON struct {
	Flow          referenceJSON `json:"flow"`
	ParentRunUUID string        `json:"parent_run_uuid"`
	Terminal      bool          `json:"terminal"`
}

func (a *startFlow) do(f *firing) error {
	flow, err := a.flow.fill(f.o)
	if err != nil {
		return err
	}
	return f.emit(EventFlowEntered, enteredJSON{flow, f.runUUID(), a.terminal})
}

// summaryJSON is goflow's summary of the run that starts a session: the handler stands for its flow, and what is known of
// the call are its results, which the session reads as @parent.results.hangup_by and so on. goflow fails the session if
// it is not whole.
type summaryJSON struct {
	UUID    string            `json:"uuid"`
	Flow    referenceJSON     `json:"flow"`
	Status  string            `json:"status"`
	Results map[string]result `json:"results"`
}

type result struct {
	Name      string      `json:"name"`
	Value     string      `json:"value"`
	Category  string      `json:"category"`
	NodeUUID  string      `json:"node_uuid"`
	CreatedOn dialog.Time `json:"created_on"`
}

// anyCategory is goflow's category of a result that is not sorted into one.
const anyCategory = "All Responses"

// runUUID stands for the trigger where goflow wants a run.
func (f *firing) runUUID() string { return named("run", f.o.Account, f.triggerID) }

func (f *firing) summary() summaryJSON {
	s := summaryJSON{
		UUID: f.runUUID(), Flow: referenceJSON{f.c.uuid, f.c.handler.Name}, Status: "completed",
		Results: map[string]result{},
	}
	put := func(name, value, category string) { s.Results[resultKey(name)] = f.result(name, value, category) }
	for _, name := range sortedNames(f.o.Payload) {
		switch f.o.Payload[name].(type) {
		case string, bool, float64:
			if value, err := format(f.o.Payload[name]); err == nil && resultName(name) == nil {
				put(name, value, anyCategory)
			}
		}
	}
	put("event_type", f.o.Event.Type, f.o.Event.Type)
	if c := f.o.Call; c != nil {
		put("call_uuid", c.CallUUID, anyCategory)
		put("direction", c.Direction, c.Direction)
		put("disposition", string(c.Disposition), cmp.Or(string(c.Disposition), noneCategory))
		put("hangup_by", string(c.HangupBy), cmp.Or(string(c.HangupBy), noneCategory))
		put("missed", strconv.FormatBool(c.Missed), strconv.FormatBool(c.Missed))
		put("connected", strconv.FormatBool(c.Connected), strconv.FormatBool(c.Connected))
		put("talk_seconds", seconds(c.TalkMS), anyCategory)
		put("wait_seconds", seconds(c.WaitMS), anyCategory)
		put("external_number", f.o.number(), anyCategory)
		put("external_name", string(c.External.Name), anyCategory)
		put("project_id", c.Project.ID.Text(), anyCategory)
		put("project_name", string(c.Project.Name), anyCategory)
	}
	maps.Copy(s.Results, f.results)
	return s
}

// noneCategory is the category of what is not known.
const noneCategory = "none"

func (f *firing) result(name, value, category string) result {
	return result{name, value, category, f.c.uuid, f.o.happenedAt()}
}

// seconds are milliseconds as whole seconds.
func seconds(ms *int64) string { return strconv.Itoa(numberOf(ms) / 1000) }

// resultKey is the key that goflow makes of a result's name.
func resultKey(name string) string {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(parts, "_")
}
