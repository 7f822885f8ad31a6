package triggerapi_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

func subscriber(id string) triggerapi.Recipient {
	return triggerapi.Recipient{Subscriber: store.Subscriber{ID: id}}
}

func topic(key string) triggerapi.Recipient { return triggerapi.Recipient{Topic: key} }

// faults gives what is wrong, as "field: message".
func faults(t *testing.T, err error) []string {
	t.Helper()
	var invalid *triggerapi.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.NotEmpty(t, invalid.Faults)
	require.Equal(t, strings.Join(invalid.Messages(), "; "), err.Error())
	return invalid.Messages()
}

func TestWhomATriggerGoesTo(t *testing.T) {
	t.Parallel()
	whole := store.Subscriber{
		ID: "a", Email: "a@example.com", Phone: "+48501502503", FirstName: "Anna", LastName: "Nowak", Locale: "pl_PL",
		Avatar: "https://example.com/a.png", Data: json.RawMessage(`{"vip":true}`),
	}
	for to, want := range map[string][]triggerapi.Recipient{
		`"a"`:                              {subscriber("a")},
		`{"subscriberId":"a"}`:             {subscriber("a")},
		`{"subscriberId":" a@b.c/ż "}`:     {subscriber(" a@b.c/ż ")},
		`{"type":"Topic","topicKey":"t"}`:  {topic("t")},
		`{"type":"topic","topicKey":"t"}`:  {topic("t")},
		`{"topicKey":"t"}`:                 {topic("t")},
		`{"topicKey":"t","exclude":null}`:  {topic("t")},
		`[]`:                               {},
		`["a","b"]`:                        {subscriber("a"), subscriber("b")},
		`["a",{"topicKey":"t"}]`:           {subscriber("a"), topic("t")},
		`[{"subscriberId":"a","type":""}]`: {subscriber("a")},
		`{"type":"Subscriber","subscriberId":"a","topicKey":"t"}`: {subscriber("a")},
		`{"subscriberId":"a","topicKey":"t"}`:                     {subscriber("a")},
		`{"subscriberId":"a","email":null,"phone":"","unknown":[1]}`: {
			subscriber("a"),
		},
		`{"subscriberId":"a","email":"a@example.com","phone":"+48501502503","firstName":"Anna","lastName":"Nowak",
		  "locale":"pl_PL","avatar":"https://example.com/a.png","data":{ "vip" : true }}`: {{Subscriber: whole}},
	} {
		request, err := triggerapi.ReadTrigger([]byte(`{"name":"n","to":`+to+`}`), "")
		require.NoError(t, err, to)
		require.Equal(t, want, request.To, to)
	}
}

