package correlate_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

const (
	userLeg    = "c2b19c63-f17b-4726-b3a1-5b5046e887ef" // the consultant's leg of the documented call
	contactLeg = "bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d" // the customer's
)

// recorded is the evidence of a record.
func recorded(t testing.TB, body string) *correlate.Leg {
	t.Helper()
	record, err := dialog.DecodeRecord([]byte(body))
	require.NoError(t, err)
	return correlate.NewRecordedLeg(&record)
}

// The PBX's records of the documented call's two legs, with the times that its webhooks have.
func recordsOfTheDocumentedCall(t testing.TB) []*correlate.Leg {
	t.Helper()
	return []*correlate.Leg{
		recorded(t, `{"dialog_uuid":"`+userLeg+`","dialog_type":"CONSULTANT","business_direction":"OUTBOUND",
			"business_end_cause":"DIALOG_LEFT","start_time":"2020-08-25 16:24:41","ring_time":null,"alert_time":null,
			"answer_time":null,"serve_time":"2020-08-25 16:25:01","hangup_time":"2020-08-25 16:25:09","talking_time":8000}`),
		recorded(t, `{"dialog_uuid":"`+contactLeg+`","dialog_type":"EXTERNAL","business_direction":"OUTBOUND",
			"business_end_cause":"HANGUP","start_time":"2020-08-25 16:24:47","alert_time":"2020-08-25 16:24:50",
			"answer_time":"2020-08-25 16:25:00","serve_time":"2020-08-25 16:25:01","hangup_time":"2020-08-25 16:25:09"}`),
	}
}

// timedOut are closes that webhookd made up.
func timedOut(id string) *correlate.Leg {
	at, _ := dialog.ParseTime("2020-08-25 16:25:00")
	return correlate.NewMadeClose(id, at, correlate.BasisTimeout, "TIMEOUT")
}

func only(t testing.TB, evidence ...*correlate.Leg) correlate.Call {
	t.Helper()
	played := play(evidence)
	require.Len(t, played.records, 1)
	for _, text := range played.records {
		var call correlate.Call
		require.NoError(t, json.Unmarshal([]byte(text), &call))
		return call
	}
	panic("not reached")
}

// A call of which the end was lost is, with the PBX's records, what it would have been, but for the basis of its end.
// The order in which the parts become known does not matter.
func TestRecordsTakeThePlaceOfALostEnd(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(fixtures + "/outbound_answered/call.json")
	require.NoError(t, err)
	var call correlate.Call
	require.NoError(t, json.Unmarshal(want, &call))
	call.EndBasis = correlate.BasisReconciled

	webhooks := readEvidence(t, "outbound_answered")[:6]
	evidence := slices.Concat(webhooks, []*correlate.Leg{timedOut(userLeg), timedOut(contactLeg)}, recordsOfTheDocumentedCall(t))
	for range 20 {
		got := only(t, evidence...)
		require.Equal(t, string(call.AppendJSON(nil)), string(got.AppendJSON(nil)))
		evidence = append(evidence[1:], evidence[0])
	}
	reported := only(t, slices.Concat(evidence, readEvidence(t, "outbound_answered")[6:])...)
	require.JSONEq(t, string(want), string(append(reported.AppendJSON(nil), '}')), "the webhook's word counts when it comes")
}

// Where a webhook and a record tell different things, the webhook is believed; what it does not tell comes from the record.
func TestWebhooksWinOverRecords(t *testing.T) {
	t.Parallel()
	odd := recorded(t, `{"dialog_uuid":"`+contactLeg+`","dialog_type":"SYSTEM","business_direction":"INBOUND",
		"business_end_cause":"REJECTED","start_time":"2020-08-25 10:00:00","ring_time":"2020-08-25 10:00:01",
		"alert_time":"2020-08-25 10:00:02","answer_time":"2020-08-25 10:00:03","serve_time":"2020-08-25 10:00:04",
		"hangup_time":"2020-08-25 18:00:00"}`)
	want, err := os.ReadFile(fixtures + "/outbound_answered/call.json")
	require.NoError(t, err)
	got := only(t, append(readEvidence(t, "outbound_answered"), odd)...)
	require.JSONEq(t, string(want), string(append(got.AppendJSON(nil), '}')))
}

