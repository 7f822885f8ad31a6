//go:build unix

package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"webhookd/internal/browsertest"
	"webhookd/internal/config"
)

// axeVariable names the script of axe-core; scripts/with-axe sets it.
const axeVariable = "WEBHOOKD_TEST_AXE"

// visitor looks at the pages of a service in a browser.
type visitor struct {
	*browsertest.Tab

	t   *testing.T
	url string
	axe string
}

func visit(t *testing.T, browser *browsertest.Browser, s *service) *visitor {
	t.Helper()
	path := os.Getenv(axeVariable)
	require.NotEmpty(t, path, "%s is not set: run make browser, or this command under scripts/with-axe", axeVariable)
	script, err := os.ReadFile(path)
	require.NoError(t, err)
	v := &visitor{Tab: browser.Tab(t), t: t, url: s.url, axe: string(script)}
	v.Do(chromedp.EmulateViewport(1280, 900))
	return v
}

// open goes to a page, which must answer with this status.
func (v *visitor) open(path string, status int) {
	v.t.Helper()
	v.follow(status, chromedp.Navigate(v.url+path))
}

// follow takes steps that lead to another page.
func (v *visitor) follow(status int, steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.Context(), patience)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, steps...)
	require.NoError(v.t, err)
	require.EqualValues(v.t, status, response.Status)
}

func (v *visitor) press(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(name))
}

func (v *visitor) text() string { return browsertest.Get(v.Tab, chromedp.Text(chromedp.CSS("main"))) }

func (v *visitor) count(selector string) int {
	return browsertest.Get(v.Tab, chromedp.Evaluate[int](`document.querySelectorAll(`+"`"+selector+"`"+`).length`))
}

func (v *visitor) address() string {
	return strings.TrimPrefix(browsertest.Get(v.Tab, chromedp.Location()), v.url)
}

// inspect asks axe-core for what keeps people from using the page, and keeps a picture of all of it.
func (v *visitor) inspect(name string) {
	v.t.Helper()
	v.Do(chromedp.Evaluate[chromedp.Void](v.axe + ";0"))
	faults := browsertest.Get(v.Tab, chromedp.Evaluate[[]string](`axe.run(document).then(found => found.violations
		.filter(fault => fault.impact === "serious" || fault.impact === "critical")
		.map(fault => fault.id + ": " + fault.help + " " + fault.nodes.map(node => node.html + " " + node.failureSummary).join("; ")))`,
		chromedp.EvalAwaitPromise))
	require.Empty(v.t, faults, name)
	wide := browsertest.Get(v.Tab, chromedp.Evaluate[[]string](`document.documentElement.scrollWidth <= document.documentElement.clientWidth ? []
		: [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth)
			.map(e => e.outerHTML.slice(0, 100))`))
	require.Empty(v.t, wide, "%s is wider than the window", name)
	picture := browsertest.Get(v.Tab, chromedp.FullScreenshot(100))
	require.NoError(v.t, os.WriteFile(filepath.Join(v.t.ArtifactDir(), name+".png"), picture, 0o600))
}

// clean requires that nothing went wrong in any page, and that nobody else was asked for anything.
func (v *visitor) clean() {
	v.t.Helper()
	require.Empty(v.t, v.Complaints())
	require.Equal(v.t, []string{strings.TrimPrefix(v.url, "http://")}, v.Hosts())
}

// fill sends the webhooks of every recorded call to a service.
func fill(t *testing.T, s *service) {
	t.Helper()
	files, err := filepath.Glob("../../fixtures/*/webhooks.ndjson")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range bytes.Lines(data) {
			response, err := http.Post(s.url+"/v1/webhooks", "application/json", bytes.NewReader(line))
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, response.Body)
			require.NoError(t, response.Body.Close())
		}
	}
}

