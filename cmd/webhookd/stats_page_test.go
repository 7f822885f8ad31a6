package main

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"webhookd/internal/browsertest"
)

// The figures of a few calls of today are asked for on the page: with the form, in both colours and on paper.
func TestStatisticsInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir(), "--time-zone", "Europe/Warsaw")
	for _, scenario := range []string{"inbound_answered", "inbound_abandoned_in_queue", "outbound_answered", "inbound_ring_all"} {
		for _, body := range begun(t, scenario, 2*time.Minute) {
			post(t, s, body)
		}
	}
	tab := browsertest.Open(t).Tab(t)
	tab.Do(chromedp.EmulateViewport(1400, 1000), chromedp.Navigate("http://"+s.HTTP+"/stats"))
	tab.Do(chromedp.Click(chromedp.CSS(`.ask a:nth-of-type(3)`))) // seven days
	arrive(t, tab, `location.search.includes("interval=day") && document.querySelectorAll("table.stats tbody tr").length === 7`)
	assert.Equal(t, "3", textOf(tab, "table.stats tfoot td"), "offered")
	assert.Equal(t, 3, browsertest.Get(tab, chromedp.Evaluate[int](`document.querySelectorAll("svg.chart").length`)))
	accessible(t, tab, "statistics")
	tab.Screenshot("stats")
	tab.Do(chromedp.Evaluate[chromedp.Void](`document.documentElement.dataset.theme = "dark"; 0`))
	accessible(t, tab, "statistics in the dark")
	tab.Screenshot("stats-dark")

	tab.Do(chromedp.SetValue(chromedp.CSS("#group_by"), "consultant"), chromedp.Click(chromedp.CSS(".filter button")))
	arrive(t, tab, `location.search.includes("group_by=consultant") && document.querySelector("table.stats tbody tr") !== null`)
	assert.Contains(t, textOf(tab, "table.stats tbody"), "Konsultant Anna")
	tab.Do(chromedp.SetValue(chromedp.CSS("#time_zone"), "Mars"), chromedp.Click(chromedp.CSS(".filter button")))
	arrive(t, tab, `document.getElementById("invalid") !== null`)
	accessible(t, tab, "statistics that cannot be asked")
	for _, complaint := range tab.Complaints() { // the browser's own, of the page that says so
		assert.Contains(t, complaint, "400 (Bad Request)", complaint)
	}
}