func TestRubbishIsRefused(t *testing.T) {
	t.Parallel()
	const neither = ": It is neither a subscriber's id nor an object."
	for to, want := range map[string][]string{
		``:                                {"to: It is missing."},
		`null`:                            {"to: It is missing."},
		`7`:                               {"to" + neither},
		`true`:                            {"to" + neither},
		`""`:                              {"to: It is empty."},
		`" "`:                             {"to: It is empty."},
		`{}`:                              {"to.subscriberId: It is missing."},
		`{"email":"a@b.c"}`:               {"to.subscriberId: It is missing."},
		`{"subscriberId":7}`:              {"to.subscriberId: It is no text."},
		`{"subscriberId":{"a":"b"}}`:      {"to.subscriberId: It is no text."},
		`{"subscriberId":"a\u0000"}`:      {"to.subscriberId: It holds a control character."},
		`{"subscriberId":"a","phone":7}`:  {"to.phone: It is no text."},
		`{"subscriberId":"a","data":"x"}`: {"to.data: It is no object."},
		`{"type":"Topic"}`:                {"to.topicKey: It is missing."},
		`{"type":"Topic","topicKey":7}`:   {"to.topicKey: It is no text."},
		`{"type":"Topic","topicKey":"t","exclude":["a"]}`: {
			"to.exclude: Leaving subscribers of a topic out is not possible here.",
		},
		`{"type":"Group","subscriberId":"a"}`: {"to.type: It is neither Subscriber nor Topic."},
		`["a",["b"]]`:                         {"to[1]" + neither},
		`[null,"a",7]`:                        {"to[0]" + neither, "to[2]" + neither},
		`[{"to":"a"}]`:                        {"to[0].subscriberId: It is missing."},
		`"` + strings.Repeat("a", 401) + `"`:  {"to: It has more than 400 bytes."},
	} {
		body := `{"name":"n","to":` + to + `}`
		if to == "" {
			body = `{"name":"n"}`
		}
		_, err := triggerapi.ReadTrigger([]byte(body), "")
		require.Equal(t, want, faults(t, err), to)
	}
	many := `"a"` + strings.Repeat(`,"a"`, triggerapi.MaxRecipients)
	_, err := triggerapi.ReadTrigger([]byte(`{"name":"n","to":[`+many+`]}`), "")
	require.Equal(t, []string{"to: It has more than 100 entries: put the subscribers on a topic."}, faults(t, err))
	_, err = triggerapi.ReadTrigger([]byte(`{"name":"n","to":[`+many[4:]+`]}`), "")
	require.NoError(t, err)
	_, err = triggerapi.ReadTrigger([]byte(`{"name":"n","to":[`+strings.ReplaceAll(many[4:], `"a"`, "7")+`]}`), "")
	require.Len(t, faults(t, err), 20, "one need not be told the same a hundred times")
}

func TestObjectsAreBounded(t *testing.T) {
	t.Parallel()
	payload := func(size int) []byte { // of so many bytes, with white space beside
		return []byte(`{"name":"n","to":"a","payload": { "a" : "` + strings.Repeat("x", size-len(`{"a":""}`)) + `" } }`)
	}
	_, err := triggerapi.ReadTrigger(payload(triggerapi.MaxObject), "")
	require.NoError(t, err)
	_, err = triggerapi.ReadTrigger(payload(triggerapi.MaxObject+1), "")
	require.Equal(t, []string{"payload: It is longer than 262144 bytes."}, faults(t, err))
}

func TestTheRestOfATrigger(t *testing.T) {
	t.Parallel()
	request, err := triggerapi.ReadTrigger([]byte(`{"name":"n","to":"a","payload":{ "b" : 1.50, "a":[ ] },
		"overrides":null,"transactionId":null,"actor":null,"tenant":{"x":1},"Name":"other","bridgeUrl":"u"}`), "")
	require.NoError(t, err)
	require.Equal(t, triggerapi.Request{
		Name: "n", To: []triggerapi.Recipient{subscriber("a")}, Payload: json.RawMessage(`{"b":1.50,"a":[]}`),
	}, request)

	request, err = triggerapi.ReadTrigger([]byte(`{"name":"n","to":"a","payload":null,"overrides":{"a":{}},
		"transactionId":"tx 1","actor":{"subscriberId":"b","firstName":"Bert"}}`), "")
	require.NoError(t, err)
	require.Equal(t, triggerapi.Request{
		Name: "n", To: []triggerapi.Recipient{subscriber("a")}, Payload: json.RawMessage(`{}`),
		Overrides: json.RawMessage(`{"a":{}}`), TransactionID: "tx 1", Actor: &store.Subscriber{ID: "b", FirstName: "Bert"},
	}, request)

	for part, want := range map[string]string{
		`"name":""`:            "name: It is missing.",
		`"name":" "`:           "name: It is missing.",
		`"name":7`:             "name: It is no text.",
		`"payload":"x"`:        "payload: It is no object.",
		`"payload":[]`:         "payload: It is no object.",
		`"overrides":7`:        "overrides: It is no object.",
		`"transactionId":7`:    "transactionId: It is no text.",
		`"transactionId":{}`:   "transactionId: It is no text.",
		`"actor":7`:            "actor: It is neither a subscriber's id nor an object.",
		`"actor":{}`:           "actor.subscriberId: It is missing.",
		`"transactionId":"\n"`: "transactionId: It holds a control character.",
		`"transactionId":"` + strings.Repeat("x", 401) + `"`: "transactionId: It has more than 400 bytes.",
		`"name":"` + strings.Repeat("x", 257) + `"`:          "name: It has more than 256 bytes.",
	} {
		_, err := triggerapi.ReadTrigger([]byte(`{"name":"n","to":"a",`+part+`}`), "")
		require.Equal(t, []string{want}, faults(t, err), part)
	}
}

