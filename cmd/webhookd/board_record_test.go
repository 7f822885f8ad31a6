package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/browsertest"
)

// boardLeg gives a leg of a record, with the times of the states that it reached: seconds of one minute.
func boardLeg(id, kind, state string, at map[string]int, more ...func(map[string]any)) map[string]any {
	leg := map[string]any{
		"dialog_uuid": id, "dialog_type": kind, "direction": "INBOUND", "caller_dialog_uuid": "root", "link_basis": "caller_dialog_uuid",
		"state": state, "close_cause": nil, "created_at": nil, "ringing_at": nil, "alerting_at": nil, "answered_at": nil,
		"talking_at": nil, "closed_at": nil, "holds": []any{},
	}
	if id == "root" {
		leg["caller_dialog_uuid"], leg["link_basis"], leg["direction"] = nil, "root", "OUTBOUND"
	}
	for name, second := range at {
		leg[name+"_at"] = moment(second)
	}
	for _, change := range more {
		change(leg)
	}
	return leg
}

func moment(second int) string { return fmt.Sprintf("2026-02-02T09:00:%02dZ", second) }

func heldFrom(second int) func(map[string]any) {
	return func(leg map[string]any) { leg["holds"] = []any{map[string]any{"from": moment(second), "to": nil}} }
}

