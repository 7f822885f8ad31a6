package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/eventtest"
	"webhookd/internal/store/postgres/pgtest"
)

const recordedCall = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"

// published is an event as `tail --json` prints it.
type published struct {
	UUID      string `json:"uuid"`
	Type      string `json:"type"`
	EventData struct {
		Seq    int `json:"seq"`
		Dialog struct {
			DialogUUID string `json:"dialog_uuid"`
		} `json:"dialog"`
	} `json:"event_data"`
}

func TestTheRecordedCallGivesItsRecordAndItsEvents(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		recordedCallGoesThrough(t)
	})
	t.Run("Postgres and a NATS server", func(t *testing.T) {
		t.Parallel()
		recordedCallGoesThrough(t, "WEBHOOKD_DATABASE_URL="+pgtest.URL(t), "WEBHOOKD_NATS_URL="+startNATS(t))
	})
}

func recordedCallGoesThrough(t *testing.T, environ ...string) {
	t.Helper()
	s := startService(t, environ, "--settle-delay", "1s")
	r := start(t, nil, "replay", "--url", "http://"+s.HTTP, recording(t))
	require.Zero(t, r.wait())
	require.Contains(t, r.stdout.text(), "8 accepted in ")

	require.Equal(t, wantedEvents(t), said(t, tailed(t, s, 17)))
	record := getCall(t, s)
	require.EqualValues(t, 17, record["seq"])
	require.EqualValues(t, 1, record["revision"])
	require.Contains(t, record, "updated_at")
	requireRecord(t, record)

	r = start(t, nil, "replay", "--url", "http://"+s.HTTP, recording(t))
	require.Zero(t, r.wait())
	require.Contains(t, r.stdout.text(), "8 duplicate in ")

	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait())
}

// Whatever the moment at which the process is killed, the call and its events come out the same, none twice.
func TestAKilledServiceGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	bodies := webhooks(t)
	for killed := 1; killed < len(bodies); killed++ {
		t.Run(fmt.Sprintf("after %d webhooks", killed), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := startService(t, nil, "--data-dir", dir, "--settle-delay", "1s")
			for _, body := range bodies[:killed] {
				post(t, s, body)
			}
			s.signal(syscall.SIGKILL)
			s.wait()

			s = startService(t, nil, "--data-dir", dir, "--settle-delay", "1s")
			for _, body := range bodies[killed:] {
				post(t, s, body)
			}
			events := tailed(t, s, 17)
			require.Equal(t, wantedEvents(t), said(t, events))
			ids := map[string]bool{}
			for i, event := range events {
				require.Equal(t, i+1, event.EventData.Seq)
				require.False(t, ids[event.UUID], "twice: %s", event.UUID)
				ids[event.UUID] = true
			}
			requireRecord(t, getCall(t, s))
		})
	}
}

func TestTheDemonstrationShowsTheEventsOfTheRecordedCall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const secret = "a-secret-that-is-long-enough"
	s := startService(t, []string{"WEBHOOKD_WEBHOOK_SECRET=" + secret},
		"--data-dir", dir, "--settle-delay", "1s", "--demo", recording(t))
	s.next(s.stdout, "curl http://"+s.HTTP+"/v1/calls/"+recordedCall)
	var shown []string
	for line := range strings.Lines(s.stdout.text()) {
		if fields := strings.Fields(line); len(fields) > 3 && fields[2] == "call" && fields[3] == recordedCall {
			event := fields[1]
			if len(fields) > 5 && fields[4] == "dialog" {
				event += " " + fields[5]
			}
			shown = append(shown, event)
		}
	}
	require.Equal(t, wantedEvents(t), shown)
	s.signal(syscall.SIGINT)
	require.Zero(t, s.wait())
	require.NotContains(t, s.stdout.text()+s.stderr.text(), secret)

	s = startService(t, nil, "--data-dir", dir, "--demo", recording(t))
	s.next(s.stdout, "There are calls already")
	s.next(s.stdout, "curl http://"+s.HTTP+"/v1/calls")
}

func TestAReplayWithAWrongSecretEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := startService(t, []string{"WEBHOOKD_WEBHOOK_SECRET=a-secret-that-is-long-enough"})
	r := start(t, nil, "replay", "--url", "http://"+s.HTTP, "--secret", "a-wrong-one", recording(t))
	require.Equal(t, 1, r.wait())
	require.Contains(t, r.stderr.text(), "not let in: 401 Unauthorized")
	r = start(t, nil, "replay", "--url", "http://"+s.HTTP, "--secret", "a-secret-that-is-long-enough", recording(t))
	require.Zero(t, r.wait())
}

