package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/browsertest"
)

const (
	wait = 30 * time.Second
	tick = 10 * time.Millisecond
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><title>t</title>%s`, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAPageRunsAndIsSeen(t *testing.T) {
	t.Parallel()
	tab := browsertest.Open(t).Tab(t)
	page := serve(t, `<p id="p">waits</p><script>setTimeout(() => { p.textContent = "runs" }, 10)</script>`)
	tab.Do(chromedp.Navigate(page))
	tab.Until(`document.getElementById("p").textContent === "runs"`)
	assert.Equal(t, "runs", browsertest.Get(tab, chromedp.Text(chromedp.CSS("#p"))))
	assert.Empty(t, tab.Complaints())
	parsed, err := url.Parse(page)
	require.NoError(t, err)
	assert.Equal(t, []string{parsed.Host}, tab.Hosts())
	picture, err := os.ReadFile(tab.Screenshot("page"))
	require.NoError(t, err)
	assert.Equal(t, "image/png", http.DetectContentType(picture))
}

func TestWhatGoesWrongInAPageIsKept(t *testing.T) {
	t.Parallel()
	browser := browsertest.Open(t)
	for name, c := range map[string]struct{ body, want string }{
		"an error on the console":      {`<script>console.error("oh", 1)</script>`, "console.error"},
		"a warning":                    {`<script>console.warn("oh")</script>`, "console.warning"},
		"an exception":                 {`<script>throw new Error("oh")</script>`, "exception: Uncaught Error: oh"},
		"a rejection":                  {`<script>Promise.reject(new Error("oh"))</script>`, "exception: Uncaught (in promise) Error: oh"},
		"something that is not there":  {`<img src="/none.png">`, "network: Failed to load resource"},
		"a socket that does not exist": {`<script>new WebSocket("ws://127.0.0.1:1/")</script>`, "WebSocket connection to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tab := browser.Tab(t)
			tab.Do(chromedp.Navigate(serve(t, c.body)))
			require.Eventually(t, func() bool { return len(tab.Complaints()) > 0 }, wait, tick)
			assert.Contains(t, tab.Complaints()[0], c.want)
		})
	}
}