// send hands webhooks in, for an account.
func send(t *testing.T, s *service, account string, webhooks ...map[string]any) {
	t.Helper()
	for _, webhook := range webhooks {
		body, err := json.Marshal(webhook)
		require.NoError(t, err)
		response, err := http.Post(s.url+"/v1/webhooks/"+account, "application/json", bytes.NewReader(body))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.NoError(t, response.Body.Close())
	}
}

func webhook(name, leg, at string, more map[string]any) map[string]any {
	made := map[string]any{"event_type": "user_dialog", "event_name": name, "dialog_uuid": leg, "event_time": at}
	maps.Copy(made, more)
	return made
}

// rung gives the webhook of consultant n, whose telephone rings in a call.
func rung(call, leg, at string, n int, name, project string) map[string]any {
	return webhook("dialog_create", leg, at, map[string]any{
		"state": "alerting", "dialog_type": "CONSULTANT", "direction": "INBOUND", "business_direction": "INBOUND",
		"initial_application_info": map[string]any{"type": "USER_CALL", "side": "USER", "data": map[string]any{"caller_dialog_uuid": call}},
		"tenant_user":              map[string]any{"id": n, "display_name": name}, "project": map[string]any{"id": 7, "name": project},
	})
}

func customer(call, at, name, number string) map[string]any {
	return webhook("dialog_create", call, at, map[string]any{
		"state": "answered", "dialog_type": "EXTERNAL", "direction": "OUTBOUND", "business_direction": "INBOUND", "self_target": number,
		"self_name": name,
	})
}

// sendOddCall sends a call of today whose names are markup, or longer than any line, to the account odd, and gives its id.
func sendOddCall(t *testing.T, s *service) string {
	t.Helper()
	call, leg := uuid.NewString(), uuid.NewString()
	at := func(ago int) string {
		return time.Now().UTC().Add(time.Duration(-ago) * time.Second).Format(time.DateTime)
	}
	send(t, s, "odd",
		customer(call, at(9), `<script>alert(1)</script>`+strings.Repeat("A", 300), "sip:"+strings.Repeat("9", 200)+"@pbx.example"),
		rung(call, leg, at(8), 1, strings.Repeat("Ż", 300), strings.Repeat("Q", 300)),
		webhook("dialog_state_update", leg, at(7), map[string]any{"state": "talking"}),
		webhook("dialog_close", leg, at(1), map[string]any{"close_cause": "DIALOG_LEFT"}),
		webhook("dialog_close", call, at(1), map[string]any{"close_cause": "MARTIAN_" + strings.Repeat("X", 100)}))
	return call
}

// sendQueueCall sends a call that rang at many consultants, and gives its id.
func sendQueueCall(t *testing.T, s *service, consultants int) string {
	t.Helper()
	call := uuid.NewString()
	send(t, s, "queue", customer(call, "2026-03-02 10:00:00", "Jan", "48501200777"))
	for n := range consultants {
		send(t, s, "queue", rung(call, uuid.NewString(), fmt.Sprintf("2026-03-02 10:00:%02d", n+1), n, fmt.Sprintf("Consultant %d", n), "Hotline"))
	}
	send(t, s, "queue", webhook("dialog_close", call, "2026-03-02 10:01:00", map[string]any{"close_cause": "HANGUP"}))
	return call
}

