package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/httpapi"
	"webhookd/internal/live"
	"webhookd/internal/natsbus"
)

// streaming is a server whose streams come from a NATS server of its own.
type streaming struct {
	*bundle
	dir   string
	far   *natsbus.Bus // runs the NATS server
	board *live.Board
	wait  context.Context //nolint:containedctx // of one test
}

func setupStreams(t *testing.T, change func(*httpapi.Config)) *streaming {
	t.Helper()
	s := &streaming{dir: t.TempDir()}
	var cancel context.CancelFunc
	s.wait, cancel = context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	s.startNATS(t, "127.0.0.1:0")
	t.Cleanup(func() { assert.NoError(t, s.far.Close()) })
	near, err := natsbus.Open(s.wait, natsbus.Config{URL: s.far.URL()})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, near.Close()) })
	<-near.Up()
	s.board = live.New(near)
	t.Cleanup(s.board.Stop)
	s.bundle = setup(t, func(cfg *httpapi.Config) {
		cfg.Live = s.board
		if change != nil {
			change(cfg)
		}
	})
	return s
}

func (s *streaming) startNATS(t *testing.T, address string) {
	t.Helper()
	var err error
	s.far, err = natsbus.Open(s.wait, natsbus.Config{StoreDir: s.dir, Listen: address})
	require.NoError(t, err)
}

// publish publishes an event whose id is its body.
func (s *streaming) publish(t *testing.T, account, kind, id string) {
	t.Helper()
	require.NoError(t, s.far.Publish(s.wait, flow.Message{
		Subject: flow.Subject(account, kind), ID: id, Body: []byte(`{"id":"` + id + `"}`),
	}))
}

// reading is one client of a stream.
type reading struct {
	response *http.Response
	lines    *bufio.Scanner
}

// open begins to read a stream, and returns when its first line is here.
func (s *streaming) open(t *testing.T, path string, headers ...string) *reading {
	t.Helper()
	request, err := http.NewRequestWithContext(s.wait, http.MethodGet, "http://"+s.addr+path, http.NoBody)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, 200, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	r := &reading{response: response, lines: bufio.NewScanner(response.Body)}
	r.lines.Buffer(nil, 1<<20)
	require.Equal(t, "retry: 2000", r.line(t))
	require.Empty(t, r.line(t))
	return r
}

func (r *reading) line(t *testing.T) string {
	t.Helper()
	require.True(t, r.lines.Scan(), "the stream ended: %v", r.lines.Err())
	return r.lines.Text()
}

// next gives the next event in one line, without the words of people.
func (r *reading) next(t *testing.T) string {
	t.Helper()
	var parts []string
	for line := r.line(t); line != "" || len(parts) == 0; line = r.line(t) {
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "event", "id":
			parts = append(parts, value)
		case "data":
			before, _, detailed := strings.Cut(value, `"detail":`)
			if detailed {
				value = strings.TrimRight(before, "{,")
			}
			if value != "" {
				parts = append(parts, value)
			}
		}
	}
	return strings.Join(parts, " ")
}

func (r *reading) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, one := range want {
		require.Equal(t, one, r.next(t))
	}
}

// ended waits until the stream is at its end.
func (r *reading) ended(t *testing.T) {
	t.Helper()
	for r.lines.Scan() {
	}
	require.NoError(t, r.lines.Err(), "it is ended in good order")
}

// settled waits until the followers of the stream's events are there: what comes "from now on" begins with them.
func (s *streaming) settled(t *testing.T, stream string, consumers int) {
	t.Helper()
	require.Eventually(t, func() bool {
		found, err := s.far.JetStream().Stream(s.wait, stream)
		return err == nil && found.CachedInfo().State.Consumers == consumers
	}, 20*time.Second, 5*time.Millisecond)
}

func TestAStreamGivesAnAccountsEventsFromNowOn(t *testing.T) {
	t.Parallel()
	s := setupStreams(t, nil)
	s.publish(t, "default", "call_started", "1")
	all := s.open(t, "/v1/stream")
	missed := s.open(t, "/v1/stream?types=call_missed,%20Call_Ended")
	other := s.open(t, "/v1/stream?account=acme&since=2020-01-01")
	s.settled(t, flow.StreamName, 3)
	s.publish(t, "acme", "call_missed", "2")
	s.publish(t, "default", "call_started", "3")
	s.publish(t, "default", "call_missed", "4")
	s.publish(t, "default", "error", "5")
	s.publish(t, "default", "call_ended", "6")
	all.expect(t, `3 {"id":"3"}`, `4 {"id":"4"}`, `5 {"id":"5"}`, `6 {"id":"6"}`)
	missed.expect(t, `4 {"id":"4"}`, `6 {"id":"6"}`)
	other.expect(t, `2 {"id":"2"}`)
}

