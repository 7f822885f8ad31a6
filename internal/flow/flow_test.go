package flow_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/flow"
)

const (
	callUUID = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"
	legUUID  = "bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d"
)

func at(text string) dialog.Time {
	parsed, err := dialog.ParseTime(text)
	if err != nil {
		panic(err)
	}
	return parsed
}

// sample is an outbound call of a project whose called party hung up after 8 s.
func sample() *correlate.Call {
	return &correlate.Call{
		Account: "default", CallUUID: callUUID, Direction: "outbound", State: "ended",
		External: correlate.External{Number: "501 502 503", NumberE164: "+48501502503", Name: "A & B"},
		Project:  correlate.Project{ID: "7", Name: "Projekt Paweł"},
		Attempts: []correlate.Attempt{{DialogUUID: legUUID, DialogType: "EXTERNAL", Outcome: "answered"}},
		Legs: []correlate.LegRecord{{
			DialogUUID: legUUID, DialogType: "EXTERNAL", State: "closed", AnsweredAt: at("2020-08-25 16:25:00"),
			TalkingAt: at("2020-08-25 16:25:01"), ClosedAt: at("2020-08-25 16:25:09"), Holds: []correlate.HoldRecord{},
		}},
		Consultants: []correlate.Consultant{}, MeetingUUIDs: []string{}, Transfers: []correlate.Transfer{},
	}
}

func messages(t *testing.T, call *correlate.Call, events ...flow.Event) []flow.Message {
	t.Helper()
	made, err := flow.Messages(flow.Change{
		Account: call.Account, CallUUID: call.CallUUID, Events: events,
		Record: flow.EncodeRecord(call, 12, 1, time.Date(2026, 1, 2, 3, 4, 5, 600_000, time.UTC)),
	}, flow.Options{RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour})
	require.NoError(t, err)
	require.Len(t, made, len(events))
	return made
}