// Where a call is on the board, for every way in which it can stand; worked out by hand from docs/wallboard.md.
func TestTheBoardKnowsWhereACallIs(t *testing.T) {
	t.Parallel()
	type legs = []map[string]any
	cases := []struct {
		name                        string
		direction, state            string
		connected                   bool
		talkingAt                   int
		legs                        legs
		group                       string
		since                       int
		waits                       bool
		consultant, consultantState string
	}{
		{
			"in the queue", "inbound", "answered", false, 0,
			legs{boardLeg("root", "EXTERNAL", "answered", map[string]int{"created": 1, "answered": 2})},
			"waiting", 1, true, "", "",
		},
		{
			"a telephone rings for the customer", "inbound", "answered", false, 0,
			legs{
				boardLeg("root", "EXTERNAL", "answered", map[string]int{"created": 1, "answered": 2}),
				boardLeg("anna", "CONSULTANT", "alerting", map[string]int{"created": 5, "alerting": 5}),
			},
			"ringing", 1, true, "Anna", "ringing",
		},
		{
			"the first one did not answer", "inbound", "answered", false, 0,
			legs{
				boardLeg("root", "EXTERNAL", "answered", map[string]int{"created": 1, "answered": 2}),
				boardLeg("anna", "CONSULTANT", "closed", map[string]int{"created": 5, "alerting": 5, "closed": 9}),
			},
			"waiting", 1, true, "", "",
		},
		{
			"they talk", "inbound", "talking", true, 8,
			legs{
				boardLeg("root", "EXTERNAL", "talking", map[string]int{"created": 1, "answered": 2, "talking": 8}),
				boardLeg("anna", "CONSULTANT", "talking", map[string]int{"created": 5, "alerting": 5, "answered": 7, "talking": 8}),
			},
			"talking", 8, false, "Anna", "talking",
		},
		{
			"on hold", "inbound", "talking", true, 8,
			legs{
				boardLeg("root", "EXTERNAL", "talking", map[string]int{"created": 1, "answered": 2, "talking": 8}),
				boardLeg("anna", "CONSULTANT", "talking", map[string]int{"created": 5, "talking": 8}, heldFrom(20)),
			},
			"held", 20, false, "Anna", "held",
		},
		{
			"handed on, and nobody rings yet", "inbound", "talking", true, 8,
			legs{
				boardLeg("root", "EXTERNAL", "talking", map[string]int{"created": 1, "talking": 8}),
				boardLeg("anna", "CONSULTANT", "closed", map[string]int{"created": 5, "talking": 8, "closed": 30}),
			},
			"waiting", 30, true, "", "",
		},
		{
			"handed on, and the next one rings", "inbound", "talking", true, 8,
			legs{
				boardLeg("root", "EXTERNAL", "talking", map[string]int{"created": 1, "talking": 8}),
				boardLeg("anna", "CONSULTANT", "ringing", map[string]int{"created": 31, "ringing": 31}),
				boardLeg("bert", "CONSULTANT", "closed", map[string]int{"created": 5, "talking": 8, "closed": 30}),
			},
			"ringing", 30, true, "Anna", "ringing",
		},
		{
			"a customer is called", "outbound", "alerting", false, 0,
			legs{
				boardLeg("root", "CONSULTANT", "ringing", map[string]int{"created": 1, "ringing": 1}),
				boardLeg("customer", "EXTERNAL", "alerting", map[string]int{"created": 4, "alerting": 6}),
			},
			"ringing", 1, false, "", "",
		},
		{
			"only the one who calls is known", "outbound", "ringing", false, 0,
			legs{boardLeg("root", "CONSULTANT", "ringing", map[string]int{"created": 1, "ringing": 1})},
			"ringing", 1, false, "", "",
		},
		{
			"a campaign has a customer and no consultant", "outbound", "answered", false, 0,
			legs{boardLeg("customer", "EXTERNAL", "answered", map[string]int{"created": 1, "answered": 12})},
			"waiting", 12, true, "", "",
		},
		{
			"with a bot", "inbound", "talking", false, 0,
			legs{
				boardLeg("root", "EXTERNAL", "talking", map[string]int{"created": 1, "talking": 3}),
				boardLeg("bot", "BOT", "talking", map[string]int{"created": 2, "talking": 3}),
			},
			"talking", 3, false, "", "",
		},
		{
			"a shared screen is no party", "inbound", "answered", false, 0,
			legs{
				boardLeg("root", "EXTERNAL", "answered", map[string]int{"created": 1, "answered": 2}),
				boardLeg("screen", "SCREENSHARE_DIALOG", "ringing", map[string]int{"created": 5}),
			},
			"waiting", 1, true, "", "",
		},
		{
			"over", "inbound", "ended", true, 8,
			legs{
				boardLeg("root", "EXTERNAL", "closed", map[string]int{"created": 1, "talking": 8, "closed": 40}),
				boardLeg("anna", "CONSULTANT", "closed", map[string]int{"created": 5, "talking": 8, "closed": 40}),
			},
			"ended", 40, false, "Anna", "talking",
		},
	}
	s := startService(t, nil, "--data-dir", t.TempDir())
	tab := openBoard(t, s, "")
	for _, c := range cases {
		record := map[string]any{
			"call_uuid": "root", "direction": c.direction, "state": c.state, "connected": c.connected, "started_at": moment(1),
			"talking_at": nil, "answered_at": nil, "ended_at": nil, "disposition": nil, "missed": false, "hangup_by": nil,
			"external": map[string]any{"number": "48501200101", "number_e164": "+48501200101", "name": "Jan"},
			"project":  map[string]any{"id": 7, "name": nil}, "legs": c.legs, "consultants": []any{},
		}
		if c.talkingAt > 0 {
			record["talking_at"] = moment(c.talkingAt)
		}
		if c.state == "ended" {
			record["ended_at"] = moment(40)
		}
		for _, leg := range c.legs {
			if leg["dialog_uuid"] == "anna" {
				record["consultants"] = []any{map[string]any{"dialog_uuid": "anna", "id": 11, "username": "anna", "name": "Anna"}}
			}
		}
		encoded, err := json.Marshal(record)
		require.NoError(t, err)
		told := browsertest.Get(tab, chromedp.Evaluate[string](fmt.Sprintf(`import(document.querySelector('script[src$="/board.js"]').src
			.replace("board.js", "record.js")).then(({ read }) => { const { group, since, waits, people, number, name, project } = read(%s);
			return [group, new Date(since).toISOString().slice(17, 19), waits, people.map((p) => p.name + " " + p.state).join(), number, name, project].join("|") })`,
			encoded), chromedp.EvalAwaitPromise))
		consultant := ""
		if c.consultant != "" {
			consultant = c.consultant + " " + c.consultantState
		}
		assert.Equal(t, fmt.Sprintf("%s|%02d|%t|%s|+48501200101|Jan|7", c.group, c.since, c.waits, consultant), told, c.name)
	}
	assert.Empty(t, tab.Complaints())
}