func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	s := start(t, configure(t, ""))
	fill(t, s)
	browser := browsertest.Open(t)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)

	t.Run("history", func(t *testing.T) {
		t.Parallel()
		v := visit(t, browser, s)
		v.open("/", 200)
		v.open("/calls", 200)
		require.Equal(t, 50, v.count("table.calls tbody tr"))
		v.inspect("calls")
		first := v.text()
		v.follow(200, v.press("a[rel=next]"))
		require.Contains(t, v.address(), "cursor=")
		require.Greater(t, v.count("table.calls tbody tr"), 10)
		require.NotEqual(t, first, v.text())
		v.inspect("calls-page-2")

		v.open("/calls", 200)
		v.follow(200, chromedp.SetValue(chromedp.CSS("#disposition"), "abandoned"), chromedp.SetValue(chromedp.CSS("#missed"), "true"),
			chromedp.SetValue(chromedp.CSS("#from"), "2026-01-01T00:00"), chromedp.Click(chromedp.CSS(".filter button")))
		require.Equal(t, "/calls?disposition=abandoned&from=2026-01-01T00%3A00&missed=true", v.address(), "what is asked can be shared")
		found := v.count("table.calls tbody tr")
		require.Positive(t, found)
		require.Equal(t, found, browsertest.Get(v.Tab, chromedp.Evaluate[int](
			`[...document.querySelectorAll("td .tag")].filter(tag => tag.textContent === "abandoned").length`)))
		v.inspect("calls-filtered")

		table := browsertest.Get(v.Tab, chromedp.Evaluate[string](
			`fetch(document.querySelector("a[download]").href).then(answer => answer.text())`, chromedp.EvalAwaitPromise))
		rows, err := csv.NewReader(strings.NewReader(table)).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, found+1)

		v.open("/calls?transferred=true", 200)
		require.Positive(t, v.count("table.calls tbody tr"))
		v.open("/calls?project=none-of-these", 200)
		v.inspect("calls-none")
		require.Contains(t, v.text(), "No call fits.")
		v.clean()
		v.open("/calls?from=yesterday", 400)
		v.inspect("calls-invalid")
		require.Contains(t, v.text(), "The field “From” cannot be used")
	})

	t.Run("one call", func(t *testing.T) {
		t.Parallel()
		v := visit(t, browser, s)
		v.open("/calls?hangup_by=external&number=48xxxxxxxxx&to=2021-01-01", 200)
		v.follow(200, v.press("table.calls tbody a"))
		require.Equal(t, "/calls/"+dialogID, v.address())
		require.Contains(t, v.text(), "Customer hung up after 8 s of talk; reported by the PBX.")
		require.Equal(t, 2, v.count("svg.ladder .head"), "a lane for each leg")
		require.Equal(t, 8, v.count("svg.ladder .webhook"), "an arrow for each webhook")
		require.Equal(t, 1, v.count("svg.ladder circle.hangup"))
		v.inspect("call")
		v.Do(chromedp.Click(chromedp.CSS(".list summary")))
		require.Contains(t, v.text(), `"event_name": "dialog_create"`)

		v.open("/calls/074292da-a0c9-4596-8df3-33c1814a673d", 200)
		require.Equal(t, 1, v.count("svg.ladder .transfer"))
		v.inspect("call-transfer")
		v.open("/calls/880e3e2a-5f50-41be-8d3d-4f0dfe45d057", 200)
		require.Equal(t, 2, v.count("svg.ladder .held"))
		v.inspect("call-hold")

		// On paper there is nothing to press, and the picture is not cut off.
		_, err := chromedp.Call(v.Context(), emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		require.NoError(t, err)
		require.Equal(t, "none", browsertest.Get(v.Tab, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("nav")).display`)))
		v.inspect("call-print")
		pdf := browsertest.Get(v.Tab, chromedp.PrintToPDF())
		require.True(t, bytes.HasPrefix(pdf, []byte("%PDF")))
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), "call.pdf"), pdf, 0o600))
		v.clean()
		v.open("/calls/00000000-0000-4000-8000-000000000000", 404)
		v.inspect("call-none")
	})

	t.Run("names that callers choose", func(t *testing.T) {
		t.Parallel()
		v := visit(t, browser, s)
		call := sendOddCall(t, s)
		for width, name := range map[int64]string{1280: "", 390: "-phone"} {
			v.Do(chromedp.EmulateViewport(width, 900))
			v.open("/calls/"+call+"?account=odd", 200)
			require.Contains(t, v.text(), "<script>alert(1)</script>")
			v.inspect("call-odd" + name)
			v.open("/calls?account=odd", 200)
			v.inspect("calls-odd" + name)
			v.open("/stats?account=odd&group_by=project", 200)
			v.inspect("stats-odd" + name)
		}
		v.Do(chromedp.EmulateViewport(1280, 900))
		for _, path := range []string{"/calls?account=odd", "/stats?account=odd&group_by=project", "/stats?account=odd&group_by=consultant"} {
			v.open(path, 200)
			require.False(t, browsertest.Get(v.Tab, chromedp.Evaluate[bool](
				`[...document.querySelectorAll("td, th")].some(cell => cell.offsetWidth > 450)`)), "%s: one name leaves no room for the rest", path)
		}
		v.clean()
	})

	t.Run("on paper", func(t *testing.T) {
		t.Parallel()
		v := visit(t, browser, s)
		call := sendQueueCall(t, s, 12)
		_, err := chromedp.Call(v.Context(), emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		require.NoError(t, err)
		shown := func(selector string) int {
			return browsertest.Get(v.Tab, chromedp.Evaluate[int](
				`[...document.querySelectorAll(`+"`"+selector+"`"+`)].filter(e => e.getClientRects().length > 0).length`))
		}
		for _, path := range []string{"/calls", "/stats"} {
			v.open(path, 200)
			require.Zero(t, shown("form, button, nav"), "%s: there is nothing to press on paper", path)
		}
		v.Do(chromedp.EmulateViewport(718, 1000)) // A4 between its margins
		v.open("/calls/"+call+"?account=queue", 200)
		require.Equal(t, 4, shown("svg.ladder"), "13 lanes are four strips")
		require.Equal(t, 13, shown("svg.ladder .head"))
		require.GreaterOrEqual(t, browsertest.Get(v.Tab, chromedp.Evaluate[float64](
			`Math.min(...[...document.querySelectorAll(".strips svg")].map(svg => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))`)),
			8.0, "letters of 12 pixels are at least 6 points high on paper")
		v.inspect("call-queue-print")
		pdf := browsertest.Get(v.Tab, chromedp.PrintToPDF())
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), "call-queue.pdf"), pdf, 0o600))
		v.clean()
	})

	t.Run("language and colours", func(t *testing.T) {
		t.Parallel()
		v := visit(t, browsertest.Open(t), s) // its cookies are its own
		v.open("/calls?missed=true", 200)
		v.follow(200, v.press("button[value=pl]"))
		require.Equal(t, "/calls?missed=true", v.address(), "one stays where one was")
		require.Equal(t, "pl", browsertest.Get(v.Tab, chromedp.Evaluate[string](`document.documentElement.lang`)))
		require.Contains(t, v.text(), "Wszystkie rozmowy")
		v.follow(200, v.press("button[value=dark]"))
		v.inspect("calls-polish-dark")
		ground := browsertest.Get(v.Tab, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`))
		require.Equal(t, "rgb(15, 20, 25)", ground)
		v.open("/calls/"+dialogID, 200)
		require.Contains(t, v.text(), "Klient się rozłączył po 8 s rozmowy; zgłoszone przez centralę.")
		v.inspect("call-polish-dark")
		v.open("/quarantine", 200)
		v.inspect("quarantine-polish-dark")
		v.Do(chromedp.EmulateViewport(390, 844))
		v.open("/calls", 200)
		v.inspect("calls-phone")
		v.open("/calls/"+dialogID, 200)
		v.inspect("call-phone")
		v.clean()
	})
}