func TestAStreamGoesOnBehindTheLastEvent(t *testing.T) {
	t.Parallel()
	s := setupStreams(t, nil)
	for i := range 6 {
		s.publish(t, "default", "call_started", strconv.Itoa(i+1))
	}
	s.open(t, "/v1/stream", "Last-Event-ID", "4").expect(t, `5 {"id":"5"}`, `6 {"id":"6"}`)
	// The header is of the newer connection: it goes before since.
	s.open(t, "/v1/stream?since=2020-01-01", "Last-Event-ID", "5").expect(t, `6 {"id":"6"}`)
	s.open(t, "/v1/stream?since=2020-01-01").expect(t, `1 {"id":"1"}`, `2 {"id":"2"}`)

	stream, err := s.far.JetStream().Stream(s.wait, flow.StreamName)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(s.wait, jetstream.WithPurgeSequence(5))) // 1 to 4 go
	s.open(t, "/v1/stream", "Last-Event-ID", "2").expect(t, `gap 4 {"from":3,"to":4`, `5 {"id":"5"}`, `6 {"id":"6"}`)
	s.open(t, "/v1/stream", "Last-Event-ID", "4").expect(t, `5 {"id":"5"}`)
	s.open(t, "/v1/stream", "Last-Event-ID", "0").expect(t, `gap 4 {"from":1,"to":4`, `5 {"id":"5"}`)
	s.open(t, "/v1/stream", "Last-Event-ID", "900").expect(t, `gap 0 {"from":null,"to":null`, `5 {"id":"5"}`)
}

func TestAStreamOfCallsBeginsWithASnapshotAndGoesOn(t *testing.T) {
	t.Parallel()
	s := setupStreams(t, nil)
	require.NoError(t, s.far.PutCall("default.a", []byte(`{"call_uuid":"a"}`))(s.wait))       // 1
	require.NoError(t, s.far.PutCall("acme.x", []byte(`{"call_uuid":"x"}`))(s.wait))          // 2
	require.NoError(t, s.far.PutCall("default.b", []byte("{\n\"call_uuid\":\"b\"}"))(s.wait)) // 3
	calls := s.open(t, "/v1/stream/calls")
	calls.expect(t, "reset", `call 1 {"call_uuid":"a"}`, `call 3 { "call_uuid":"b"}`, `ready {"calls":2}`)
	s.open(t, "/v1/stream/calls?account=acme").expect(t, "reset", `call 2 {"call_uuid":"x"}`, `ready {"calls":1}`)
	require.NoError(t, s.far.DropCall(s.wait, "default.a"))                              // 4
	require.NoError(t, s.far.PutCall("default.b", []byte(`{"call_uuid":"b2"}`))(s.wait)) // 5
	calls.expect(t, `gone 4 {"call_uuid":"a"}`, `call 5 {"call_uuid":"b2"}`)
	s.open(t, "/v1/stream/calls", "Last-Event-ID", "3").expect(t, "reset", `call 5 {"call_uuid":"b2"}`, `ready {"calls":1}`)
}

func TestStreamsTellWhenNATSIsAway(t *testing.T) {
	t.Parallel()
	s := setupStreams(t, nil)
	require.NoError(t, s.far.PutCall("default.a", []byte(`1`))(s.wait))
	calls, events := s.open(t, "/v1/stream/calls"), s.open(t, "/v1/stream")
	calls.expect(t, "reset", "call 1 1", `ready {"calls":1}`)
	s.settled(t, flow.StreamName, 1)
	address := strings.TrimPrefix(s.far.URL(), "nats://")
	require.NoError(t, s.far.Close())
	calls.expect(t, "stale")
	events.expect(t, "stale")
	s.startNATS(t, address)
	require.NoError(t, s.far.PutCall("default.b", []byte(`2`))(s.wait))
	s.publish(t, "default", "call_started", "1")
	events.expect(t, "fresh", `1 {"id":"1"}`)
	calls.expect(t, "reset", "call 1 1")
	// The second call is in the snapshot, or comes behind it.
	switch next := calls.next(t); next {
	case "call 2 2":
		calls.expect(t, `ready {"calls":2}`, "fresh")
	default:
		require.Equal(t, `ready {"calls":1}`, next)
		calls.expect(t, "fresh", "call 2 2")
	}
}

func TestAStreamIsKeptAliveBeyondTheTimeToWriteAnAnswer(t *testing.T) {
	t.Parallel()
	s := setupStreams(t, func(cfg *httpapi.Config) {
		cfg.WriteTimeout, cfg.ReadTimeout, cfg.IdleTimeout = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
		cfg.Heartbeat = 20 * time.Millisecond
	})
	events := s.open(t, "/v1/stream")
	begun := time.Now()
	for beats := 0; beats < 15; {
		if events.line(t) == ":" {
			beats++
		}
	}
	require.Greater(t, time.Since(begun), 200*time.Millisecond)
	s.publish(t, "default", "call_started", "1")
	events.expect(t, `1 {"id":"1"}`)
}

