package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// inForce gives the handlers of a service: whose each is, and whether it is on.
func inForce(t *testing.T, s *service) map[string]string {
	t.Helper()
	status, body := do(t, http.MethodGet, "http://"+s.HTTP+"/v1/handlers", "")
	require.Equal(t, http.StatusOK, status, body)
	var answer struct {
		Handlers []listedHandler `json:"handlers"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	handlers := map[string]string{}
	for _, handler := range answer.Handlers {
		handlers[handler.Name] = handler.Source + map[bool]string{true: " on", false: " off"}[handler.Enabled]
	}
	return handlers
}

// What docs/triggers.md says of the file: who owns a name, and what a reload, and a start without it, leave.
func TestTheHandlersFileIsReloaded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "handlers.yaml")
	write := func(lines ...string) {
		text := "handlers: [" + strings.Join(lines, ",\n") + "]\n"
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	const (
		a      = `{name: a, on: call_missed, do: [{type: send_msg, text: One}]}`
		b      = `{name: b, on: call_missed, do: [{type: start_session, flow: callback}]}`
		c      = `{name: c, on: call_missed, do: [{type: send_msg, text: Three}]}`
		flows  = "--flows=callback=b7cf0d83-f1c9-411c-96fd-c511a4cfa86d"
		byAPI  = `{"name":"%","on":["call_missed"],"do":[{"type":"send_msg","text":"Of the API"}]}`
		aIsOff = `{"enabled":false}`
	)
	write(a, b)
	s := handled(t, file, flows, "--data-dir", dir)
	base := "http://" + s.HTTP + "/v1/handlers"
	status, _ := do(t, http.MethodPost, base, strings.Replace(byAPI, "%", "c", 1))
	require.Equal(t, http.StatusCreated, status)
	status, _ = do(t, http.MethodPost, base, strings.Replace(byAPI, "%", "d", 1))
	require.Equal(t, http.StatusCreated, status)
	for method, path := range map[string]string{http.MethodPost: base, http.MethodPut: base + "/a", http.MethodDelete: base + "/a"} {
		status, body := do(t, method, path, strings.Replace(byAPI, "%", "a", 1))
		require.Equal(t, http.StatusConflict, status, "%s: %s", method, body)
	}
	status, _ = do(t, http.MethodPatch, base+"/a", aIsOff)
	require.Equal(t, http.StatusOK, status)
	before := map[string]string{"a": "file off", "b": "file on", "c": "api on", "d": "api on"}
	require.Equal(t, before, inForce(t, s))

	// A file that is wrong anywhere changes nothing.
	write(c, `{name: e, on: call_mised}`)
	s.signal(syscall.SIGHUP)
	require.Contains(t, s.next(s.stderr, "handlers are not reloaded"), "line 2: handlers[1].on[0]")
	require.Equal(t, before, inForce(t, s))

	// The file takes a name over; what it has no more is removed; what was switched stays so.
	write(a, c)
	s.signal(syscall.SIGHUP)
	s.next(s.stderr, "handlers are loaded from the file")
	require.Equal(t, map[string]string{"a": "file off", "c": "file on", "d": "api on"}, inForce(t, s))
	write(strings.Replace(a, "One", "Another", 1), b, c)
	s.signal(syscall.SIGHUP)
	s.next(s.stderr, "handlers are loaded from the file")
	after := map[string]string{"a": "file on", "b": "file on", "c": "file on", "d": "api on"}
	require.Equal(t, after, inForce(t, s))

	// A start without the file leaves them all; one that cannot be used is told of.
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait())
	s = startService(t, nil, "--data-dir", dir)
	require.Equal(t, after, inForce(t, s))
	require.Contains(t, s.logged("a handler cannot be used"), `"handler":"b"`)
	s.signal(syscall.SIGHUP)
	require.Contains(t, s.next(s.stderr, "handlers are not reloaded"), "no handlers file is configured")
	require.Equal(t, after, inForce(t, s))

	// A start with a file that is wrong fails.
	write(`{name: a, on: call_mised, do: [{type: send_msg, text: One}]}`)
	r := start(t, nil, "serve", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--handlers", file)
	require.Equal(t, exitUsage, r.wait())
	require.Contains(t, r.stderr.text(), "line 1: handlers[0].on[0]")
}
