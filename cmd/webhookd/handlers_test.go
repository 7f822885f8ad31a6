package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const goodHandlers = `handlers:
  - name: missed-call
    on: [call_missed]
    after: 5m
    cancel_on: [call_answered]
    do:
      - type: start_session
        flow: {uuid: 7d5a7fd4-7b21-4b44-ac45-d4a4a0f4bd0f, name: Callback}
`

func TestHandlersAreCheckedInAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	require.NoError(t, os.WriteFile(good, []byte(goodHandlers), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte(strings.NewReplacer(
		"call_missed", "call_mist", "flow: {uuid: 7d5a7fd4-7b21-4b44-ac45-d4a4a0f4bd0f, ", "flow: {",
	).Replace(goodHandlers)), 0o600))

	r := start(t, nil, "handlers", "lint", good)
	require.Zero(t, r.wait(), r.stderr.text())
	require.Equal(t, good+": nothing wrong, handlers: 1\n", r.stdout.text())

	r = start(t, nil, "handlers", "lint", good, bad)
	require.Equal(t, exitFailure, r.wait())
	require.Empty(t, r.stderr.text())
	said := strings.Split(strings.TrimSpace(r.stdout.text()), "\n")
	require.Len(t, said, 3)
	require.Equal(t, good+": nothing wrong, handlers: 1", said[0])
	require.Contains(t, said[1], bad+":3: handlers[0].on")
	require.Contains(t, said[2], bad+":8: handlers[0].do[0].flow")

	r = startBinary(t, binaries.webhookd, nil, strings.NewReader(goodHandlers), "handlers", "lint", "-")
	require.Zero(t, r.wait(), r.stdout.text())

	r = start(t, nil, "handlers", "lint", filepath.Join(dir, "none.yaml"))
	require.Equal(t, exitUsage, r.wait())
	require.Equal(t, "webhookd: cannot read "+filepath.Join(dir, "none.yaml")+": no such file or directory\n", r.stderr.text())
}

