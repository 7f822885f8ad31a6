package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/store"
)

func TestHandlersAreShown(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, nil)
	m.triggers = []store.Trigger{
		{ID: uuidOf(10), Account: "default", Handler: "now", CallUUID: uuidOf(1), EventType: "call_missed", State: store.TriggerFailed, Reason: "no channel", CreatedAt: memoryTime},
	}
	list := htmlOf(t, b, "/handlers")
	for _, name := range []string{"acme-only", "filed", "later", "now", "off"} {
		require.Contains(t, list, `<a href="/handlers/`+name+`">`+name+`</a>`)
		require.Contains(t, list, `data-switch="`+name+`"`)
	}
	require.Contains(t, list, `data-delete="now"`)
	require.NotContains(t, list, `data-delete="filed"`, "it comes from the file")
	require.NotContains(t, list, "You may only look")
	require.NotContains(t, htmlOf(t, b, "/handlers?account=default"), "acme-only")

	one := htmlOf(t, b, "/handlers/now")
	require.Contains(t, one, "nobody answered an inbound call")
	require.Contains(t, one, "no channel")
	require.Contains(t, one, `href="/calls/`+uuidOf(1)+`?account=default"`)
	require.Contains(t, htmlOf(t, b, "/handlers/_new"), `id="wizard"`)
	require.Equal(t, 404, b.get(t, "/handlers/none", "Accept", "text/html").status)
	require.Equal(t, 404, b.get(t, "/handlers/_none", "Accept", "text/html").status)
}

// One that may be changed is changed where one is made; any other leads to its own page.
func TestAHandlerIsChangedOnThePage(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, nil)
	require.Contains(t, htmlOf(t, b, "/handlers"), `href="/handlers/now/edit" aria-label="Change now"`)
	require.NotContains(t, htmlOf(t, b, "/handlers"), "/handlers/filed/edit")
	require.Contains(t, htmlOf(t, b, "/handlers/now"), `href="/handlers/now/edit"`)
	page := htmlOf(t, b, "/handlers/now/edit?account=default")
	require.Contains(t, page, "<h1>Change now</h1>")
	require.Contains(t, page, `data-edited="{&#34;`)
	require.Contains(t, page, `href="/handlers/now?account=default"`)
	for path, to := range map[string]string{
		"/handlers/filed/edit":                 "/handlers/filed",
		"/handlers/filed/edit?account=default": "/handlers/filed?account=default",
	} {
		got := b.get(t, path, "Accept", "text/html")
		require.Equal(t, 303, got.status, path)
		require.Equal(t, to, got.header.Get("Location"))
	}
	require.Equal(t, 404, b.get(t, "/handlers/none/edit", "Accept", "text/html").status)
}

// Who may only look is told so, and why, and gets no button.
func TestHandlersOfWhoMayOnlyLook(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*httpapi.Config)
		headers []string
		told    string
	}{
		"a key is configured": {
			func(cfg *httpapi.Config) { cfg.APIKeys = []httpapi.APIKey{{Key: "k"}} },
			nil, "Changing handlers takes an API key",
		},
		"others reach the server": {
			func(cfg *httpapi.Config) {
				cfg.GuardReads, cfg.ReadTokens = true, []httpapi.ReadToken{{Token: tokenOfAll}}
			},
			bearer(tokenOfAll), "no API key is configured, and without one",
		},
		"it is used by a name": {nil, []string{"Host", "pbx.example"}, "without an API key handlers are changed from this machine only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, _ := setupTriggers(t, c.change)
			for _, path := range []string{"/handlers", "/handlers/now", "/handlers/_new"} {
				got := b.get(t, path, append([]string{"Accept", "text/html"}, c.headers...)...)
				if got.status == http.StatusForbidden {
					continue // a server on loopback is not read by a name at all
				}
				require.Equal(t, 200, got.status, "%s", got.body)
				require.Contains(t, string(got.body), c.told)
				for _, button := range []string{"data-switch=", "data-delete=", `id="wizard"`, `class="button no-print"`} {
					require.NotContains(t, string(got.body), button)
				}
			}
		})
	}
}

// With the session of an account's key, its own handlers are changed, and those of all accounts only seen.
func TestHandlersOfAnAccount(t *testing.T) {
	t.Parallel()
	b, _ := setupTriggers(t, func(cfg *httpapi.Config) {
		cfg.APIKeys = []httpapi.APIKey{{Account: "acme", Key: "key-of-acme-0000"}}
	})
	got := b.get(t, "/handlers", "Accept", "text/html", "Cookie", logIn(t, b, "key-of-acme-0000"))
	require.Equal(t, 200, got.status)
	require.Contains(t, string(got.body), `data-switch="acme-only"`)
	require.Contains(t, string(got.body), `data-delete="acme-only"`)
	require.Contains(t, string(got.body), ">now</a>")
	require.NotContains(t, string(got.body), `data-switch="now"`)
}