func TestRefusedWebhooksAreToldOneByOne(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	stdin := strings.NewReader(`{"event_name":"dialog_create"}` + "\n" + `{"broken` + "\n")
	r := startBinary(t, binaries.webhookd, nil, stdin, "replay", "--url", "http://"+s.HTTP, "-")
	require.Equal(t, 1, r.wait())
	require.Contains(t, r.stdout.text(), "2 refused in ")
	require.Contains(t, r.stderr.text(), "standard input:1: refused: 400 Bad Request: ")
	require.Contains(t, r.stderr.text(), "standard input:2: refused: 400 Bad Request: ")
}

// A client that does not finish its request holds a graceful stop up; whoever will not wait asks again.
func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.HTTP)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "POST /v1/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	// The server takes connections in order, so it has seen the one above when it answers here.
	status, _ := do(t, http.MethodGet, "http://"+s.HTTP+"/healthz", "")
	require.Equal(t, http.StatusOK, status)
	s.signal(syscall.SIGTERM)
	s.next(s.stderr, `"msg":"stopping"`)
	s.signal(syscall.SIGTERM)
	require.Equal(t, 1, s.wait())
	require.Contains(t, s.stderr.text(), "asked a second time to stop: ending at once")
}

func TestASecondServiceLeavesTheDataOfTheFirstAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startService(t, nil, "--data-dir", dir)
	r := start(t, nil, "serve", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--data-dir", dir)
	require.Equal(t, 2, r.wait())
	require.Contains(t, r.stderr.text(), "another webhookd uses this spool directory")
	require.Equal(t, 1, strings.Count(r.stderr.text(), "\n"))
}

// startNATS runs an ordinary nats-server in a process of its own and gives its URL.
func startNATS(t *testing.T) string {
	t.Helper()
	ports := t.TempDir()
	r := startBinary(t, binaries.natsServer, nil, nil,
		"--jetstream", "--store_dir", t.TempDir(), "--addr", "127.0.0.1", "--port", "-1", "--ports_file_dir", ports)
	r.next(r.stderr, "Server is ready")
	var found struct {
		NATS []string `json:"nats"`
	}
	require.Eventually(t, func() bool {
		files, err := filepath.Glob(filepath.Join(ports, "*.ports"))
		if err != nil || len(files) == 0 {
			return false
		}
		data, err := os.ReadFile(files[0])
		return err == nil && json.Unmarshal(data, &found) == nil && len(found.NATS) > 0
	}, patience, 10*time.Millisecond)
	return found.NATS[0]
}

// tailed gives the first events of the stream, as tail prints them.
func tailed(t *testing.T, s *service, count int) []published {
	t.Helper()
	r := start(t, nil, "tail", "--all", "--json", "--count", strconv.Itoa(count), "--nats-url", s.NATS)
	require.Zero(t, r.wait())
	var events []published
	for line := range strings.Lines(r.stdout.text()) {
		require.NoError(t, eventtest.Published([]byte(line)), line)
		var event published
		require.NoError(t, json.Unmarshal([]byte(line), &event))
		events = append(events, event)
	}
	return events
}

// said gives events as fixtures/outbound_answered/events.txt names them.
func said(t *testing.T, events []published) []string {
	t.Helper()
	var names []string
	for _, event := range events {
		names = append(names, strings.TrimSpace(event.Type+" "+event.EventData.Dialog.DialogUUID))
	}
	return names
}

func wantedEvents(t *testing.T) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(read(t, "events.txt")), "\n")
}

func webhooks(t *testing.T) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(read(t, "webhooks.ndjson")), "\n")
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(fixture(t, name))
	require.NoError(t, err)
	return string(data)
}

// requireRecord compares a record with the one that was worked out by hand; seq, revision and updated_at are added by
// the service.
func requireRecord(t *testing.T, record map[string]any) {
	t.Helper()
	var want map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, "call.json")), &want))
	for _, added := range []string{"seq", "revision", "updated_at"} {
		require.NotContains(t, want, added)
		delete(record, added)
	}
	require.Equal(t, want, record)
}

func getCall(t *testing.T, s *service) map[string]any {
	t.Helper()
	status, body := do(t, http.MethodGet, "http://"+s.HTTP+"/v1/calls/"+recordedCall, "")
	require.Equal(t, http.StatusOK, status, body)
	var record map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &record))
	return record
}

func post(t *testing.T, s *service, webhook string) {
	t.Helper()
	status, body := do(t, http.MethodPost, "http://"+s.HTTP+"/v1/webhooks", webhook)
	require.Equal(t, http.StatusOK, status, body)
}

func do(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(data)
}
