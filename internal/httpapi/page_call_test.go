package httpapi_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/store"
)

func TestOneCallAsAPage(t *testing.T) {
	t.Parallel()
	b, _ := setupIngest(t)
	for _, body := range documentedCall(t) {
		require.Equal(t, 200, b.post(t, "/v1/webhooks", string(body)).status)
	}
	text := htmlOf(t, b, "/calls/"+aDialog)
	for _, part := range []string{
		"Customer hung up after 8 s of talk; reported by the PBX.", `<svg class="ladder"`, `<h1>Call with 48xxxxxxxxx</h1>`,
		"<code>call_ended</code>", "<code>DIALOG_LEFT</code>", `href="/v1/calls/` + aDialog + `/timeline"`,
		"&#34;event_name&#34;: &#34;dialog_create&#34;", "Konsultant Paweł", "2020-08-25 16:24:41",
	} {
		require.Contains(t, text, part)
	}
	require.Equal(t, len(documentedCall(t)), strings.Count(text, "<pre>"), "each webhook, raw")
	polish := string(b.get(t, "/calls/"+strings.ToUpper(aDialog), "Accept", "text/html", "Accept-Language", "pl").body)
	require.Contains(t, polish, "Klient się rozłączył po 8 s rozmowy; zgłoszone przez centralę.")
	require.NotContains(t, text, "Triggers it fired", "this server has no triggers")

	got := b.get(t, "/calls/"+uuidOf(9), "Accept", "text/html")
	require.Equal(t, 404, got.status)
	require.Contains(t, string(got.body), "<h1>Nothing is here</h1>")
	require.Equal(t, 404, b.get(t, "/calls/nonsense", "Accept", "text/html").status)
	require.Equal(t, 404, b.get(t, "/calls/"+aDialog+"?account=acme", "Accept", "text/html").status)
	require.Equal(t, 400, b.get(t, "/calls/"+aDialog+"?colour=red", "Accept", "text/html").status)
}

// A link to a call that was merged into another one leads there.
func TestAMergedCallLeadsOn(t *testing.T) {
	t.Parallel()
	b, db := setupStore(t)
	putCalls(t, db, shownCall(1, nil), callOf(2, func(c *store.Call) { c.MergedInto, c.Record = uuidOf(1), nil }))
	got := b.get(t, "/calls/"+uuidOf(2)+"?account=default", "Accept", "text/html")
	require.Equal(t, 308, got.status)
	require.Equal(t, "/calls/"+uuidOf(1)+"?account=default", got.header.Get("Location"))
}

func TestACallShowsWhatItTriggered(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	b, m := setupTriggers(t, func(cfg *httpapi.Config) { cfg.Reader = db })
	putCalls(t, db, shownCall(1, nil))
	require.Contains(t, htmlOf(t, b, "/calls/"+uuidOf(1)), "It fired none.")
	m.triggers = []store.Trigger{{
		ID: uuidOf(7), Account: "default", Handler: "missed-call", State: "cancelled", Reason: "called <back>", CallUUID: uuidOf(1),
		EventType: "call_missed", CreatedAt: memoryTime, FireAt: memoryTime.Add(5 * time.Minute),
	}}
	text := htmlOf(t, b, "/calls/"+uuidOf(1))
	for _, part := range []string{"missed-call", "call_missed", ">cancelled<", "called &lt;back&gt;", "2026-01-02 03:09:05"} {
		require.Contains(t, text, part)
	}
}

// Calls that were transferred are found by it, from the webhooks on.
func TestTransferredCallsAreFound(t *testing.T) {
	t.Parallel()
	b, _ := setupIngest(t)
	for _, name := range []string{"blind_transfer_consultant", "inbound_answered"} {
		file, err := os.ReadFile("../../fixtures/" + name + "/webhooks.ndjson")
		require.NoError(t, err)
		for line := range strings.Lines(string(file)) {
			require.Equal(t, 200, b.post(t, "/v1/webhooks", line).status)
		}
	}
	require.Contains(t, string(b.get(t, "/v1/calls?transferred=true").body), "074292da-a0c9-4596-8df3-33c1814a673d")
	require.NotContains(t, string(b.get(t, "/v1/calls?transferred=false").body), "074292da-a0c9-4596-8df3-33c1814a673d")
	require.Equal(t, 1, strings.Count(htmlOf(t, b, "/calls?transferred=true"), `scope="row"`))
	require.Equal(t, 1, strings.Count(htmlOf(t, b, "/calls?transferred=false"), `scope="row"`))
}