func TestBroadcastNeedsAPayload(t *testing.T) {
	t.Parallel()
	request, err := triggerapi.ReadBroadcast([]byte(`{"name":"n","payload":{},"to":"ignored"}`), "")
	require.NoError(t, err)
	require.Equal(t, triggerapi.Request{Name: "n", Payload: json.RawMessage(`{}`)}, request)
	for _, body := range []string{`{"name":"n"}`, `{"name":"n","payload":null}`} {
		_, err := triggerapi.ReadBroadcast([]byte(body), "")
		require.Equal(t, []string{"payload: It is missing."}, faults(t, err))
	}
	_, err = triggerapi.ReadBroadcast([]byte(`name=n`), "")
	require.NoError(t, err, "a form cannot say an empty object")
}

func TestBulkIsReadOneByOne(t *testing.T) {
	t.Parallel()
	elements, err := triggerapi.ReadBulk([]byte(`{"events":[{"name":"n","to":"a"},null,{"name":"n"},{"name":"m","to":["b"]}]}`), "")
	require.NoError(t, err)
	require.Len(t, elements, 4)
	require.NoError(t, elements[0].Err)
	require.Equal(t, []string{"The trigger is no object."}, faults(t, elements[1].Err))
	require.Equal(t, []string{"to: It is missing."}, faults(t, elements[2].Err))
	require.Equal(t, "m", elements[3].Name)
	for body, want := range map[string]string{
		`{}`: "events: It is missing.", `{"events":null}`: "events: It is missing.", `{"events":{}}`: "events: It is no list.",
		`{"events":[]}`: "events: It holds 0 triggers; a bulk request has 1 to 100.",
		`{"events":[` + strings.Repeat("{},", 100) + `{}]}`: "events: It holds 101 triggers; a bulk request has 1 to 100.",
	} {
		_, err := triggerapi.ReadBulk([]byte(body), "")
		require.Equal(t, []string{want}, faults(t, err))
	}
	elements, err = triggerapi.ReadBulk([]byte(`events[][name]=n&events[][to]=a&events[][name]=m&events[][to][]=b&events[][to][]=c`), "")
	require.NoError(t, err)
	require.Len(t, elements, 2)
	require.Equal(t, []triggerapi.Recipient{subscriber("b"), subscriber("c")}, elements[1].To)
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                       "There is no body.",
		" \n":                    "There is no body.",
		"{":                      "The body is no valid JSON.",
		`{"a":1} x`:              "The body is no valid JSON.",
		`{"a":1}{}`:              "The body is no valid JSON.",
		`[]`:                     "The body is no JSON object.",
		`[{}]`:                   "The body is no JSON object.",
		`{"a":"` + "\xff" + `"}`: "The body is no text in UTF-8.",
		strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat(`}`, 33): "Objects and lists are nested more than 32 deep.",
		strings.Repeat(`[`, 100_000):                                "Objects and lists are nested more than 32 deep.",
	} {
		_, err := triggerapi.ReadTrigger([]byte(body), "application/json")
		require.Equal(t, []string{want}, faults(t, err))
		var invalid *triggerapi.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.True(t, invalid.Malformed)
	}
	_, err := triggerapi.ReadTrigger([]byte(`"x"`), "application/problem+json")
	require.Equal(t, []string{"The body is no JSON object."}, faults(t, err))
	for _, label := range []string{"application/xml", "multipart/form-data; boundary=x", "image/png", "nonsense;;"} {
		_, err := triggerapi.ReadTrigger([]byte(`a=b`), label)
		require.ErrorIs(t, err, triggerapi.ErrMediaType, label)
	}
	deep := `{"name":"n","to":"a","payload":` + strings.Repeat(`{"a":`, 31) + `"{[\"{["` + strings.Repeat(`}`, 31) + `}`
	_, err = triggerapi.ReadTrigger([]byte(deep), "")
	require.NoError(t, err, "brackets in texts nest nothing")
}