func TestMessageIsOneObjectForAllReaders(t *testing.T) {
	t.Parallel()
	message := messages(t, sample(), flow.Event{
		UUID: "a13f34b1-89f2-5645-9841-2acc60100943", Type: "dialog_closed", Seq: 11, DialogUUID: legUUID,
		CreatedOn: at("2020-08-25 16:25:09"), Late: true,
	})[0]
	require.Equal(t, "flow.trigger.default.dialog_closed", message.Subject)
	require.Equal(t, "a13f34b1-89f2-5645-9841-2acc60100943", message.ID)
	require.Equal(t, map[string]string{
		"Nats-Msg-Id": "a13f34b1-89f2-5645-9841-2acc60100943", "ce-specversion": "1.0",
		"ce-id": "a13f34b1-89f2-5645-9841-2acc60100943", "ce-source": "/webhookd/default",
		"ce-type": "webhookd.dialog_closed", "ce-subject": callUUID, "ce-time": "2020-08-25T16:25:09Z",
		"content-type": "application/json",
	}, message.Header)

	var body struct {
		UUID, Type   string
		CreatedOn    time.Time `json:"created_on"`
		Account      string    `json:"account_key"`
		Conversation string    `json:"conversation_type"`
		Key          string    `json:"conversation_key"`
		EventType    string    `json:"event_type"`
		Data         struct {
			Seq    int64
			Late   bool
			Call   flow.Record
			Dialog correlate.LegRecord
		} `json:"event_data"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(message.Body)))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&body))
	require.Equal(t, message.ID, body.UUID)
	require.Equal(t, "dialog_closed", body.Type)
	require.Equal(t, "dialog_closed", body.EventType)
	require.Equal(t, "2020-08-25T16:25:09Z", body.CreatedOn.Format(time.RFC3339))
	require.Equal(t, "default", body.Account)
	require.Equal(t, "pbx_project", body.Conversation)
	require.Equal(t, "7", body.Key)
	require.EqualValues(t, 11, body.Data.Seq)
	require.True(t, body.Data.Late)
	require.Equal(t, *sample(), body.Data.Call.Call)
	require.EqualValues(t, 12, body.Data.Call.Seq)
	require.Equal(t, 1, body.Data.Call.Revision)
	require.Equal(t, "2026-01-02T03:04:05.0006Z", body.Data.Call.UpdatedAt.Format(time.RFC3339Nano))
	require.Equal(t, sample().Legs[0], body.Data.Dialog)
}

// goflow's own event types carry what its JSON asks for.
func TestGoflowKeys(t *testing.T) {
	t.Parallel()
	channel := uuid.NewSHA1(uuid.NameSpaceURL, []byte("webhookd:channel:default:7")).String()
	when := at("2020-08-25 16:24:47")
	for kind, want := range map[string]string{
		"call_created": `{"call":{"uuid":"` + callUUID + `","urn":"tel:+48501502503","channel":{"uuid":"` + channel +
			`","name":"Projekt Paweł"}}}`,
		"call_received": `{"call":{"uuid":"` + callUUID + `","urn":"tel:+48501502503","channel":{"uuid":"` + channel +
			`","name":"Projekt Paweł"}}}`,
		"call_missed": `{"channel":{"uuid":"` + channel + `","name":"Projekt Paweł"}}`,
		"dial_wait": `{"urn":"tel:48xxxxxxxxx","dial_limit_seconds":600,"call_limit_seconds":14400,` +
			`"expires_on":"2020-08-25T16:34:47Z"}`,
		"dial_ended":   `{"dial":{"status":"answered","duration":8}}`,
		"call_started": `{}`,
	} {
		message := messages(t, sample(), flow.Event{
			UUID: "x", Type: kind, Seq: 1, CreatedOn: when, DialogUUID: legUUID, Number: "48xxxxxxxxx",
		})[0]
		var body map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(message.Body, &body))
		for _, key := range []string{
			"uuid", "type", "created_on", "account_key", "conversation_type", "conversation_key", "event_type", "event_data",
		} {
			require.Contains(t, body, key)
			delete(body, key)
		}
		got, err := json.Marshal(body)
		require.NoError(t, err)
		require.JSONEq(t, want, string(got), kind)
	}
}

// The statuses are those of design §7; the duration is that of the talk, never negative.
func TestDialEndedStatus(t *testing.T) {
	t.Parallel()
	for outcome, status := range map[correlate.Word]string{
		"answered": "answered", "busy": "busy", "no_answer": "no_answer", "rejected": "no_answer",
		"answered_elsewhere": "no_answer", "failed": "failed", "caller_left": "failed",
	} {
		call := sample()
		call.Attempts[0].Outcome = outcome
		call.Legs[0].TalkingAt = 0
		if outcome != "answered" {
			call.Legs[0].AnsweredAt = 0
		}
		message := messages(t, call, flow.Event{UUID: "x", Type: "dial_ended", DialogUUID: legUUID})[0]
		var body struct {
			Dial struct {
				Status   string
				Duration int
			}
		}
		require.NoError(t, json.Unmarshal(message.Body, &body))
		require.Equal(t, status, body.Dial.Status, outcome)
		if outcome == "answered" {
			require.Equal(t, 9, body.Dial.Duration) // from answered_at, for talking_at is null
		} else {
			require.Zero(t, body.Dial.Duration)
		}
	}
}

func TestTransferAndMergeTellTheirPlaces(t *testing.T) {
	t.Parallel()
	made := messages(t, sample(),
		flow.Event{UUID: "x", Type: "call_merged", From: "old"},
		flow.Event{UUID: "y", Type: "call_transferred", Transfer: &correlate.Transfer{
			From: "a", To: "b", At: at("2020-08-25 16:25:05"), Kind: "blind",
		}})
	require.Contains(t, string(made[0].Body), `"event_data":{"seq":0,"late":false,"from":"old","into":"`+callUUID+`",`)
	require.Contains(t, string(made[1].Body),
		`"transfer":{"from":"a","to":"b","at":"2020-08-25T16:25:05Z","kind":"blind"}`)
	require.NotContains(t, string(made[0].Body), `"dialog":`)
}

// What a handler made has goflow's keys at the top, no seq, and says what made it.
func TestActionEvents(t *testing.T) {
	t.Parallel()
	event := flow.Event{
		UUID: "a13f34b1-89f2-5645-9841-2acc60100943", Type: "error", CreatedOn: at("2020-08-25 16:25:09"), DialogUUID: legUUID,
		Goflow: json.RawMessage(` { "text" : "a" } `), Trigger: json.RawMessage(`{"uuid":"b"}`), Payload: json.RawMessage(`{"c":1}`),
	}
	message := messages(t, sample(), event)[0]
	require.Equal(t, "flow.trigger.default.error", message.Subject)
	require.Equal(t, callUUID, message.Header["ce-subject"])
	require.Equal(t, "webhookd.error", message.Header["ce-type"])
	require.True(t, strings.HasPrefix(string(message.Body), `{"uuid":"a13f34b1-89f2-5645-9841-2acc60100943","type":"error",`+
		`"created_on":"2020-08-25T16:25:09Z","text" : "a","account_key":"default","conversation_type":"pbx_project",`+
		`"conversation_key":"7","event_type":"error","event_data":{"trigger":{"uuid":"b"},"payload":{"c":1},"call":{"account":`))
	var body struct {
		Data struct {
			Dialog correlate.LegRecord `json:"dialog"`
			Call   correlate.Call      `json:"call"`
		} `json:"event_data"`
	}
	require.NoError(t, json.Unmarshal(message.Body, &body))
	require.Equal(t, sample().Legs[0], body.Data.Dialog)
	require.Equal(t, *sample(), body.Data.Call)

	// Through the outbox and back it is the same.
	kept, err := json.Marshal(event)
	require.NoError(t, err)
	var read flow.Event
	require.NoError(t, json.Unmarshal(kept, &read))
	require.JSONEq(t, string(message.Body), string(messages(t, sample(), read)[0].Body))
}

// Where there is no call, the subject is the trigger.
func TestActionEventsWithoutACall(t *testing.T) {
	t.Parallel()
	made, err := flow.Messages(flow.Change{Account: "acme", CallUUID: "of the trigger", Events: []flow.Event{
		{UUID: "x", Type: "failure", CreatedOn: 1, Trigger: json.RawMessage(`{"uuid":"b"}`), Goflow: json.RawMessage(`{}`)},
		{UUID: "y", Type: "failure", CreatedOn: 1, Trigger: json.RawMessage(`{"uuid":"b"}`)},
	}}, flow.Options{})
	require.NoError(t, err)
	for _, message := range made {
		require.Equal(t, "of the trigger", message.Header["ce-subject"])
		require.JSONEq(t, `{"uuid":"`+message.ID+`","type":"failure","created_on":"1970-01-01T00:00:01Z","account_key":"acme",
			"conversation_type":"pbx_project","conversation_key":"","event_type":"failure","event_data":{"trigger":{"uuid":"b"}}}`,
			string(message.Body))
	}
}

func TestActionEventsThatAreNoJSONAreErrors(t *testing.T) {
	t.Parallel()
	good := json.RawMessage(`{}`)
	for name, event := range map[string]flow.Event{
		"goflow":  {Goflow: json.RawMessage(`[]`), Trigger: good},
		"half":    {Goflow: json.RawMessage(`{"a":`), Trigger: good},
		"trigger": {Trigger: json.RawMessage(`{`)},
		"payload": {Trigger: good, Payload: json.RawMessage(`nothing`)},
	} {
		_, err := flow.Messages(flow.Change{Events: []flow.Event{event}}, flow.Options{})
		require.Error(t, err, name)
	}
}

func TestARecordThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	_, err := flow.Messages(flow.Change{Record: json.RawMessage(`{"legs":7}`)}, flow.Options{})
	require.Error(t, err)
}

func TestURN(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ number, e164, want string }{
		{"501502503", "+48501502503", "tel:+48501502503"},
		{"48501502503", "", "tel:48501502503"},
		{"+48xxxxxxxxx", "", "tel:48xxxxxxxxx"}, // goflow refuses a plus before an x
		{"+48 12 345", "", "tel:+4812345"},
		{"+112", "", "tel:112"}, // and before fewer than seven digits
		{"48XXX", "", "tel:48xxx"},
		{strings.Repeat("1", 65), "", "ext:" + strings.Repeat("1", 65)},
		{"pkowalski", "", "ext:pkowalski"},
		{"", "", "ext:unknown"},
		{"x", "", "ext:x"},
		{"a b#c", "", "ext:a%20b%23c"},
		{"(50) 1502-xxx", "", "tel:501502xxx"},
	} {
		require.Equal(t, c.want, flow.URN(c.number, c.e164))
	}
}

