package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheBoardKeepsWhatItsAddressSays(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	page := htmlOf(t, b, "/")
	require.Contains(t, page, `data-warn="20" data-late="60" data-tv="false"`)
	require.Contains(t, page, `data-stream="/v1/stream/calls"`)
	page = htmlOf(t, b, "/?account=acme&warn=90&tv=true")
	require.Contains(t, page, `data-warn="90" data-late="90" data-tv="true"`, "late is never before warn by itself")
	require.Contains(t, page, `data-stream="/v1/stream/calls?account=acme"`)
	require.Contains(t, page, `data-call="/calls/{}?account=acme"`)
	require.Contains(t, page, `class="tv"`)

	got := b.get(t, "/?warn=&late=30", "Accept", "text/html")
	require.Equal(t, 303, got.status)
	require.Equal(t, "/?late=30", got.header.Get("Location"))
	for _, query := range []string{"warn=-1", "warn=1.5", "late=86401", "late=soon", "tv=perhaps", "colour=red", "account=a%20b"} {
		require.Equal(t, 400, b.get(t, "/?"+query, "Accept", "text/html").status, query)
	}
	require.Equal(t, "application/json", b.get(t, "/").header.Get("Content-Type"), "programs get the list of routes")
}
