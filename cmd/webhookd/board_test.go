package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/browsertest"
)

// The inbound call of fixtures/inbound_answered: its root, who calls, and who answers.
const (
	boardCall   = "ff12a10f-c39f-4ba6-9aed-f8693fa4f3f7"
	boardCallee = "b79c52eb-8000-4edc-b9d7-b4523a178225"
)

var eventTime = regexp.MustCompile(`"event_time":"([^"]+)"`)

// begun gives the webhooks of a scenario as if it had begun so long ago.
func begun(t *testing.T, scenario string, ago time.Duration) []string {
	t.Helper()
	var webhooks []string
	var ahead time.Duration
	for line := range strings.Lines(read(t, "../"+scenario+"/webhooks.ndjson")) {
		at, err := time.Parse(time.DateTime, eventTime.FindStringSubmatch(line)[1])
		require.NoError(t, err)
		if len(webhooks) == 0 {
			ahead = time.Since(at) - ago
		}
		moved := `"event_time":"` + at.Add(ahead).UTC().Format(time.DateTime) + `"`
		webhooks = append(webhooks, eventTime.ReplaceAllLiteralString(strings.TrimSpace(line), moved))
	}
	return webhooks
}

// openBoard opens the board and waits until it is live.
func openBoard(t *testing.T, s *service, query string) *browsertest.Tab {
	t.Helper()
	tab := browsertest.Open(t).Tab(t)
	tab.Do(chromedp.EmulateViewport(1600, 1000), chromedp.Navigate("http://"+s.HTTP+"/"+query))
	tab.Until(`document.getElementById("board").dataset.state === "live"`)
	return tab
}

// arrive waits until the page that a step leads to has been read to its end, and an expression is true on it.
func arrive(t *testing.T, tab *browsertest.Tab, expression string) {
	t.Helper()
	expression = `document.readyState === "complete" && (` + expression + `)`
	require.Eventually(t, func() bool {
		// While one page goes and the next one comes there is none to be asked.
		holds, err := chromedp.Run(tab.Context(), chromedp.Evaluate[bool](expression))
		return err == nil && holds
	}, patience, 50*time.Millisecond, expression)
}

// accessible asks axe-core for what keeps people from using the page as it stands. scripts/with-axe says where it is.
func accessible(t *testing.T, tab *browsertest.Tab, name string) {
	t.Helper()
	const variable = "WEBHOOKD_TEST_AXE"
	require.NotEmpty(t, os.Getenv(variable), "%s is not set: run make browser, or this command under scripts/with-axe", variable)
	script, err := os.ReadFile(os.Getenv(variable))
	require.NoError(t, err)
	tab.Do(chromedp.Evaluate[chromedp.Void](string(script) + ";0"))
	faults := browsertest.Get(tab, chromedp.Evaluate[[]string](`axe.run(document).then((found) => found.violations
		.filter((fault) => fault.impact === "serious" || fault.impact === "critical")
		.map((fault) => fault.id + ": " + fault.nodes.map((node) => node.html + " " + node.failureSummary).join("; ")))`,
		chromedp.EvalAwaitPromise))
	assert.Empty(t, faults, name)
}

// inGroup is a call's row in a group, as an expression.
func inGroup(call, group string) string {
	return fmt.Sprintf(`document.querySelector('#calls-%s [data-call=%q]')`, group, call)
}

