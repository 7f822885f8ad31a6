package main

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/browsertest"
)

// The API is read in a browser, with the keyboard: a route is found, an answer opened, an object followed. It is there for
// those who are not logged in, too.
func TestTheAPIIsRead(t *testing.T) {
	t.Parallel()
	s := startService(t, []string{"WEBHOOKD_READ_TOKENS=the-token-of-the-board"}, "--data-dir", t.TempDir())
	tab := browsertest.Open(t).Tab(t)
	tab.Do(chromedp.EmulateViewport(1400, 1000), chromedp.Navigate("http://"+s.HTTP+"/api"))
	arrive(t, tab, `document.querySelector("h1")?.textContent === "The API"`)
	accessible(t, tab, "the API")
	tab.Screenshot("api")

	tab.Do(chromedp.Focus(chromedp.CSS(`.contents a[href="#getTimeline"]`)), chromedp.KeyEvent("\r"))
	tab.Until(`document.querySelector(":target")?.id === "getTimeline"`)
	tab.Until(`document.querySelector(":target").getBoundingClientRect().top < 200`)
	tab.Do(chromedp.Focus(chromedp.CSS(`[aria-labelledby="getTimeline"] details.good summary`)), chromedp.KeyEvent("\r"))
	tab.Until(`document.querySelector('[aria-labelledby="getTimeline"] details.good').open`)
	accessible(t, tab, "an answer that is open")
	tab.Screenshot("api-route")
	tab.Do(chromedp.Focus(chromedp.CSS(`[aria-labelledby="getTimeline"] a[href="#schema-timeline"]`)), chromedp.KeyEvent("\r"))
	tab.Until(`document.querySelector(":target")?.id === "schema-timeline"`)
	tab.Screenshot("api-objects")

	tab.Do(chromedp.Click(chromedp.CSS(`button[name="language"][value="pl"]`)))
	arrive(t, tab, `document.documentElement.lang === "pl" && document.querySelector("h1")?.textContent === "API"`)
	tab.Do(chromedp.Click(chromedp.CSS(`button[name="theme"][value="dark"]`)))
	arrive(t, tab, `document.documentElement.dataset.theme === "dark" && document.querySelector("h1")?.textContent === "API"`)
	accessible(t, tab, "the API in the dark, in Polish")
	tab.Screenshot("api-dark")
	assert.Empty(t, tab.Complaints())
	assert.Equal(t, []string{s.HTTP}, tab.Hosts())

	status, body := do(t, http.MethodGet, "http://"+s.HTTP+"/api", "")
	require.Equal(t, http.StatusOK, status)
	assert.NotContains(t, body, `href="/calls"`, "who is not logged in is led to nothing that takes it")
}
