package correlate_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// A lost update after which the same leg reported a further state changes nothing but times, durations and bases.

// withoutTimes gives what a lost update must not change. An attempt that was answered elsewhere is left out too: whether
// the other phone was picked up while this one rang hangs on the very second.
func withoutTimes(call *correlate.Call) string {
	c := *call
	c.ConnectedBasis, c.HangupBasis, c.EndBasis = "", "", ""
	c.StartedAt, c.SystemAnsweredAt, c.AlertingAt, c.AnsweredAt, c.TalkingAt, c.EndedAt = 0, 0, 0, 0, 0, 0
	c.RingMS, c.WaitMS, c.TalkMS, c.HoldMS, c.TotalMS = nil, nil, nil, nil, nil
	c.Legs = slices.Clone(c.Legs)
	for i := range c.Legs {
		l := &c.Legs[i]
		l.CreatedAt, l.RingingAt, l.AlertingAt, l.AnsweredAt, l.TalkingAt, l.ClosedAt = 0, 0, 0, 0, 0, 0
	}
	c.Attempts = slices.Clone(c.Attempts)
	for i := range c.Attempts {
		if c.Attempts[i].Outcome == correlate.OutcomeAnsweredElsewhere {
			c.Attempts[i].Outcome = correlate.OutcomeNoAnswer
		}
	}
	c.Transfers = slices.Clone(c.Transfers)
	for i := range c.Transfers {
		c.Transfers[i].At, c.Transfers[i].Kind = 0, ""
	}
	return string(append(c.AppendJSON(nil), '}'))
}

// finals gives the calls of webhooks at the end.
func finals(webhooks []*dialog.Webhook) map[string]*correlate.Call {
	set := correlate.NewSet(correlate.DefaultRules(), account)
	for _, w := range webhooks {
		e := correlate.NewLeg(w)
		for missing := set.Missing(e); len(missing) > 0; missing = set.Missing(e) {
			set.Load(missing, nil)
		}
		set.Apply(e)
	}
	calls := map[string]*correlate.Call{}
	for _, w := range webhooks {
		_, link := set.Leg(w.DialogUUID)
		calls[link.Call] = set.Call(link.Call)
	}
	return calls
}

// checkLosses loses every such update once.
func checkLosses(t require.TestingT, webhooks []*dialog.Webhook) int {
	whole := finals(webhooks)
	lost := 0
	for i, w := range webhooks {
		state, _ := fsm.Parse(w.State)
		further := slices.ContainsFunc(webhooks, func(o *dialog.Webhook) bool {
			next, _ := fsm.Parse(o.State)
			return o.DialogUUID == w.DialogUUID && next > state && next < fsm.Closed
		})
		// Of a leg whose create was lost too, the earliest webhook stands in for it: a second loss may move its place.
		created := slices.ContainsFunc(webhooks, func(o *dialog.Webhook) bool {
			return o.DialogUUID == w.DialogUUID && o.Kind == dialog.Create
		})
		if w.Kind != dialog.StateUpdate || state == fsm.None || state == fsm.Closed || !further || !created {
			continue
		}
		lost++
		left := finals(slices.Delete(slices.Clone(webhooks), i, i+1))
		require.Len(t, left, len(whole))
		for id, call := range whole {
			require.Equal(t, withoutTimes(call), withoutTimes(left[id]), "without %s of %s", w.State, w.DialogUUID)
		}
	}
	return lost
}

//nolint:paralleltest,tparallel // the scenarios count together
func TestALostUpdateChangesOnlyTimesInScenarios(t *testing.T) {
	t.Parallel()
	lost := 0
	for _, name := range scenarioNames(t) {
		data, err := os.ReadFile(filepath.Join(fixtures, name, "webhooks.ndjson"))
		require.NoError(t, err)
		var webhooks []*dialog.Webhook
		for line := range bytes.Lines(data) {
			w, err := dialog.Decode(line)
			require.NoError(t, err)
			if w.Kind != dialog.Other {
				webhooks = append(webhooks, &w)
			}
		}
		t.Run(name, func(t *testing.T) { lost += checkLosses(t, webhooks) })
	}
	require.NotZero(t, lost)
}

func TestALostUpdateChangesOnlyTimesInGeneratedCalls(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkLosses(t, drawCallOf(t)) })
}

// A generated call is internally consistent, and every order and every loss of its webhooks leaves it derivable.
func TestGeneratedCallsKeepTheirPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		webhooks := drawCallOf(t)
		for _, call := range finals(webhooks) {
			checkRecord(t, call)
			require.Equal(t, correlate.StateEnded, call.State)
			require.True(t, json.Valid(append(call.AppendJSON(nil), '}')))
		}
		kept := slices.DeleteFunc(slices.Clone(webhooks), func(*dialog.Webhook) bool {
			return rapid.IntRange(0, 3).Draw(t, "lost") == 0
		})
		if len(kept) == 0 {
			return
		}
		order := rapid.Permutation(kept).Draw(t, "order")
		require.Equal(t, finals(kept), finals(order))
		for _, call := range finals(order) {
			checkRecord(t, call)
		}
	})
}

