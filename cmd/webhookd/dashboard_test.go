package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/browsertest"
)

// block gives the one block of code in a document that is in a language and contains a text.
func block(t *testing.T, document, language, with string) string {
	t.Helper()
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(document, -1) {
		if strings.Contains(match[1], with) {
			found = append(found, match[1])
		}
	}
	require.Len(t, found, 1, "blocks of %s with %q", language, with)
	return found[0]
}

// packages gives a folder with what interop/dashboard pins in node_modules.
func packages(t *testing.T, name string) string {
	t.Helper()
	command := exec.Command(filepath.Join(top, "scripts", "npm-install"), filepath.Join(top, "interop", name))
	var words strings.Builder
	command.Stderr = &words
	place, err := command.Output()
	require.NoError(t, err, words.String())
	return strings.TrimSpace(string(place))
}

// The page in the document is run as it stands: with the module that its commands make, in a real browser, against a
// webhookd with a WebSocket.
func TestTheDashboardOfTheDocumentShowsACallThatComesAndGoes(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(top, "docs", "dashboards.md"))
	require.NoError(t, err)
	document := string(data)

	folder := t.TempDir()
	installed := packages(t, "dashboard")
	manifest, err := os.ReadFile(filepath.Join(installed, "package.json"))
	require.NoError(t, err)
	var pinned struct{ Dependencies map[string]string }
	require.NoError(t, json.Unmarshal(manifest, &pinned))
	install, pack, ok := strings.Cut(block(t, document, "sh", "npx esbuild"), "\n")
	require.True(t, ok)
	for one := range strings.FieldsSeq(strings.TrimPrefix(install, "npm install ")) {
		at := strings.LastIndex(one, "@")
		require.Equal(t, pinned.Dependencies[one[:at]], one[at+1:], "the document installs what is tested")
	}
	require.NoError(t, os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(folder, "node_modules")))
	packing := exec.Command("sh", "-euc", pack)
	packing.Dir = folder
	out, err := packing.CombinedOutput()
	require.NoError(t, err, "%s", out)
	page := block(t, document, "html", "<!doctype html>")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "index.html"), []byte(page), 0o600))
	site := httptest.NewServer(http.FileServer(http.Dir(folder)))
	t.Cleanup(site.Close)

	s := startService(t, nil, "--nats-websocket-listen", "127.0.0.1:0", "--nats-websocket-origins", site.URL, "--settle-delay", "1s",
		"--data-dir", t.TempDir())
	require.NotEmpty(t, s.WebSocket)
	tab := browsertest.Open(t).Tab(t)
	tab.Do(chromedp.Navigate(site.URL + "/?server=" + url.QueryEscape(s.WebSocket)))
	shows := func(text string) {
		t.Helper()
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		tab.Until(`document.body.innerText.includes(` + string(quoted) + `)`)
	}
	shows("Live")
	shows("Calls now: 0")
	webhooks := strings.Split(strings.TrimSpace(read(t, "webhooks.ndjson")), "\n")
	post := func(webhook string) {
		t.Helper()
		response, err := http.Post("http://"+s.HTTP+"/v1/webhooks", "application/json", strings.NewReader(webhook))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	post(webhooks[0])
	shows("Calls now: 1")
	shows("ringing")
	talking := false
	for _, webhook := range webhooks[1:] {
		if !talking && strings.Contains(webhook, "dialog_close") { // from here on it ends
			talking = true
			shows("talking")
			shows("outbound")
			tab.Screenshot("dashboard")
		}
		post(webhook)
	}
	require.True(t, talking)
	shows("Calls now: 0")
	assert.Empty(t, tab.Complaints())
	assert.Equal(t, []string{strings.TrimPrefix(site.URL, "http://"), strings.TrimPrefix(s.WebSocket, "ws://")}, tab.Hosts())
}