// A webhook that came compressed is redriven from the page, and leads to its call; another one is discarded.
func TestQuarantineInABrowser(t *testing.T) {
	t.Parallel()
	s := start(t, configure(t, ""))
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	recorded, err := os.ReadFile("../../fixtures/outbound_answered/webhooks.ndjson")
	require.NoError(t, err)
	webhook, _, _ := bytes.Cut(recorded, []byte("\n"))
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(webhook)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	refuse := func(body []byte, encoding string, status int) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/webhooks", bytes.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Encoding", encoding)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, status, response.StatusCode)
	}
	refuse([]byte(`{"event_name":"dialog_create","dialog_uuid":`), "identity", 400)
	refuse(packed.Bytes(), "gzip", 415)

	v := visit(t, browsertest.Open(t), s)
	v.open("/quarantine", 200)
	require.Equal(t, 2, v.count("tbody tr"))
	v.inspect("quarantine")
	v.follow(200, v.press("tbody tr:first-child a"))
	v.inspect("quarantine-compressed")
	v.follow(200, v.press("form[action$=redrive] button"))
	require.Contains(t, v.text(), "It was taken")
	require.Equal(t, 1, v.count("tbody tr"))
	v.inspect("quarantine-redriven")
	v.follow(200, v.press(".notice a"))
	require.Equal(t, "/calls/"+dialogID, v.address())
	require.Contains(t, v.text(), "It is ringing.")
	v.inspect("call-ringing")

	v.open("/quarantine", 200)
	v.follow(200, v.press("tbody tr:first-child a"))
	v.clean()
	v.follow(409, v.press("form[action$=redrive] button"))
	require.Contains(t, v.text(), "It could not be redriven and stays in quarantine.")
	v.inspect("quarantine-refused-again")
	v.Do(v.press("details.sheet summary"))
	v.follow(200, v.press("form[action$=discard] button"))
	require.Contains(t, v.text(), "Quarantine is empty")
	v.inspect("quarantine-empty")
}