// A dialog known from its record alone: its direction follows from the call's if it is EXTERNAL.
func TestARecordAloneMakesALeg(t *testing.T) {
	t.Parallel()
	inbound := only(t, recorded(t, `{"dialog_uuid":"`+contactLeg+`","dialog_type":"EXTERNAL","business_direction":"INBOUND",
		"from_display_target":"48501502503","to_display_target":"48221234567","business_end_cause":"HANGUP",
		"start_time":"2020-08-25 16:24:47","answer_time":"2020-08-25 16:24:48","hangup_time":"2020-08-25 16:25:47"}`))
	require.Equal(t, "inbound", inbound.Direction)
	require.Equal(t, correlate.Word("OUTBOUND"), inbound.Legs[0].Direction)
	require.Equal(t, correlate.Word("48501502503"), inbound.External.Number)
	require.Equal(t, correlate.DispositionAbandoned, inbound.Disposition, "only the system picked up, and he hung up")
	require.True(t, inbound.Missed)
	require.Equal(t, correlate.BasisReconciled, inbound.EndBasis)
	require.EqualValues(t, 60000, *inbound.TotalMS)

	outbound := only(t, recorded(t, `{"dialog_uuid":"`+contactLeg+`","dialog_type":"EXTERNAL","business_direction":"OUTBOUND",
		"from_display_target":"48221234567","to_display_target":"48501502503","business_end_cause":"DIALOG_LEFT",
		"start_time":"2020-08-25 16:24:47","answer_time":"2020-08-25 16:24:57","serve_time":"2020-08-25 16:24:57",
		"hangup_time":"2020-08-25 16:25:07"}`))
	require.Equal(t, "outbound", outbound.Direction)
	require.Equal(t, correlate.Word("48501502503"), outbound.External.Number)
	require.Equal(t, correlate.DispositionAnswered, outbound.Disposition)
	require.EqualValues(t, 10000, *outbound.TalkMS)
}

// The weakest link is told: timeout, then manual, then reconciled.
func TestTheEndRestsOnItsWeakestLeg(t *testing.T) {
	t.Parallel()
	webhooks := readEvidence(t, "outbound_answered")[:6]
	records := recordsOfTheDocumentedCall(t)
	at, _ := dialog.ParseTime("2020-08-25 16:25:00")
	byHand := correlate.NewMadeClose(contactLeg, at, correlate.BasisManual, "MANUAL")
	for _, c := range []struct {
		more []*correlate.Leg
		want correlate.Word
	}{
		{[]*correlate.Leg{timedOut(userLeg), timedOut(contactLeg), records[0]}, correlate.BasisTimeout},
		{[]*correlate.Leg{byHand, records[0]}, correlate.BasisManual},
		{[]*correlate.Leg{byHand, records[0], records[1]}, correlate.BasisReconciled},
		{[]*correlate.Leg{readEvidence(t, "outbound_answered")[7], records[1]}, correlate.BasisReconciled},
	} {
		require.Equal(t, c.want, only(t, slices.Concat(webhooks, c.more)...).EndBasis)
	}
}

func TestARecordThatTellsNothingNewAddsNothing(t *testing.T) {
	t.Parallel()
	legs := map[string]*correlate.Leg{}
	for _, e := range readEvidence(t, "outbound_answered") {
		if known := legs[e.UUID]; known != nil {
			e = correlate.Merge(known, e)
		}
		legs[e.UUID] = e
	}
	records := recordsOfTheDocumentedCall(t)
	require.True(t, correlate.Adds(nil, records[0]))
	for _, record := range records {
		require.False(t, correlate.Adds(legs[record.UUID], record))
		require.True(t, correlate.Adds(timedOut(record.UUID), record))
		require.False(t, correlate.Adds(correlate.Merge(timedOut(record.UUID), record), record))
	}
}

func TestGapsAreWhatRecordsMayTell(t *testing.T) {
	t.Parallel()
	all := readEvidence(t, "outbound_answered")
	gaps := func(evidence ...*correlate.Leg) []string {
		call := only(t, evidence...)
		return correlate.Gaps(&call)
	}
	require.Nil(t, gaps(all...))
	require.Nil(t, gaps(all[:6]...), "it goes on")
	require.Equal(t, []string{correlate.GapEnd}, gaps(append(slices.Clone(all[:6]), timedOut(userLeg), timedOut(contactLeg))...))
	require.Equal(t, []string{correlate.GapCreated}, gaps(append(slices.Clone(all[1:]), all[0])[:7]...))
	without := slices.Concat(all[:4], all[6:]) // nobody was told to talk
	require.Equal(t, []string{correlate.GapTalking}, gaps(without...))
	var customer []*correlate.Leg
	for _, e := range all {
		if e.UUID == contactLeg {
			customer = append(customer, e)
		}
	}
	require.Equal(t, []string{correlate.GapCallerLeg}, gaps(customer...))
	alone := only(t, customer...)
	require.Equal(t, []string{contactLeg, userLeg}, correlate.Dialogs(&alone))
}
