// Package browsertest opens pages in a real, headless Chromium for tests, and remembers what went wrong in them and what
// they asked of whom. It is for tests only; scripts/with-chromium finds or installs the browser. It knows no page of
// webhookd.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// Variable is the environment variable that names the browser's program; scripts/with-chromium sets it.
const Variable = "WEBHOOKD_TEST_CHROMIUM"

// programs are looked for where the variable is not set.
var programs = []string{
	"chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// Browser is a process with a profile of its own.
type Browser struct {
	ctx context.Context //nolint:containedctx // chromedp keeps the process in it
}

// Open starts a browser, which goes with the test. The test fails if there is none on this machine.
func Open(t testing.TB) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], // headless, no first run, no background networking, no sync
		chromedp.ExecPath(program(t)),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // the sandbox needs what containers do not give; the pages are our own
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-domain-reliability", true),
		chromedp.Flag("no-pings", true),
	)
	allocator, release := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(release)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("close browser: %v", err)
		}
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start browser: %v", err)
	}
	return &Browser{ctx: ctx}
}

// program is the path of the browser.
func program(t testing.TB) string {
	t.Helper()
	if named := os.Getenv(Variable); named != "" {
		return named
	}
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium is installed on this machine: scripts/with-chromium --installed installs one")
	return ""
}