func TestTokensAreSafeAndNeverShared(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, text := range []string{"default", "A-1_b", "", "a.b", "*", ">", "a b", "zażółć", "b64-", "b64-YS5i", "a/b", "a\x00"} {
		token := flow.Token(text)
		require.Regexp(t, `^[A-Za-z0-9_-]+$`, token)
		require.NotContains(t, seen, token)
		seen[token] = text
		back, ok := flow.Text(token)
		require.True(t, ok)
		require.Equal(t, text, back)
	}
	for _, none := range []string{"", "a.b", "b64-ZGVmYXVsdA", "b64-YS5j=", "b64-*"} {
		_, ok := flow.Text(none)
		require.False(t, ok, none)
	}
	require.Equal(t, "default", flow.Token("default"))
	require.Equal(t, "b64-YS5i", flow.Token("a.b"))
	require.Equal(t, "flow.trigger.b64-Kg.call_ended", flow.Subject("*", "call_ended"))
	require.Equal(t, "default."+callUUID, flow.BucketKey("default", callUUID))
}

// The id is the one that design §7 defines: worked out here with the library, from the name as the design writes it.
func TestEventUUID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, leg, name string }{
		{"dialog_held", legUUID, "webhookd:event:acme:" + callUUID + ":dialog_held:" + legUUID + ":2"},
		{"call_ended", "", "webhookd:event:acme:" + callUUID + ":call_ended:-:2"},
	} {
		want := uuid.NewSHA1(uuid.NameSpaceURL, []byte(c.name)).String()
		require.Equal(t, want, flow.EventUUID("acme", callUUID, c.kind, c.leg, 2))
	}
}