func TestSubscribersAndTopicsAreRead(t *testing.T) {
	t.Parallel()
	read, err := triggerapi.ReadSubscriber([]byte(`{"firstName":"Anna"}`), "", "a/b")
	require.NoError(t, err)
	require.Equal(t, store.Subscriber{ID: "a/b", FirstName: "Anna"}, read)
	_, err = triggerapi.ReadSubscriber([]byte(`{"subscriberId":"b"}`), "", "a")
	require.Equal(t, []string{"subscriberId: It is not the one in the path."}, faults(t, err))
	_, err = triggerapi.ReadSubscriber([]byte(`{"firstName":"Anna"}`), "", "")
	require.Equal(t, []string{"subscriberId: It is missing."}, faults(t, err))

	topic, err := triggerapi.ReadTopic([]byte(`key=vip&name=Important`), "", "")
	require.NoError(t, err)
	require.Equal(t, triggerapi.Topic{Key: "vip", Name: "Important"}, topic)
	topic, err = triggerapi.ReadTopic([]byte(`{"name":"x","key":"other"}`), "", "vip")
	require.NoError(t, err)
	require.Equal(t, triggerapi.Topic{Key: "vip", Name: "x"}, topic)
	_, err = triggerapi.ReadTopic([]byte(`{}`), "", "vip")
	require.Equal(t, []string{"name: It is missing."}, faults(t, err))

	ids, err := triggerapi.ReadIDs([]byte(`{"subscribers":["a","b"]}`), "")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, ids)
	for body, want := range map[string]string{
		`{}`:                      "subscribers: It is missing.",
		`{"subscribers":"a"}`:     "subscribers: It is no list.",
		`{"subscribers":[]}`:      "subscribers: It has 0 entries; it may have 1 to 100.",
		`{"subscribers":["a",7]}`: "subscribers[1]: It is no text.",
		`{"subscribers":[""]}`:    "subscribers[0]: It is empty.",
	} {
		_, err := triggerapi.ReadIDs([]byte(body), "")
		require.Equal(t, []string{want}, faults(t, err))
	}
}

// Whatever a body is, it is read or refused; what is read can be done.
func FuzzReadBulk(f *testing.F) {
	f.Add(`{"events":[{"name":"n","to":["a",{"topicKey":"t"}],"payload":{}}]}`, "application/json")
	f.Add(`events[][name]=n&events[][to][]=b&events[0][a][]=&x[]][=%5B`, "")
	f.Add(`events[0][name]=n&events[1][to][subscriberId]=b`, "application/x-www-form-urlencoded")
	f.Fuzz(func(t *testing.T, body, label string) {
		elements, err := triggerapi.ReadBulk([]byte(body), label)
		if err != nil {
			if !errors.Is(err, triggerapi.ErrMediaType) {
				faults(t, err)
			}
			return
		}
		require.NotEmpty(t, elements)
		require.LessOrEqual(t, len(elements), triggerapi.MaxBulk)
		for _, element := range elements {
			if element.Err != nil {
				faults(t, element.Err)
				continue
			}
			require.NotEmpty(t, element.Name)
			require.True(t, json.Valid(element.Payload))
			for _, to := range element.To {
				require.NotEqual(t, to.Topic == "", to.Subscriber.ID == "", "exactly one of them")
			}
		}
	})
}