func textOf(tab *browsertest.Tab, selector string) string {
	return browsertest.Get(tab, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q).textContent`, selector)))
}

func TestTheBoardShowsACallComeTalkAndEnd(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir(), "--settle-delay", "2s", "--time-zone", "Europe/Warsaw")
	tab := openBoard(t, s, "")
	assert.Equal(t, "0", textOf(tab, "#count-waiting"))
	assert.Equal(t, "No consultant has had a call today.", textOf(tab, "#no-people"))

	// It began 65 s ago, and 60 s is too long.
	webhooks := begun(t, "inbound_answered", 65*time.Second)
	require.Len(t, webhooks, 8)
	step := func(what, group string, bodies ...string) {
		t.Helper()
		for _, body := range bodies {
			post(t, s, body)
		}
		told := time.Now()
		tab.Until(inGroup(boardCall, group) + ` !== null`)
		t.Logf("%s: on the board %d ms after the webhook was answered", what, time.Since(told).Milliseconds())
	}
	row := fmt.Sprintf(`[data-call=%q]`, boardCall)

	step("waits", "waiting", webhooks[:2]...)
	tab.Until(inGroup(boardCall, "waiting") + `.classList.contains("late")`)
	assert.Equal(t, "Jan Próbny +48501200101", textOf(tab, row+" [data-part=who]"))
	assert.Equal(t, "inbound", textOf(tab, row+" [data-part=told]"))
	assert.Regexp(t, `^1:\d\d$`, textOf(tab, row+" [data-part=clock]"))
	assert.Equal(t, "1", textOf(tab, "#count-waiting"))
	tab.Until(`/^1:\d\d$/.test(document.getElementById("longest-now").textContent)`)

	step("rings", "ringing", webhooks[2])
	assert.Equal(t, "Konsultant Anna", textOf(tab, row+" [data-part=with]"))
	assert.Equal(t, "Infolinia Testowa", textOf(tab, row+" [data-part=project]"))
	assert.Equal(t, "rings", textOf(tab, "#people [data-part=state]"))

	step("talks", "talking", webhooks[3:6]...)
	assert.Equal(t, "Konsultant Anna", textOf(tab, "#people [data-part=name]"))
	assert.Equal(t, "talks", textOf(tab, "#people [data-part=state]"))
	assert.Equal(t, "Jan Próbny", textOf(tab, "#people [data-part=call]"))
	assert.Equal(t, "–", textOf(tab, "#longest-now"), "nobody waits, and that is shown together with the row")

	now := time.Now().UTC().Format(time.DateTime)
	hold := func(name string) string {
		return fmt.Sprintf(`{"event_type":"user_dialog","event_name":%q,"event_time":%q,"dialog_uuid":%q}`, name, now, boardCallee)
	}
	step("is held", "held", hold("dialog_hold"))
	assert.Equal(t, "has on hold", textOf(tab, "#people [data-part=state]"))
	step("goes on", "talking", hold("dialog_resume"))

	step("ended", "ended", webhooks[6:]...)
	assert.Equal(t, "0", textOf(tab, "#count-talking"))
	assert.Equal(t, "no call", textOf(tab, "#people [data-part=state]"))
	assert.Equal(t, "answered · hung up: customer", textOf(tab, row+" [data-part=project]"))
	for figure, want := range map[string]string{
		"offered": "1", "answered": "1", "abandoned": "0", "missed": "0", "outbound": "0",
	} {
		tab.Until(fmt.Sprintf(`document.getElementById("figure-%s").textContent === %q`, figure, want))
	}
	tab.Until(`document.querySelector("#people [data-part=answered]").textContent === "1"`)
	tab.Until(inGroup(boardCall, "ended") + ` === null`) // it is settled
	tab.Screenshot("board")
	assert.Empty(t, tab.Complaints())
	assert.Equal(t, []string{s.HTTP}, tab.Hosts())
}

// The figures of today are asked for at once, and not only when some seconds have gone by; and of who calls the number is
// seen, however long the name is.
func TestTheBoardIsWholeFromTheBeginning(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir())
	const call = "0f0e0d0c-0000-4000-8000-000000000001"
	post(t, s, fmt.Sprintf(`{"event_type":"user_dialog","event_name":"dialog_create","event_time":%q,"dialog_uuid":%q,"state":"answered",`+
		`"dialog_type":"EXTERNAL","direction":"OUTBOUND","business_direction":"INBOUND","self_target":"48501200101","self_name":%q}`,
		time.Now().UTC().Format(time.DateTime), call, "Wawrzyniec Długonazwiskowski z Podkarpacia"))
	tab := openBoard(t, s, "")
	tab.Until(inGroup(call, "waiting") + ` !== null`)
	tab.Until(`document.getElementById("figure-offered").textContent === "0"`)
	// By the page's own clock, from when its scripts were there, and more where the machine is busy: before, it was three
	// seconds from the beginning of the page on.
	waited := browsertest.Get(tab, chromedp.Evaluate[float64](`(() => {
		const first = (part, at) => Math.min(...performance.getEntriesByType("resource").filter((e) => e.name.includes(part)).map((e) => e[at]));
		return first("/v1/stats", "startTime") - first("/record.js", "responseEnd"); })()`))
	assert.Less(t, waited, float64(8*idleTime(tab).Milliseconds()), "ms until the figures were asked for")
	cut := func(part string) bool {
		return browsertest.Get(tab, chromedp.Evaluate[bool](fmt.Sprintf(
			`(() => { const e = document.querySelector('[data-call=%q] [data-part=%s]'), all = document.createRange();
			all.selectNodeContents(e); // in parts of a pixel: a letter is left out for the least of them
			return all.getBoundingClientRect().width > e.getBoundingClientRect().width + 0.05 })()`, call, part)))
	}
	for _, width := range []int64{1600, 1280, 390} {
		tab.Do(chromedp.EmulateViewport(width, 1000))
		assert.Equal(t, []bool{true, false}, []bool{cut("name"), cut("number")}, "at %d", width)
	}
	for _, width := range []int64{1920, 1280, 390} {
		tab.Do(chromedp.EmulateViewport(width, 1000))
		for _, tv := range []bool{false, true} {
			assert.Empty(t, browsertest.Get(tab, chromedp.Evaluate[[]string](fmt.Sprintf(`(() => { document.documentElement.classList.toggle("tv", %t);
				const figures = [...document.querySelectorAll(".figures dd")];
				return ["88,8\u00a0%%", "1:08:08", "12345"].flatMap((text) => figures.map((e) => {
					e.textContent = text;
					return e.scrollWidth > e.clientWidth || e.clientHeight > 1.5 * parseFloat(getComputedStyle(e).fontSize) ? e.id + " " + text : "";
				})).filter(Boolean) })()`, tv))), "figures fit into their boxes at %d, television %t", width, tv)
		}
	}
	assert.Empty(t, tab.Complaints())
}

// idleTime is how long a browser takes for next to nothing: to ask the server for a word, to wait for as long as the board
// collects changes, and to draw. It is 0.2 s at least, and grows with what else the machine does.
func idleTime(tab *browsertest.Tab) time.Duration {
	began := time.Now()
	browsertest.Get(tab, chromedp.Evaluate[bool](`fetch("/healthz").then(() => new Promise((done) =>
		setTimeout(() => requestAnimationFrame(() => done(true)), 200)))`, chromedp.EvalAwaitPromise))
	return time.Since(began)
}

// A webhook is seen within a second: the median of 27 changes, from when the webhook was answered. Where the machine is so
// busy that the browser takes longer than a quarter of a second for next to nothing (to ask the server for a word, to wait
// as long as the board collects changes, and to draw), the board may take as many times longer.
func TestTheBoardShowsAWebhookWithinASecond(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir())
	tab := openBoard(t, s, "")
	var shown, idle []time.Duration
	for n := range 9 {
		call := &loadCall{}
		webhooks := append(call.begin(n), call.end()...)
		for _, step := range []struct {
			bodies []string
			group  string
		}{{webhooks[:1], "waiting"}, {webhooks[1:4], "talking"}, {webhooks[4:], "ended"}} {
			idle = append(idle, idleTime(tab))
			for _, body := range step.bodies {
				post(t, s, body)
			}
			answered := time.Now()
			tab.Until(inGroup(call.root, step.group) + ` !== null`)
			shown = append(shown, time.Since(answered))
		}
	}
	slices.Sort(shown)
	slices.Sort(idle)
	median, nothing := shown[len(shown)/2], idle[len(idle)/2]
	t.Logf("a webhook is on the board after %s (median of %d; longest %s); the browser takes %s for nothing",
		median, len(shown), shown[len(shown)-1], nothing)
	assert.LessOrEqual(t, median, max(time.Second, 4*nothing))
	assert.Empty(t, tab.Complaints())
}

// shownOpen are the calls that a board shows as going on, sorted; one that is there twice is there twice.
func shownOpen(tab *browsertest.Tab) []string {
	shown := browsertest.Get(tab, chromedp.Evaluate[[]string](
		`[...document.querySelectorAll(".lane [data-call]")].map((row) => row.dataset.call).sort()`))
	return slices.Clip(shown)
}

// keptOpen are the calls that go on as the database has them.
func keptOpen(t *testing.T, s *service) []string {
	t.Helper()
	status, body := do(t, http.MethodGet, "http://"+s.HTTP+"/v1/calls?state=open&limit=200", "")
	require.Equal(t, http.StatusOK, status, body)
	var page struct {
		Calls []struct {
			CallUUID string `json:"call_uuid"`
		} `json:"calls"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	open := []string{}
	for _, call := range page.Calls {
		open = append(open, call.CallUUID)
	}
	slices.Sort(open)
	return open
}

