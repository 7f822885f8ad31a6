package main

import (
	"encoding/json"
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

// What a handler is now stands in the fields, and what is saved is that with what was changed: nothing of it is lost, also
// what the form has no field for, and its secret.
func TestAHandlerIsChangedStepByStep(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir())
	for _, body := range begun(t, "inbound_abandoned_in_queue", time.Minute) {
		post(t, s, body)
	}
	const made = `{"name":"rich","on":["call_missed","dialog_closed"],"project":"","when":"call.wait_ms >= 1000","after":"5m",` +
		`"cancel_on":["call_talking","dialog_talking"],"cancel_scope":"contact","once_per":{"scope":"contact","window":"24h"},"do":[` +
		`{"type":"send_msg","text":"Sorry <b>, ${ call.external.number }"},` +
		`{"type":"send_msg","text":"Choose","quick_replies":["yes","no"]},` +
		`{"type":"call_webhook","method":"PUT","url":"https://crm.example/missed","body":{"n":"${ call.external.number }"},"secret":"a-secret-of-32-characters-length"}],"enabled":true}`
	status, body := do(t, http.MethodPost, "http://"+s.HTTP+"/v1/handlers", made)
	require.Equal(t, http.StatusCreated, status, body)
	type kept struct {
		Enabled    bool           `json:"enabled"`
		Definition map[string]any `json:"definition"`
	}
	definition := func() (k kept) {
		require.NoError(t, json.Unmarshal([]byte(bodyOf(t, s, "/v1/handlers/rich")), &k))
		return k
	}
	before := definition()

	tab := browsertest.Open(t).Tab(t)
	tab.Do(chromedp.EmulateViewport(1400, 1000), chromedp.Navigate("http://"+s.HTTP+"/handlers/rich"))
	tab.Do(chromedp.Focus(chromedp.CSS(`a[href="/handlers/rich/edit"]`)), chromedp.KeyEvent("\r"))
	arrive(t, tab, `document.getElementById("wizard")?.hidden === false`)
	through := func(steps ...string) {
		for _, step := range steps {
			press(tab, "next", "\r")
			onStep(tab, step)
		}
	}
	through("condition", "action")
	tab.Screenshot("edit-action")
	high := func(what string) bool { // in lines, of those that are to be seen
		return browsertest.Get(tab, chromedp.Evaluate[bool](`[...document.querySelectorAll("fieldset:not([hidden]) `+what+`")].filter((e) => e.offsetHeight > 0)
			.every((e) => e.clientHeight >= (e.rows ?? e.size) * 16)`))
	}
	assert.True(t, high("textarea"), "there is room for the lines of a text")
	accessible(t, tab, "changing a handler")
	assert.Equal(t, []string{"send_msg", "json", "call_webhook"}, browsertest.Get(tab, chromedp.Evaluate[[]string](
		`[...document.querySelectorAll("#actions [data-part=type]")].map((type) => type.value)`)), "what has no form is JSON")
	through("options")
	assert.True(t, high("select[multiple]"), "several choices are seen at once")
	tab.Screenshot("edit-options")
	assert.Equal(t, "rich", browsertest.Get(tab, chromedp.Value(chromedp.CSS("#name"))))
	tab.Do(chromedp.SetValue(chromedp.CSS("#after"), "7m"))
	through("test")
	tab.Until(`document.getElementById("call-uuid").value !== ""`)
	press(tab, "try", "\r")
	tab.Until(`document.querySelector("#tried .notice") !== null`)
	require.Contains(t, textOf(tab, "#tried"), "It would act.", textOf(tab, "#told"))
	require.NotContains(t, textOf(tab, "#tried"), "a-secret-of")
	through("save")
	tab.Screenshot("edit-save")
	press(tab, "next", "\r")
	arrive(t, tab, `location.pathname === "/handlers/rich"`)
	want := before
	want.Definition["after"] = "7m"
	assert.Equal(t, want, definition())

	// To another address the secret does not go, and one that was switched off stays so.
	status, body = do(t, http.MethodPatch, "http://"+s.HTTP+"/v1/handlers/rich", `{"enabled":false}`)
	require.Equal(t, http.StatusOK, status, body)
	tab.Do(chromedp.Navigate("http://" + s.HTTP + "/handlers/rich/edit"))
	tab.Until(`document.getElementById("wizard").hidden === false`)
	through("condition", "action")
	tab.Do(chromedp.SetValue(chromedp.CSS(`#actions li:nth-child(3) [data-key=url]`), "https://elsewhere.example/"))
	through("options", "test", "save")
	press(tab, "next", "\r")
	onStep(tab, "action")
	tab.Until(`document.getElementById("told").textContent.includes("do[2].secret")`)
	want.Enabled = false
	assert.Equal(t, want, definition())
	tab.Do(chromedp.SetValue(chromedp.CSS(`#actions li:nth-child(3) [data-key=secret]`), "another-secret-of-32-characters!!"))
	through("options", "test", "save")
	press(tab, "next", "\r")
	arrive(t, tab, `location.pathname === "/handlers/rich"`)
	want.Definition["enabled"] = false
	want.Definition["do"].([]any)[2].(map[string]any)["url"] = "https://elsewhere.example/"
	assert.Equal(t, want, definition())
	for _, complaint := range tab.Complaints() { // the browser's own, of the definition that was refused
		assert.Contains(t, complaint, "422 (Unprocessable", complaint)
	}
}

func bodyOf(t *testing.T, s *service, path string) string {
	t.Helper()
	status, body := do(t, http.MethodGet, "http://"+s.HTTP+path, "")
	require.Equal(t, http.StatusOK, status, body)
	return body
}