func TestAStopEndsStreamsAtOnce(t *testing.T) {
	t.Parallel()
	s := setupStreams(t, nil)
	calls, events := s.open(t, "/v1/stream/calls"), s.open(t, "/v1/stream")
	calls.expect(t, "reset", `ready {"calls":0}`)
	ctx, cancel := context.WithTimeout(s.wait, 5*time.Second)
	defer cancel()
	require.NoError(t, s.server.Shutdown(ctx))
	calls.ended(t)
	events.ended(t)
}

func TestAStreamThatIsLeftIsForgotten(t *testing.T) {
	t.Parallel()
	s := setupStreams(t, func(cfg *httpapi.Config) { cfg.MaxStreams, cfg.Heartbeat = 1, 10*time.Millisecond })
	first := s.open(t, "/v1/stream")
	refused := requireProblem(t, s.get(t, "/v1/stream/calls"), 503, "streams_full")
	require.Contains(t, refused.Detail, "connect again later")
	s.settled(t, flow.StreamName, 1)
	require.NoError(t, first.response.Body.Close())
	s.settled(t, flow.StreamName, 0)
	s.roomAgain(t, "/v1/stream/calls")
}

// A client that does not read is cut off; the one beside it gets everything.
func TestASlowClientOfAStreamIsCutOff(t *testing.T) {
	t.Parallel()
	s := setupStreams(t, func(cfg *httpapi.Config) { cfg.WriteTimeout, cfg.MaxStreams = 200*time.Millisecond, 2 })
	conn := s.dial(t)
	require.NoError(t, conn.SetReadBuffer(4<<10))
	_, err := fmt.Fprintf(conn, "GET /v1/stream/calls HTTP/1.1\r\nHost: %s\r\n\r\n", s.addr)
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 10))
	require.NoError(t, err)
	quick := s.open(t, "/v1/stream/calls")
	quick.expect(t, "reset", `ready {"calls":0}`)
	requireProblem(t, s.get(t, "/v1/stream"), 503, "streams_full")

	record := []byte(`"` + strings.Repeat("x", 60<<10) + `"`)
	for i := range 200 { // 12 MB, more than kernels hold for a connection
		require.NoError(t, s.far.PutCall("default.a", record)(s.wait))
		require.True(t, strings.HasPrefix(quick.next(t), fmt.Sprintf("call %d ", i+1)))
	}
	s.roomAgain(t, "/v1/stream")
}

// roomAgain waits until a further stream is allowed.
func (s *streaming) roomAgain(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := s.client.Get("http://" + s.addr + path)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, 20*time.Second, 10*time.Millisecond)
}

func TestWhatCannotBeStreamedIsTold(t *testing.T) {
	t.Parallel()
	s := setupStreams(t, func(cfg *httpapi.Config) { cfg.WebhookSecrets, cfg.GuardReads = []string{"0123456789abcdef"}, true })
	secret := []string{"X-Webhook-Secret", "0123456789abcdef"}
	for _, path := range []string{"/v1/stream", "/v1/stream/calls"} {
		requireProblem(t, s.get(t, path), 401, "unauthorized")
		requireProblem(t, s.get(t, path+"?account=a.b", secret...), 400, "parameter_invalid")
		requireProblem(t, s.get(t, path+"?number=1", secret...), 400, "parameter_unknown")
		head := s.do(t, http.MethodHead, path, nil, secret...)
		require.Equal(t, 200, head.status)
		require.Equal(t, "text/event-stream", head.header.Get("Content-Type"))
		s.open(t, path, secret...)
	}
	wrong := requireProblem(t, s.get(t, "/v1/stream?types=call_missd", secret...), 400, "parameter_invalid")
	require.Contains(t, wrong.Allowed, "call_missed")
	requireProblem(t, s.get(t, "/v1/stream?since=yesterday", secret...), 400, "parameter_invalid")
	got := requireProblem(t, s.get(t, "/v1/stream", append(secret, "Last-Event-ID", "x")...), 400, "parameter_invalid")
	require.Equal(t, "Last-Event-ID", got.Parameter)

	without := setup(t, nil)
	requireProblem(t, without.get(t, "/v1/stream"), 404, "route_not_found")
}

func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Parallel()
	const left = 4 * time.Second
	var later atomic.Int64
	s := setupStreams(t, func(cfg *httpapi.Config) {
		withTokens(cfg)
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	session := []string{"Cookie", logIn(t, s.bundle, tokenOfAll)}
	later.Store(int64(30*24*time.Hour - left))
	begun := time.Now()
	stream := s.open(t, "/v1/stream", session...)
	for stream.lines.Scan() { // to its end
	}
	require.NoError(t, stream.lines.Err())
	require.NoError(t, s.wait.Err(), "it did not end")
	require.Greater(t, time.Since(begun), left/2, "it was open until then")
	requireProblem(t, s.get(t, "/v1/stream", session...), 401, "read_token_refused")
}
