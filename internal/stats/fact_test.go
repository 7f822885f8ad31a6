package stats_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/stats"
)

// scenario reads the call of a scenario, whose record was worked out by hand.
func scenario(t *testing.T, name string) *correlate.Call {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "fixtures", name, "call.json"))
	require.NoError(t, err)
	var call correlate.Call
	require.NoError(t, json.Unmarshal(data, &call))
	return &call
}

const none = stats.Unknown

// The facts of scenarios, worked out by hand from their records; the digits of a class are explained with Class.
func TestFactsOfScenarios(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]stats.Fact{
		// Anna's phone rang from 09:00:04 to 09:00:11, and her leg closed at 09:02:41.
		"inbound_answered": {
			{Project: "7", Class: 1112, Wait: 11, Talk: 149, Hold: 0},
			{Consultant: "11", Project: "7", Class: 1112, Wait: 7, Talk: 150, Hold: 0},
		},
		// The consultant called, so the wait is the call's.
		"outbound_answered": {
			{Project: "1", Class: 2111, Wait: 20, Talk: 8, Hold: 0},
			{Consultant: "1", Project: "1", Class: 2111, Wait: 20, Talk: 8, Hold: 0},
		},
		"outbound_busy": {
			{Project: "1", Class: 2511, Wait: 9, Talk: none, Hold: none},
			{Consultant: "1", Project: "1", Class: 2511, Wait: 9, Talk: none, Hold: none},
		},
		"inbound_abandoned_in_queue": {{Class: 1312, Wait: 91, Talk: none, Hold: none}},
		"bot_self_service_inbound":   {{Project: "3", Class: 1212, Wait: 92, Talk: none, Hold: none}},
	} {
		require.Equal(t, want, stats.FactsOf(scenario(t, name)), name)
	}
}

// How each consultant's part ended, by scenario: direction and outcome are the first two digits.
func TestHowPartsOfConsultantsEnded(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string]stats.Outcome{
		"inbound_ring_all":                 {"13": stats.AnsweredElsewhere, "11": stats.AnsweredElsewhere, "12": stats.Answered},
		"inbound_round_robin":              {"11": stats.NoAnswer, "12": stats.Rejected, "13": stats.Answered},
		"inbound_ring_all_caller_left":     {"11": stats.Abandoned, "12": stats.Abandoned, "13": stats.Abandoned},
		"inbound_rejected_then_abandoned":  {"14": stats.Rejected, "11": stats.Abandoned},
		"inbound_no_answer":                {"13": stats.NoAnswer},
		"blind_transfer_consultant":        {"11": stats.Answered, "12": stats.Answered},
		"blind_transfer_unanswered":        {"13": stats.Answered, "14": stats.NoAnswer},
		"consultative_transfer_consultant": {"1": stats.Answered, "13": stats.Answered},
		"campaign_consultant_waiting":      {"4": stats.Cancelled}, // the customer was not reached
		"campaign_hangup_inferred":         {"5": stats.Answered},  // nobody told talking
		"campaign_missing_try":             {"1": stats.NoAnswer, "3": stats.Answered},
		"outbound_cancelled":               {"5": stats.Cancelled},
		"outbound_consultant_only":         {"1": stats.Answered},
		"inbound_lost_talking":             {"11": stats.Answered},
		"internal_answered":                {"2": stats.Answered, "3": stats.Answered},
		"internal_rejected":                {"1": stats.Rejected, "2": stats.Rejected},
		"bot_then_abandoned":               {"3": stats.Abandoned},
		"external_only_inbound":            {}, // who it was is not known
		"dropped_types":                    {"2": stats.AnsweredElsewhere},
		"names_and_numbers": {
			"u-17": stats.AnsweredElsewhere, "18": stats.AnsweredElsewhere, "19": stats.Answered, "20": stats.AnsweredElsewhere,
		},
	} {
		got := map[string]stats.Outcome{}
		for _, fact := range stats.FactsOf(scenario(t, name))[1:] {
			got[fact.Consultant] = fact.Class.Outcome()
		}
		require.Equal(t, want, got, name)
	}
}

