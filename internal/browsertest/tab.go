package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a step of a test may take. Machines that build and test at once are slow.
const patience = 60 * time.Second

// Tab is one tab of a browser, with what was seen of it since it was opened.
type Tab struct {
	t   testing.TB
	ctx context.Context //nolint:containedctx // chromedp keeps the tab in it

	mu         sync.Mutex
	complaints []string
	requests   []string
}

// Tab opens an empty tab, which goes with the test.
func (b *Browser) Tab(t testing.TB) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	tab := &Tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, tab.note); err != nil {
		t.Fatalf("open tab: %v", err)
	}
	return tab
}

// note remembers what a test wants to know afterwards.
func (tab *Tab) note(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch event := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if event.Type != runtime.ConsoleAPICalledTypeError && event.Type != runtime.ConsoleAPICalledTypeWarning && event.Type != runtime.ConsoleAPICalledTypeAssert {
			return
		}
		words := []string{"console." + string(event.Type) + ":"}
		for _, arg := range event.Args {
			words = append(words, string(arg.Value)+arg.Description)
		}
		tab.complaints = append(tab.complaints, strings.Join(words, " "))
	case *runtime.EventExceptionThrown:
		text := "exception: " + event.ExceptionDetails.Text
		if thrown := event.ExceptionDetails.Exception; thrown != nil {
			text += " " + thrown.Description
		}
		tab.complaints = append(tab.complaints, text)
	case *log.EventEntryAdded:
		if event.Entry.Level == log.EntryLevelError || event.Entry.Level == log.EntryLevelWarning {
			tab.complaints = append(tab.complaints, fmt.Sprintf("%s: %s %s", event.Entry.Source, event.Entry.Text, event.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		tab.requests = append(tab.requests, event.Request.URL)
	case *network.EventWebSocketCreated:
		tab.requests = append(tab.requests, event.URL)
	}
}

// Context is for chromedp.Run and chromedp.Call where Do and Run here are not enough. It has no timeout.
func (tab *Tab) Context() context.Context { return tab.ctx }

// Do takes the steps in order; the test fails at the first that does, or that takes too long.
func (tab *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		tab.t.Fatalf("use browser: %v\nthe page complained: %q", err, tab.Complaints())
	}
}

// Get does what gives a value, as [Tab.Do] does.
func Get[T any](tab *Tab, action chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		tab.t.Fatalf("use browser: %v\nthe page complained: %q", err, tab.Complaints())
	}
	return value
}

// Until waits until a JavaScript expression is true in the page.
func (tab *Tab) Until(expression string) {
	tab.t.Helper()
	Get(tab, chromedp.Poll[bool](expression,
		chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(patience)))
}

// Complaints are the errors and warnings of the console and of the browser, and exceptions that nobody caught.
func (tab *Tab) Complaints() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.complaints)
}

// Hosts are the hosts, with ports, that the tab sent requests to, each once.
func (tab *Tab) Hosts() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	var hosts []string
	for _, request := range tab.requests {
		if parsed, err := url.Parse(request); err == nil && parsed.Host != "" && !slices.Contains(hosts, parsed.Host) {
			hosts = append(hosts, parsed.Host)
		}
	}
	return hosts
}

// Screenshot keeps a picture of what the tab shows as name.png in the test's artefacts (go test -artifacts), and gives
// its path.
func (tab *Tab) Screenshot(name string) string {
	tab.t.Helper()
	path := filepath.Join(tab.t.ArtifactDir(), name+".png")
	if err := os.WriteFile(path, Get(tab, chromedp.CaptureScreenshot()), 0o600); err != nil {
		tab.t.Fatalf("keep screenshot: %v", err)
	}
	return path
}
