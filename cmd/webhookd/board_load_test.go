package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"webhookd/internal/browsertest"
)

// What the board has to carry (issue 6): so many open calls, so many webhooks a second, and how long that is measured.
const (
	loadCalls   = 500
	loadRate    = 100
	loadSeconds = 30
	loadMost    = 0.5 // of one core, all processes of the browser together
	loadLate    = time.Second
)

// loadCall is one inbound call that is talked in.
type loadCall struct {
	root, callee string
	held         bool
}

func (c *loadCall) webhook(name, leg, more string) string {
	return fmt.Sprintf(`{"event_type":"user_dialog","event_name":%q,"event_time":%q,"dialog_uuid":%q%s}`,
		name, time.Now().UTC().Format(time.DateTime), leg, more)
}

// begin gives the webhooks with which call n begins, up to where both talk.
func (c *loadCall) begin(n int) []string {
	c.root, c.callee = uuid.NewString(), uuid.NewString()
	return []string{
		c.webhook("dialog_create", c.root, fmt.Sprintf(`,"state":"answered","dialog_type":"EXTERNAL","direction":"OUTBOUND",`+
			`"business_direction":"INBOUND","self_target":"4850%07d","self_name":"Customer %d"`, n, n)),
		c.webhook("dialog_create", c.callee, fmt.Sprintf(`,"state":"alerting","dialog_type":"CONSULTANT","direction":"INBOUND",`+
			`"business_direction":"INBOUND","initial_application_info":{"type":"USER_CALL","side":"USER","data":{"caller_dialog_uuid":%q}},`+
			`"tenant_user":{"id":%d,"display_name":"Consultant %d"},"project":{"id":7,"name":"Hotline"}`, c.root, n%loadCalls, n%loadCalls)),
		c.webhook("dialog_state_update", c.callee, `,"state":"talking"`),
		c.webhook("dialog_state_update", c.root, `,"state":"talking"`),
	}
}

// toggle puts it on hold, or takes it off.
func (c *loadCall) toggle() string {
	c.held = !c.held
	if c.held {
		return c.webhook("dialog_hold", c.callee, "")
	}
	return c.webhook("dialog_resume", c.callee, "")
}

func (c *loadCall) end() []string {
	return []string{
		c.webhook("dialog_close", c.callee, `,"close_cause":"DIALOG_LEFT"`),
		c.webhook("dialog_close", c.root, `,"close_cause":"HANGUP"`),
	}
}

// load is a PBX with a fixed number of open calls. Two of three webhooks put a call on hold or take it off; the others end
// a call and begin one in its place.
type load struct {
	calls []*loadCall
	begun int
	next  int
	queue []string
}

func (l *load) webhook() string {
	if len(l.queue) == 0 {
		for range 12 {
			l.queue = append(l.queue, l.calls[l.next%loadCalls].toggle())
			l.next += 7 // each in its turn: 7 and 500 have no divisor in common
		}
		at := l.begun % loadCalls
		l.queue = append(l.queue, l.calls[at].end()...)
		l.calls[at] = &loadCall{}
		l.queue = append(l.queue, l.calls[at].begin(l.begun)...)
		l.begun++
	}
	webhook := l.queue[0]
	l.queue = l.queue[1:]
	return webhook
}

// run posts at the rate until ctx ends, and then what belongs to the last call. Webhooks overtake each other; that changes
// nothing in the end.
func (l *load) run(ctx context.Context, s *service) (sent sentLoad) {
	var posts errgroup.Group
	posts.SetLimit(64)
	send := func(webhook string) { posts.Go(func() error { return deliver(s, webhook) }) }
	tick, began := time.NewTicker(time.Second/loadRate), time.Now()
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			for len(l.queue) > 0 {
				send(l.webhook())
			}
			sent.err = posts.Wait()
			return sent
		case <-tick.C:
			for ; sent.webhooks < int(time.Since(began).Seconds()*loadRate); sent.webhooks++ { // a tick may have been missed
				send(l.webhook())
			}
		}
	}
}

// sentLoad says how many webhooks were sent at the rate, and what went wrong.
type sentLoad struct {
	webhooks int
	err      error
}

// deliver posts a webhook.
func deliver(s *service, webhook string) error {
	response, err := http.Post("http://"+s.HTTP+"/v1/webhooks", "application/json", strings.NewReader(webhook))
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	return err
}