// A simulated PBX goes on while the board is looked at. In the end it shows what there is, and every figure is that of
// the database.
func TestTheBoardKeepsUpWithTheSimulator(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir(), "--settle-delay", "1s")
	tab := openBoard(t, s, "?warn=5&late=10")
	simulation := start(t, nil, "simulate", "--url", "http://"+s.HTTP, "--rate", "40", "--speed", "10x", "--duration", "10s",
		"--finish", "3s", "--duplicates", "0.02", "--reorder", "0.05")
	tab.Until(`Number(document.getElementById("count-talking").textContent) > 0`)
	tab.Screenshot("board-simulated")
	accessible(t, tab, "board")
	tab.Do(chromedp.Evaluate[chromedp.Void](`document.documentElement.dataset.theme = "dark"; 0`))
	accessible(t, tab, "board in the dark")
	tab.Screenshot("board-simulated-dark")
	require.Zero(t, simulation.wait())
	require.Eventually(t, func() bool { return slices.Equal(keptOpen(t, s), shownOpen(tab)) }, patience, 100*time.Millisecond,
		"the board does not show the calls that go on")
	status, body := do(t, http.MethodGet, "http://"+s.HTTP+"/v1/stats", "")
	require.Equal(t, http.StatusOK, status, body)
	var report struct {
		Total struct {
			Inbound struct {
				Offered int `json:"offered"`
			} `json:"inbound"`
		} `json:"total"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &report))
	require.Positive(t, report.Total.Inbound.Offered)
	tab.Until(fmt.Sprintf(`document.getElementById("figure-offered").textContent === "%d"`, report.Total.Inbound.Offered))
	assert.Empty(t, tab.Complaints())
}

// The server goes away and comes back. The board says since when it is out of date, and goes on by itself, without a gap
// and with nothing twice.
func TestTheBoardComesBackWithTheServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startService(t, nil, "--data-dir", dir)
	webhooks := begun(t, "inbound_answered", time.Minute)
	for _, body := range webhooks[:6] {
		post(t, s, body)
	}
	tab := openBoard(t, s, "")
	tab.Until(inGroup(boardCall, "talking") + ` !== null`)

	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait())
	tab.Until(`document.getElementById("board").dataset.state === "lost"`)
	assert.Regexp(t, `^Out of date since \d\d:\d\d:\d\d: no connection to the server\.`, textOf(tab, "#state-text"))
	assert.Equal(t, []string{boardCall}, shownOpen(tab), "what was known is still shown")
	tab.Screenshot("board-lost")
	accessible(t, tab, "board without its server")

	// A call begins and the other one ends before the board is back.
	again := startService(t, nil, "--data-dir", dir, "--listen", s.HTTP)
	other := begun(t, "inbound_abandoned_in_queue", 10*time.Second)
	post(t, again, other[0])
	for _, body := range webhooks[6:] {
		post(t, again, body)
	}
	tab.Until(`document.getElementById("board").dataset.state === "live"`)
	require.Eventually(t, func() bool { return slices.Equal(keptOpen(t, again), shownOpen(tab)) }, patience, 50*time.Millisecond)
	tab.Until(inGroup(boardCall, "talking") + ` === null`)
	assert.Len(t, shownOpen(tab), 1)
	assert.Equal(t, "Live", textOf(tab, "#state-text"))
	for _, complaint := range tab.Complaints() { // the browser's own, of a server that was not there
		assert.Contains(t, complaint, "net::ERR_", complaint)
	}
}

func TestTheBoardSpeaksPolishAndFillsATelevision(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir())
	tab := openBoard(t, s, "?late=30")
	tab.Do(chromedp.Click(chromedp.CSS(`button[name="language"][value="pl"]`)))
	arrive(t, tab, `document.documentElement.lang === "pl" && document.getElementById("board")?.dataset.state === "live"`)
	assert.Contains(t, textOf(tab, "#group-waiting"), "Klient czeka")
	assert.Equal(t, "Na żywo", textOf(tab, "#state-text"))
	assert.Equal(t, "30", browsertest.Get(tab, chromedp.Value(chromedp.CSS("#late"))), "the address keeps the thresholds")

	tab.Do(chromedp.Click(chromedp.CSS("#full")))
	tab.Until(`document.documentElement.classList.contains("tv") && document.fullscreenElement !== null`)
	tab.Do(chromedp.WaitNotVisible(chromedp.CSS(".top")))
	tab.Do(chromedp.Click(chromedp.CSS("#full")))
	tab.Until(`!document.documentElement.classList.contains("tv")`)

	tab.Do(chromedp.Navigate("http://" + s.HTTP + "/?tv=true&warn=10&late=20"))
	tab.Until(`document.getElementById("board").dataset.state === "live"`)
	tab.Do(chromedp.WaitNotVisible(chromedp.CSS(".top")))
	accessible(t, tab, "board on a television")
	assert.Empty(t, tab.Complaints())
}
