package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listed runs `handlers list` against a service, and gives its lines with single blanks.
func listed(t *testing.T, s *service) []string {
	t.Helper()
	r := start(t, nil, "handlers", "list", "--url", "http://"+s.HTTP)
	require.Zero(t, r.wait(), r.stderr.text())
	var lines []string
	for line := range strings.Lines(r.stdout.text()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	require.Equal(t, "name on account source state fired last error", lines[0])
	return lines[1:]
}

// A file that is right comes into force on SIGHUP, in the process that runs; one that is wrong is told with its line, and
// what was in force before stays in force: it goes on firing.
func TestAReloadIsListedAndFires(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "handlers.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	const first = `handlers:
  - name: first
    on: call_ended
    do: [{type: send_msg, text: "first"}]
`
	const second = `  - name: second
    on: call_ended
    after: 1h
    do: [{type: send_msg, text: "second"}]
`
	write(first)
	s := startService(t, nil, "--handlers", file, "--settle-delay", "1s")
	require.Eventually(t, func() bool { return strings.Contains(s.stderr.text(), "handlers are loaded from the file") },
		patience, 10*time.Millisecond)
	require.Equal(t, []string{"first call_ended * file on 0 -"}, listed(t, s))

	write(first + second)
	s.signal(syscall.SIGHUP)
	s.next(s.stderr, `"msg":"handlers are loaded from the file","handlers":2`)
	require.Equal(t, []string{"first call_ended * file on 0 -", "second call_ended * file on 0 -"}, listed(t, s))

	write(first + strings.Replace(second, "call_ended", "call_endet", 1))
	s.signal(syscall.SIGHUP)
	told := s.next(s.stderr, "handlers are not reloaded")
	require.Contains(t, told, "line 6: handlers[1].on")
	require.Contains(t, told, "the handlers stay as they are")
	write("handlers: [\n")
	s.signal(syscall.SIGHUP)
	s.next(s.stderr, "handlers are not reloaded")
	require.NoError(t, os.Remove(file))
	s.signal(syscall.SIGHUP)
	s.next(s.stderr, "handlers are not reloaded")
	require.Len(t, listed(t, s), 2)

	for _, body := range webhooks(t) {
		post(t, s, body)
	}
	messages := 0
	for _, event := range tailed(t, s, 17) { // 16 of the call until it has settled, and the message
		if event.Type == "msg_created" {
			messages++
		}
	}
	require.Equal(t, 1, messages)
	lines := listed(t, s)
	require.Regexp(t, `^first call_ended \* file on 1 20\S+Z$`, lines[0])
	require.Equal(t, "second call_ended * file on 0 -", lines[1], "it waits")

	write("handlers: []\n")
	s.signal(syscall.SIGHUP)
	s.next(s.stderr, `"msg":"handlers are loaded from the file","handlers":0`)
	require.Empty(t, listed(t, s))
	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait())
}
