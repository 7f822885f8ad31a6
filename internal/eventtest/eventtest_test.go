package eventtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/eventtest"
	"webhookd/internal/flow/goflowtest"
)

const (
	id   = "b7cf0d83-f1c9-411c-96fd-c511a4cfa86d"
	head = `{"uuid":"` + id + `","created_on":"2026-01-02T03:04:05Z","account_key":"default","conversation_type":"pbx_project",` +
		`"conversation_key":"",`
	failed = `"type":"error","event_type":"error","event_data":{"trigger":{"uuid":"` + id + `","handler":"a","action":1,` +
		`"event_uuid":"` + id + `","event_type":"call_missed","transaction_id":null,"depth":1}}}`
)

// Published asks for both: what flow engines want, and what the schemas say.
func TestPublishedEventsAreHeldAgainstBoth(t *testing.T) {
	t.Parallel()
	require.NoError(t, eventtest.Published([]byte(head+`"text":"a",`+failed)))
	require.ErrorContains(t, eventtest.Published([]byte(head+`"text":"",`+failed)), "text is empty")
	half := []byte(head + `"type":"call_ended","event_type":"call_ended","event_data":{"seq":1,"late":false,"call":{}}}`)
	require.NoError(t, goflowtest.Check(half), "flow engines do not read the record")
	require.ErrorContains(t, eventtest.Published(half), "legs")
	require.ErrorContains(t, eventtest.Schema([]byte(`{"type":"call_begun"}`)), `"call_begun" has no schema`)
	require.Error(t, eventtest.Schema([]byte(`[]`)))
	require.Error(t, eventtest.Schema([]byte(`{"type":`)))
}