// cpuOf gives the seconds of processor time that the browser's processes have used, by their type.
func cpuOf(t *testing.T, tab *browsertest.Tab) map[string]float64 {
	t.Helper()
	info, err := chromedp.CallBrowser(tab.Context(), systeminfo.GetProcessInfo, cdp.Empty{})
	require.NoError(t, err)
	used := map[string]float64{}
	for _, process := range info.ProcessInfo {
		used[process.Type] += process.CPUTime
	}
	return used
}

// The board with 500 open calls at 100 webhooks a second: what the browser needs for it, and whether it shows everything.
// It is measured by `make board-load` and not with the other tests, because a slow machine would fail it.
func TestTheBoardUnderLoad(t *testing.T) { //nolint:paralleltest // it measures
	if os.Getenv("WEBHOOKD_BOARD_LOAD") == "" {
		t.Skip("it measures the browser's processor time: make board-load")
	}
	s := startService(t, nil, "--data-dir", t.TempDir())
	l := &load{}
	var setup errgroup.Group
	setup.SetLimit(16)
	for range loadCalls {
		call := &loadCall{}
		l.calls = append(l.calls, call)
		webhooks := call.begin(l.begun)
		l.begun++
		setup.Go(func() error {
			for _, body := range webhooks {
				if err := deliver(s, body); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, setup.Wait())
	tab := browsertest.Open(t).Tab(t)
	tab.Do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate("http://"+s.HTTP+"/"))
	tab.Until(fmt.Sprintf(`document.getElementById("count-talking").textContent === "%d"`, loadCalls))

	ctx, stop := context.WithCancel(t.Context())
	posted := make(chan sentLoad, 1)
	go func() { posted <- l.run(ctx, s) }()
	time.Sleep(3 * time.Second)
	before, began := cpuOf(t, tab), time.Now()
	time.Sleep(loadSeconds * time.Second)
	after, took := cpuOf(t, tab), time.Since(began)
	stop()
	sent := <-posted
	require.NoError(t, sent.err)

	total := 0.0
	var parts []string
	for kind := range after {
		share := (after[kind] - before[kind]) / took.Seconds()
		total += share
		parts = append(parts, fmt.Sprintf("%s %.1f %%", kind, 100*share))
	}
	slices.Sort(parts)
	t.Logf("%d open calls, %.0f webhooks/s for %s: the browser uses %.1f %% of one core (%s)",
		loadCalls, float64(sent.webhooks)/(took.Seconds()+3), took.Round(time.Second), 100*total, strings.Join(parts, ", "))

	// Nothing was dropped: every call is where the last webhook put it, and no other is there.
	want := map[string]string{}
	for _, call := range l.calls {
		want[call.root] = "talking"
		if call.held {
			want[call.root] = "held"
		}
	}
	require.Eventually(t, func() bool {
		shown := browsertest.Get(tab, chromedp.Evaluate[map[string]string](`Object.fromEntries(
			[...document.querySelectorAll(".lane [data-call]")].map((row) => [row.dataset.call, row.parentElement.id.slice(6)]))`))
		return fmt.Sprint(shown) == fmt.Sprint(want)
	}, patience, 100*time.Millisecond, "the board does not show what there is")
	assert.Len(t, shownOpen(tab), loadCalls)

	// How soon a webhook is seen, while the load goes on.
	ctx, stop = context.WithCancel(t.Context())
	go func() { posted <- l.run(ctx, s) }()
	var delays []time.Duration
	for range 20 {
		call := &loadCall{}
		webhooks := call.begin(l.begun + 1_000_000)
		post(t, s, webhooks[0])
		answered := time.Now()
		tab.Until(inGroup(call.root, "waiting") + ` !== null`)
		delays = append(delays, time.Since(answered))
		for _, body := range call.end() {
			post(t, s, body)
		}
	}
	stop()
	require.NoError(t, (<-posted).err)
	slices.Sort(delays)
	t.Logf("a new call is on the board %d ms after its webhook was answered (median of %d; longest %d ms)",
		delays[len(delays)/2].Milliseconds(), len(delays), delays[len(delays)-1].Milliseconds())
	tab.Screenshot("board-load")
	assert.Empty(t, tab.Complaints())
	assert.Less(t, total, loadMost, "the browser needs too much")
	assert.Less(t, delays[len(delays)-1], loadLate)
}