// caller draws the webhooks of a realistic call (PBX documentation, "how calls run"), in order of time.
type caller struct {
	t    *rapid.T
	now  dialog.Time
	list []*dialog.Webhook
	legs int
}

func drawCallOf(t *rapid.T) []*dialog.Webhook {
	c := &caller{t: t, now: 1_700_000_000}
	switch rapid.SampledFrom([]string{"inbound", "outbound", "campaign"}).Draw(t, "way") {
	case "inbound":
		c.inbound()
	case "outbound":
		c.outbound()
	default:
		c.campaign()
	}
	return c.list
}

func (c *caller) pass(most int64) {
	c.now += dialog.Time(rapid.Int64Range(0, most).Draw(c.t, "seconds"))
}

func (c *caller) tell(kind dialog.Kind, leg, state string) *dialog.Webhook {
	w := &dialog.Webhook{Kind: kind, DialogUUID: leg, EventTime: c.now, State: state}
	copy(w.SHA256[:], strconv.Itoa(len(c.list)))
	c.list = append(c.list, w)
	return w
}

func (c *caller) create(dialogType, direction, business, state, parent string) string {
	c.legs++
	w := c.tell(dialog.Create, legID(100+c.legs), state)
	w.Told[dialog.DialogType], w.Told[dialog.Direction] = dialogType, direction
	w.Told[dialog.BusinessDirection], w.Told[dialog.CallerDialogUUID] = business, parent
	return w.DialogUUID
}

func (c *caller) update(leg, state string) { c.tell(dialog.StateUpdate, leg, state) }

func (c *caller) close(leg, cause string) { c.tell(dialog.Close, leg, "").CloseCause = cause }

// end closes two legs in one second or the next, either of them having hung up.
func (c *caller) end(a, b string) {
	causes := rapid.SampledFrom([][2]string{{"HANGUP", "DIALOG_LEFT"}, {"DIALOG_LEFT", "HANGUP"}}).Draw(c.t, "causes")
	c.close(a, causes[0])
	c.pass(1)
	c.close(b, causes[1])
}

func (c *caller) inbound() {
	customer := c.create("EXTERNAL", "OUTBOUND", "INBOUND", "ringing", "")
	c.pass(1)
	c.update(customer, "answered")
	for range rapid.IntRange(0, 3).Draw(c.t, "tried") {
		c.pass(3)
		phone := c.create("CONSULTANT", "INBOUND", "INBOUND", "alerting", customer)
		c.pass(20)
		c.close(phone, rapid.SampledFrom([]string{"HANGUP", "DIALOG_LEFT"}).Draw(c.t, "cause"))
	}
	c.pass(5)
	if rapid.Bool().Draw(c.t, "abandoned") {
		c.close(customer, "HANGUP")
		return
	}
	taker := c.create("CONSULTANT", "INBOUND", "INBOUND", "alerting", customer)
	c.pass(20)
	c.update(taker, "answered")
	c.update(taker, "talking")
	c.update(customer, "talking")
	c.pass(60)
	if rapid.Bool().Draw(c.t, "transferred") {
		next := c.create("CONSULTANT", "INBOUND", "INBOUND", "ringing", taker)
		c.pass(5)
		c.update(next, "alerting")
		c.pass(5)
		c.update(next, "answered")
		c.update(next, "talking")
		c.pass(5)
		c.close(taker, "HANGUP")
		c.now++
		c.pass(60)
		taker = next
	}
	c.end(customer, taker)
}

func (c *caller) outbound() {
	consultant := c.create("CONSULTANT", "OUTBOUND", "OUTBOUND", "ringing", "")
	c.pass(6)
	customer := c.create("EXTERNAL", "INBOUND", "OUTBOUND", "ringing", consultant)
	c.pass(2)
	c.update(customer, "alerting")
	c.pass(20)
	if rapid.Bool().Draw(c.t, "answered") {
		c.update(customer, "answered")
		c.update(customer, "talking")
		c.update(consultant, "talking")
		c.pass(60)
	}
	c.end(consultant, customer)
}

func (c *caller) campaign() {
	leg := func(dialogType string) string {
		id := c.create(dialogType, "INBOUND", "OUTBOUND", "ringing", "")
		w := c.list[len(c.list)-1]
		w.Told[dialog.ApplicationType], w.Told[dialog.CaseID] = "VOICE_CAMPAIGN", "77"
		return id
	}
	consultant := leg("CONSULTANT")
	c.pass(3)
	c.update(consultant, "alerting")
	c.pass(3)
	c.update(consultant, "answered")
	customer := leg("EXTERNAL")
	c.pass(3)
	c.update(customer, "alerting")
	c.pass(20)
	if rapid.Bool().Draw(c.t, "answered") {
		c.update(customer, "answered")
		c.update(customer, "talking")
		c.update(consultant, "talking")
		c.pass(60)
	}
	c.end(consultant, customer)
}