// After a transfer each consultant has the time that was theirs.
func TestTalkIsSharedOutAfterATransfer(t *testing.T) {
	t.Parallel()
	call := scenario(t, "blind_transfer_consultant")
	var sum int64
	for _, fact := range stats.FactsOf(call)[1:] {
		leg := call.Leg(call.Consultants[map[string]int{"11": 0, "12": 1}[fact.Consultant]].DialogUUID)
		require.EqualValues(t, leg.ClosedAt-leg.TalkingAt, fact.Talk)
		require.EqualValues(t, leg.AnsweredAt-leg.CreatedAt, fact.Wait)
		sum += fact.Talk
	}
	require.LessOrEqual(t, sum, *call.TalkMS/1000)
}

func TestACallThatGoesOnHasNoFacts(t *testing.T) {
	t.Parallel()
	call := scenario(t, "inbound_answered")
	call.State = "talking"
	require.Equal(t, []stats.Fact{}, stats.FactsOf(call))
}

// rungTwice is a call that came twice to one consultant, who has a username only, and is answered the second time.
func rungTwice() *correlate.Call {
	return &correlate.Call{
		State: correlate.StateEnded, Direction: "inbound", Connected: true, ConnectedBasis: "reported",
		Disposition: "answered", HangupBy: "consultant", HangupSide: "callee", HangupDialogUUID: "c",
		Consultants: []correlate.Consultant{
			{DialogUUID: "a", Username: "Ann"},
			{DialogUUID: "b", Username: "ann"},
			{DialogUUID: "c", ID: `"C-3"`, Username: "cid"},
			{DialogUUID: "d", Name: "nobody can tell who"},
		},
		Attempts: []correlate.Attempt{
			{DialogUUID: "a", Outcome: "no_answer"},
			{DialogUUID: "b", Outcome: "answered"},
			{DialogUUID: "c", Outcome: "answered"},
			{DialogUUID: "d", Outcome: "no_answer"},
		},
		Legs: []correlate.LegRecord{
			{DialogUUID: "a", CreatedAt: 100, ClosedAt: 110},
			{
				DialogUUID: "b", AlertingAt: 120, AnsweredAt: 124, TalkingAt: 125, ClosedAt: 185,
				Holds: []correlate.HoldRecord{{From: 130, To: 140}},
			},
			{
				DialogUUID: "c", CreatedAt: 150, AnsweredAt: 160, ClosedAt: 300, // its talking was lost
				Holds: []correlate.HoldRecord{{From: 135, To: 145}, {From: 170, To: 0}},
			},
			{DialogUUID: "d", CreatedAt: 100, ClosedAt: 110},
		},
	}
}

func TestThePartOfAConsultantWhoWasRungTwice(t *testing.T) {
	t.Parallel()
	require.Equal(t, []stats.Fact{
		{Class: 1121, Wait: none, Talk: none, Hold: none},
		// Rung from 120 to 124; talked from 125 to 185; on hold from 130 to 145 and from 170 on; another one hung up.
		{Consultant: "ann", Class: 1151, Wait: 4, Talk: 60, Hold: 15 + 15},
		{Consultant: "c-3", Class: 1121, Wait: 10, Talk: 140, Hold: 130},
	}, stats.FactsOf(rungTwice()))
}

func TestClocksThatGoWrongDoNotSpoilSums(t *testing.T) {
	t.Parallel()
	call := rungTwice()
	call.Legs[1].ClosedAt = dialog.Time(253402300799)
	long := int64(253402300799000)
	call.WaitMS, call.TalkMS = &long, &long
	for _, fact := range stats.FactsOf(call) {
		for _, seconds := range []int64{fact.Wait, fact.Talk, fact.Hold} {
			require.LessOrEqual(t, seconds, int64(math.MaxInt32))
			require.GreaterOrEqual(t, seconds, int64(none))
		}
	}
}

func TestTheDigitsOfAClass(t *testing.T) {
	t.Parallel()
	class := stats.Class(2943)
	require.Equal(t, stats.Outbound, class.Direction())
	require.Equal(t, stats.AnsweredElsewhere, class.Outcome())
	require.Equal(t, stats.UnknownParty, class.Party())
	require.Equal(t, stats.Side(3), class.Side())
	for class, want := range map[stats.Class]stats.CallFigures{
		3911: {Calls: 1, AnsweredElsewhere: 1, HungUpBy: stats.PartyFigures{External: 1}, HungUpSide: stats.SideFigures{Callee: 1}},
		3090: {Calls: 1}, // of a version to come
	} {
		got := stats.NewFigures([]stats.Tally{{Class: class, Count: 1}}).UnknownDirection
		zero := 0.0
		want.AnswerRate = &zero
		require.Equal(t, want, got)
	}
}