// What a handler may name is what the set-up knows.
func TestHandlersAreCheckedWithTheFlowsAndResthooksOfTheSetUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, setUp := filepath.Join(dir, "handlers.yaml"), filepath.Join(dir, "webhookd.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`handlers:
  - name: missed-call
    on: [call_missed]
    do:
      - {type: start_session, flow: callback}
      - {type: call_resthook, resthook: crm}
`), 0o600))
	require.NoError(t, os.WriteFile(setUp, []byte("resthooks: {crm: https://crm.example.com/hook}\n"), 0o600))

	r := start(t, nil, "handlers", "lint", file)
	require.Equal(t, exitFailure, r.wait())
	require.Contains(t, r.stdout.text(), file+":5: handlers[0].do[0].flow")
	require.Contains(t, r.stdout.text(), file+":6: handlers[0].do[1].resthook")

	r = start(t, nil, "handlers", "lint", file, "--config", setUp, "--flows", "callback=7d5a7fd4-7b21-4b44-ac45-d4a4a0f4bd0f")
	require.Zero(t, r.wait(), r.stdout.text())
}

// asked is a request that a service got.
type asked struct {
	line   string
	header http.Header
	body   string
}

// answering is a service that says one thing.
func answering(t *testing.T, status int, answer string) (url string, got chan asked) {
	t.Helper()
	got = make(chan asked, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- asked{r.Method + " " + r.URL.String(), r.Header, string(body)}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func TestHandlersAreListed(t *testing.T) {
	t.Parallel()
	const answer = `{"handlers":[
		{"name":"missed-call","account":null,"source":"file","enabled":true,"fired":12,"fired_at":"2020-08-25T16:24:41Z",
		 "failures":0,"last_error":null,"updated_at":"2020-08-25T16:00:00Z","definition":{"on":["call_missed","call_ended"]}},
		{"name":"crm","account":"crm","source":"api","enabled":true,"fired":3,"fired_at":"2020-08-25T16:24:41Z",
		 "failures":2,"last_error":"no\nanswer","updated_at":"2020-08-25T16:00:00Z","definition":{"on":["*"]}},
		{"name":"new","account":"crm","source":"api","enabled":false,"fired":0,"fired_at":null,
		 "failures":0,"last_error":null,"updated_at":"2020-08-25T16:00:00Z","definition":{"on":["*"]}}]}`
	url, got := answering(t, http.StatusOK, answer)
	r := start(t, nil, "handlers", "list", "--url", url, "--account", "crm", "--secret", "the-secret", "--api-key", "the-key")
	require.Zero(t, r.wait(), r.stderr.text())
	sent := <-got
	require.Equal(t, "GET /v1/handlers?account=crm", sent.line)
	require.Equal(t, "the-secret", sent.header.Get("X-Webhook-Secret"))
	require.Equal(t, "ApiKey the-key", sent.header.Get("Authorization"))
	require.Equal(t, ""+
		"name         on                      account  source  state                fired  last                  error\n"+
		"missed-call  call_missed,call_ended  *        file    on                   12     2020-08-25T16:24:41Z\n"+
		"crm          *                       crm      api     failing, 2 in a row  3      2020-08-25T16:24:41Z  no; answer\n"+
		"new          *                       crm      api     off                  0      -\n",
		r.stdout.text())

	r = start(t, nil, "handlers", "list", "--url", url, "--json")
	require.Zero(t, r.wait(), r.stderr.text())
	require.JSONEq(t, answer, r.stdout.text())
}

func TestAHandlerIsTried(t *testing.T) {
	t.Parallel()
	url, got := answering(t, http.StatusOK, `{"handler":"missed-call","matches":true}`)
	r := start(t, nil, "handlers", "test", "missed-call", "--url", url, "--api-key", "the-key", "--account", "crm",
		"--call", "C2B19C63-F17B-4726-B3A1-5B5046E887EF", "--event-type", "call_missed")
	require.Zero(t, r.wait(), r.stderr.text())
	sent := <-got
	require.Equal(t, "POST /v1/handlers/missed-call/test?account=crm", sent.line)
	require.Equal(t, "ApiKey the-key", sent.header.Get("Authorization"))
	require.Equal(t, "application/json", sent.header.Get("Content-Type"))
	require.JSONEq(t, `{"call_uuid":"c2b19c63-f17b-4726-b3a1-5b5046e887ef","event_type":"call_missed"}`, sent.body)
	require.JSONEq(t, `{"handler":"missed-call","matches":true}`, r.stdout.text())
	require.Equal(t, 4, strings.Count(r.stdout.text(), "\n"), "it is broken into lines for people")

	r = startBinary(t, binaries.webhookd, nil, strings.NewReader(`{"type":"call_missed"}`+"\n"),
		"handlers", "test", "missed-call", "--url", url, "--event", "-")
	require.Zero(t, r.wait(), r.stderr.text())
	sent = <-got
	require.JSONEq(t, `{"event":{"type":"call_missed"}}`, sent.body)
	require.NotContains(t, sent.header, "Authorization")
}

// A key of this machine's set-up goes to this machine's service only, and it is the account's.
func TestTheKeyOfTheSetUpIsSentToItsOwnService(t *testing.T) {
	t.Parallel()
	url, got := answering(t, http.StatusOK, `{}`)
	own := []string{
		"WEBHOOKD_LISTEN=" + strings.TrimPrefix(url, "http://"), "WEBHOOKD_WEBHOOK_SECRET=the-secret-of-this-set-up",
		"WEBHOOKD_API_KEYS=crm:the-key-of-crm-of-this,the-key-of-default-of-this",
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--account", "crm"}, "ApiKey the-key-of-crm-of-this"},
		{[]string{"--account", "default"}, "ApiKey the-key-of-default-of-this"},
		{nil, "ApiKey the-key-of-default-of-this"},
		{[]string{"--account", "other"}, ""},
		{[]string{"--url", url}, ""},
		{[]string{"--url", url, "--api-key", "another"}, "ApiKey another"},
	} {
		args := append([]string{"handlers", "test", "missed-call", "--call", recordedCall}, c.args...)
		r := start(t, own, args...)
		require.Zero(t, r.wait(), r.stderr.text())
		sent := <-got
		require.Equal(t, c.want, sent.header.Get("Authorization"), c.args)
		ours := len(c.args) == 0 || c.args[0] != "--url"
		require.Equal(t, ours, sent.header.Get("X-Webhook-Secret") != "", c.args)
	}
}

func TestWhatKeepsAHandlerFromBeingTriedIsSaid(t *testing.T) {
	t.Parallel()
	url, _ := answering(t, http.StatusNotFound, `{"detail":"There is no handler of this name."}`)
	noObject := filepath.Join(t.TempDir(), "event.json")
	require.NoError(t, os.WriteFile(noObject, []byte("[]"), 0o600))
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"missed-call", "--call", recordedCall}, exitFailure, "test handler: the service answered 404 Not Found: There is no handler of this name."},
		{[]string{"missed-call"}, exitUsage, "test needs either --call or --event"},
		{[]string{"missed-call", "--call", recordedCall, "--event", noObject}, exitUsage, "test needs either --call or --event"},
		{[]string{"missed-call", "--call", "42"}, exitUsage, `--call: "42" is no UUID of a call`},
		{[]string{"missed-call", "--event", noObject}, exitUsage, "--event: " + noObject + " holds no JSON object"},
		{[]string{"missed-call", "--event", noObject, "--event-type", "call_missed"}, exitUsage, "--event-type goes with --call; an event says its type itself"},
		{[]string{"missed-call", "--event", "/no/such/file"}, exitUsage, "cannot read /no/such/file: no such file or directory"},
		{[]string{"../calls", "--call", recordedCall}, exitUsage, `"../calls" is no name of a handler`},
	} {
		r := start(t, nil, append([]string{"handlers", "test", "--url", url}, c.args...)...)
		require.Equal(t, c.code, r.wait(), c.args)
		require.Equal(t, "webhookd: "+c.want+"\n", r.stderr.text())
	}
}
