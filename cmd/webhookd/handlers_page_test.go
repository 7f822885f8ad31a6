package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/browsertest"
)

// press sends keys to what has an id, without a mouse.
func press(tab *browsertest.Tab, id, keys string) {
	tab.Do(chromedp.Focus(chromedp.CSS("#"+id)), chromedp.KeyEvent(keys))
}

// onStep waits for a step of the wizard.
func onStep(tab *browsertest.Tab, step string) {
	tab.Until(fmt.Sprintf(`document.querySelector('fieldset[data-step=%q]').hidden === false`, step))
}

// A handler is made with the keyboard alone, step by step: what is wrong is told where it is, it is tried on a call that
// was missed, kept, switched off, and removed after a question.
func TestAHandlerIsMadeOnThePage(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir())
	for _, body := range begun(t, "inbound_abandoned_in_queue", time.Minute) {
		post(t, s, body)
	}
	tab := browsertest.Open(t).Tab(t)
	tab.Do(chromedp.EmulateViewport(1400, 1000), chromedp.Navigate("http://"+s.HTTP+"/handlers"))
	tab.Do(chromedp.Focus(chromedp.CSS(`a[href="/handlers/_new"]`)), chromedp.KeyEvent("\r"))
	arrive(t, tab, `document.getElementById("wizard")?.hidden === false`)

	press(tab, "next", "\r")
	tab.Until(`document.getElementById("told").textContent === "Choose at least one event."`)
	tab.Do(chromedp.Focus(chromedp.CSS(`[name="on"][value="call_missed"]`)), chromedp.KeyEvent(" "))
	press(tab, "next", "\r")
	onStep(tab, "condition")
	accessible(t, tab, "making a handler")
	assert.True(t, browsertest.Get(tab, chromedp.Evaluate[bool](`document.activeElement.tagName === "LEGEND"`)), "a screen reader hears of the step")
	press(tab, "when", `call.disposition = "abandoned"`) // one = too few
	press(tab, "next", "\r")
	onStep(tab, "action")
	tab.Do(chromedp.Focus(chromedp.CSS(`#actions textarea`)), chromedp.KeyEvent(`Sorry, ${ call.external.number }.`))
	press(tab, "next", "\r")
	onStep(tab, "options")
	assert.Equal(t, "call-missed", browsertest.Get(tab, chromedp.Value(chromedp.CSS("#name"))), "a name is proposed")
	press(tab, "after", "5m")
	press(tab, "next", "\r")
	onStep(tab, "test")
	tab.Until(`document.getElementById("call-uuid").value !== ""`)
	tab.Screenshot("wizard-test")
	press(tab, "try", "\r")
	onStep(tab, "condition") // that is where the mistake is
	tab.Until(`document.getElementById("told").textContent.includes("when:")`)

	tab.Do(chromedp.SetValue(chromedp.CSS("#when"), `call.disposition == "abandoned"`))
	for _, step := range []string{"action", "options", "test"} {
		press(tab, "next", "\r")
		onStep(tab, step)
	}
	press(tab, "try", "\r")
	tab.Until(`document.querySelector("#tried .notice") !== null`)
	require.Contains(t, textOf(tab, "#tried"), "It would act.")
	tab.Until(`document.getElementById("tried").textContent.includes("Sorry, +48502200103.")`)
	tab.Screenshot("wizard-tried")
	accessible(t, tab, "a handler that was tried")
	assert.JSONEq(t, `{"handlers":[]}`, bodyOf(t, s, "/v1/handlers"), "nothing was kept")
	press(tab, "next", "\r")
	onStep(tab, "save")
	press(tab, "next", "\r")
	arrive(t, tab, `location.pathname === "/handlers/call-missed"`)
	assert.Contains(t, bodyOf(t, s, "/v1/handlers/call-missed"), `"definition":{"name":"call-missed","on":["call_missed"],"when":"call.disposition == \"abandoned\"","after":"5m","do":[{"text":"Sorry, ${ call.external.number }.","type":"send_msg"}],"enabled":true}`)

	accessible(t, tab, "one handler")
	tab.Do(chromedp.Focus(chromedp.CSS(`[data-switch]`)), chromedp.KeyEvent("\r"))
	arrive(t, tab, `document.querySelector("[data-switch]")?.dataset.to === "true"`)
	assert.Contains(t, bodyOf(t, s, "/v1/handlers/call-missed"), `"enabled":false`)

	tab.Do(chromedp.Focus(chromedp.CSS(`[data-delete]`)), chromedp.KeyEvent("\r"))
	tab.Until(`document.getElementById("confirm").open`)
	press(tab, "confirm-no", "\r")
	tab.Until(`!document.getElementById("confirm").open`)
	assert.Contains(t, bodyOf(t, s, "/v1/handlers/call-missed"), `"name"`, "it is still there")
	tab.Do(chromedp.Focus(chromedp.CSS(`[data-delete]`)), chromedp.KeyEvent("\r"))
	press(tab, "confirm-yes", "\r")
	arrive(t, tab, `location.pathname === "/handlers"`)
	status, _ := do(t, http.MethodGet, "http://"+s.HTTP+"/v1/handlers/call-missed", "")
	require.Equal(t, http.StatusNotFound, status)
	for _, complaint := range tab.Complaints() { // the browser's own, of the definition that was refused
		assert.Contains(t, complaint, "422 (Unprocessable", complaint)
	}
	assert.Equal(t, []string{s.HTTP}, tab.Hosts())
}

func bodyOf(t *testing.T, s *service, path string) string {
	t.Helper()
	status, body := do(t, http.MethodGet, "http://"+s.HTTP+path, "")
	require.Equal(t, http.StatusOK, status, body)
	return body
}