func TestLedgerNumbersWithoutGapAndRepeat(t *testing.T) {
	t.Parallel()
	ledger, err := flow.ParseLedger(nil)
	require.NoError(t, err)
	ids := map[string]bool{}
	seq := int64(0)
	for round := range 4 {
		steps := []correlate.Step{
			{Kind: correlate.DialogHeld, CallUUID: callUUID, DialogUUID: legUUID},
			{Kind: correlate.CallEnded, CallUUID: callUUID},
			{Kind: correlate.CallSettled, CallUUID: callUUID},
		}
		for i, event := range ledger.Enter("default", steps) {
			seq++
			require.Equal(t, seq, event.Seq)
			require.NotContains(t, ids, event.UUID)
			ids[event.UUID] = true
			require.Equal(t, flow.EventUUID("default", callUUID, event.Type, steps[i].DialogUUID, round+1), event.UUID)
		}
		require.Equal(t, round+1, ledger.Count(correlate.CallEnded, ""))
		require.Equal(t, 0, ledger.Count(correlate.CallEnded, legUUID))
		// Through the store and back.
		ledger, err = flow.ParseLedger(ledger.Encode())
		require.NoError(t, err)
	}
	require.Equal(t, "12;-=14000;"+legUUID+"=80000;call_ended:-=4;call_settled:-=4;dialog_held:"+legUUID+"=4",
		string(ledger.Encode()))
	for _, bad := range []string{"no ledger", ";", "1;", "1;a", "1;a=x", "1;a:b=x", "1;a=1;"} {
		_, err = flow.ParseLedger([]byte(bad))
		require.Error(t, err, bad)
	}
}

// What is read of a record by its places is what reading the whole of it gives, whatever the texts in it.
func TestPartsOfARecordAreReadAsTheWhole(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*correlate.Call){
		"plain":        func(*correlate.Call) {},
		"no project":   func(c *correlate.Call) { c.Project = correlate.Project{} },
		"text id":      func(c *correlate.Call) { c.Project.ID = `"a\"b,\u0001"` },
		"open":         func(c *correlate.Call) { c.State = "talking" },
		"sly name":     func(c *correlate.Call) { c.External.Name = `,"project":{"id":7,"name":` },
		"sly number":   func(c *correlate.Call) { c.External.Number = `,"legs":[{"dialog_uuid":"` + legUUID + `"}]` },
		"sly revision": func(c *correlate.Call) { c.Project.Name = `,"revision":9,"state":"ended"` },
		"sly cause": func(c *correlate.Call) {
			c.Legs[0].CloseCause = `}]},{"dialog_uuid":"` + legUUID + `","state":"ringing"}`
		},
	} {
		call := sample()
		change(call)
		record := flow.EncodeRecord(call, 3, 2, time.Unix(1, 0))
		var spaced bytes.Buffer // the same in a form that is not ours
		require.NoError(t, json.Indent(&spaced, record, "", " "))
		events := []flow.Event{{UUID: "x", Type: "dialog_closed", DialogUUID: legUUID}, {UUID: "y", Type: "call_ended"}}
		fast, err := flow.Messages(flow.Change{Account: "default", CallUUID: callUUID, Record: record, Events: events}, flow.Options{})
		require.NoError(t, err)
		slow, err := flow.Messages(
			flow.Change{Account: "default", CallUUID: callUUID, Record: spaced.Bytes(), Events: events}, flow.Options{})
		require.NoError(t, err)
		for i := range fast {
			require.JSONEq(t, string(slow[i].Body), string(fast[i].Body), name)
		}
		for _, form := range [][]byte{record, spaced.Bytes()} {
			state, revision, ok := flow.Standing(form)
			require.True(t, ok, name)
			require.Equal(t, call.State, state, name)
			require.Equal(t, 2, revision, name)
		}
	}
	for _, bad := range []string{"", "7", `{"state":7}`, `{`} {
		_, _, ok := flow.Standing([]byte(bad))
		require.False(t, ok, bad)
	}
}
