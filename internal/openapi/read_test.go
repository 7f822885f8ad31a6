package openapi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/openapi"
)

func operationOf(t *testing.T, id string) openapi.Operation {
	t.Helper()
	for _, group := range openapi.Read().Groups {
		for _, operation := range group.Operations {
			if operation.ID == id {
				return operation
			}
		}
	}
	require.FailNow(t, "there is no operation "+id)
	return openapi.Operation{}
}

func said(words []openapi.Word) string {
	var text strings.Builder
	for i, word := range words {
		if i > 0 && word.Spaced() {
			text.WriteString(" ")
		}
		text.WriteString(word.Text)
	}
	return text.String()
}

func TestReadHasTheWholeDocument(t *testing.T) {
	t.Parallel()
	found := 0
	for _, group := range openapi.Read().Groups {
		require.NotEmpty(t, group.Operations, group.Name)
		found += len(group.Operations)
	}
	require.Equal(t, 50, found)
	where := map[string]string{}
	for _, scheme := range openapi.Read().Schemes {
		where[scheme.Name] = scheme.Where
	}
	require.Equal(t, map[string]string{
		"api_key": "header Authorization", "read_token": "Authorization: Bearer TOKEN", "session": "cookie webhookd_session",
		"webhook_secret": "header X-Webhook-Secret", "token": "Authorization: Bearer TOKEN", "webhook_bearer": "Authorization: Bearer TOKEN",
		"webhook_basic": "Authorization: Basic USER:PASSWORD (in base64)", "webhook_signature": "header Webhook-Signature",
	}, where)

	named := map[string]bool{}
	for _, schema := range openapi.Read().Schemas {
		require.True(t, len(schema.Fields) > 0 || len(schema.Shape) > 0, schema.Name)
		named[schema.Name] = true
	}
	require.True(t, named["call"])
	require.True(t, named["recipient"], "one of several objects")
	require.False(t, named["uuid"], "it is said where it is used")
}

func TestParametersInWords(t *testing.T) {
	t.Parallel()
	shapes := map[string]string{}
	for _, parameter := range operationOf(t, "getCalls").Parameters {
		shapes[parameter.Name] = said(parameter.Shape)
	}
	require.Equal(t, "text, ^[A-Za-z0-9_-]{1,64}$, default if not given", shapes["account"])
	require.Equal(t, "ringing | alerting | answered | talking | ended | open", shapes["state"])
	require.Equal(t, "whole number 1 to 200, 50 if not given", shapes["limit"])
	require.Equal(t, "text, up to 256 characters", shapes["project"])

	one := operationOf(t, "getCall").Parameters[0]
	require.Equal(t, "call_uuid", one.Name)
	require.True(t, one.Required)
	require.Equal(t, "uuid", said(one.Shape))
	require.Equal(t, recordedCall, one.Example)
}

func TestBodiesInWords(t *testing.T) {
	t.Parallel()
	bulk := operationOf(t, "triggerBulk")
	require.Equal(t, []string{"api_key", "token", "session"}, bulk.Schemes)
	require.Len(t, bulk.Body.Contents, 1)
	events := bulk.Body.Contents[0].Fields[0]
	require.Equal(t, "events", events.Name)
	require.True(t, events.Required)
	require.Equal(t, "list of trigger_request, 1 to 100 entries", said(events.Shape))
	require.Equal(t, "trigger_request", events.Shape[1].Schema)

	statuses := map[int]openapi.Answer{}
	for _, answer := range operationOf(t, "getStatistics").Answers {
		statuses[answer.Status] = answer
	}
	require.True(t, statuses[200].Good())
	require.False(t, statuses[400].Good())
	require.Equal(t, "application/json", statuses[200].Contents[0].Type, "JSON first")
	require.Equal(t, "text/csv", statuses[200].Contents[1].Type)
	require.Contains(t, statuses[200].Contents[0].Examples[0].Text, `"time_zone": "UTC"`)
	require.Equal(t, []string{"Retry-After", "X-Request-ID"}, statuses[503].Headers)
	require.Equal(t, openapi.Prose{
		{Text: "parameter_unknown", Code: true},
		{Text: ", "},
		{Text: "parameter_invalid", Code: true},
		{Text: ", "},
		{Text: "bad_request", Code: true},
	}, statuses[400].Description)
}

func TestFieldsInWords(t *testing.T) {
	t.Parallel()
	fields := map[string]string{}
	for _, schema := range openapi.Read().Schemas {
		for _, field := range schema.Fields {
			fields[schema.Name+" "+field.Name] = said(field.Shape)
		}
	}
	require.Equal(t, "text or null", fields["call external.number"])
	require.Equal(t, "list of leg", fields["call legs"])
	require.Equal(t, "date time or null", fields["call ended_at"])
	require.Equal(t, "whole number from 0 or null", fields["call talk_ms"])
	require.Equal(t, "text or number or null", fields["call consultants[].id"])
	require.Equal(t, "blind | consultative", fields["transfer kind"])
	require.Equal(t, "uuid or null", fields["trigger call_uuid"])
	require.Equal(t, "list of webhook_item or event_item", fields["timeline items"])
}