func TestLoggingInInABrowser(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.Sources{Flags: map[string][]string{
		"listen": {"127.0.0.1:0"}, "nats_listen": {"127.0.0.1:0"}, "data_dir": {t.TempDir()},
		"read_tokens": {"a-token-for-everybody-to-read"}, "api_keys": {"a-key-of-the-account-default"},
	}})
	require.NoError(t, err)
	s := start(t, cfg)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	v := visit(t, browsertest.Open(t), s)
	v.open("/calls?missed=true", 200)
	require.Equal(t, "/login?next=%2Fcalls%3Fmissed%3Dtrue", v.address())
	v.inspect("login")
	v.clean()
	v.follow(401, chromedp.SendKeys(chromedp.CSS("#token"), "nonsense"), v.press("main button"))
	v.inspect("login-refused")
	v.follow(200, chromedp.SendKeys(chromedp.CSS("#token"), "a-token-for-everybody-to-read"), v.press("main button"))
	require.Equal(t, "/calls?missed=true", v.address())
	require.Empty(t, browsertest.Get(v.Tab, chromedp.Evaluate[string](`document.cookie`)), "no script sees the session")
	v.inspect("calls-logged-in")
	answer := browsertest.Get(v.Tab, chromedp.Evaluate[string](`fetch("/v1/calls").then(a => a.text())`, chromedp.EvalAwaitPromise))
	require.True(t, json.Valid([]byte(answer)))
	require.Contains(t, answer, `"calls":[]`)

	// A link on another site opens without logging in again.
	elsewhere := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><a href="`+s.url+`/calls?missed=false">the call</a>`)
	})}
	listener, port := listen(t)
	go func() { _ = elsewhere.Serve(listener) }()
	t.Cleanup(func() { require.NoError(t, elsewhere.Close()) })
	v.Do(chromedp.Navigate("http://localhost:"+port), chromedp.Click(chromedp.CSS("a")))
	require.Eventually(t, func() bool { // the page in between leads on at any moment
		arrived, err := chromedp.Run(v.Context(), chromedp.Evaluate[bool](
			`location.href === "`+s.url+`/calls?missed=false" && document.querySelector(".filter") !== null`))
		return err == nil && arrived
	}, patience, 20*time.Millisecond)

	v.follow(200, v.press(".who button"))
	require.Equal(t, "/login", v.address())
	v.open("/calls", 200)
	require.Contains(t, v.address(), "/login")
}

// listen opens a port for another site.
func listen(t *testing.T) (listener net.Listener, port string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return listener, port
}
