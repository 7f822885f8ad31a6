package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp starts these two once per process and server; the first never ends, the second ends within 10 s of
		// its server's end.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// submission is one webhook that the door handed on.
type submission struct {
	account string
	body    []byte
}

// intake is an intake that keeps what it gets and answers what the test says.
type intake struct {
	answer func(ctx context.Context, body []byte) (ingest.Answer, error)

	mu  sync.Mutex
	got []submission
}

func (i *intake) Submit(ctx context.Context, account string, body []byte) (ingest.Answer, error) {
	i.mu.Lock()
	i.got = append(i.got, submission{account, body}) // not copied: the test would see it change
	i.mu.Unlock()
	if i.answer == nil {
		return ingest.Answer{Result: ingest.Ignored, JournalID: 1}, nil
	}
	return i.answer(ctx, body)
}

func (*intake) CloseCall(context.Context, store.Key) (int, error) { return 0, store.ErrNotFound }

func (i *intake) submissions() []submission {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]submission(nil), i.got...)
}

// quarantine keeps what the door refuses.
type quarantine struct {
	err error

	mu   sync.Mutex
	kept []store.Refused
}

func (q *quarantine) Quarantine(_ context.Context, refused store.Refused) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.kept = append(q.kept, refused)
	return q.err
}

// noCalls is a reader of an empty store.
type noCalls struct{ httpapi.Reader }

func (noCalls) Calls(context.Context, store.CallFilter) ([]store.Call, error) { return nil, nil }
func (noCalls) Call(context.Context, store.Key) (store.Call, error) {
	return store.Call{}, store.ErrNotFound
}

func (noCalls) Dialog(context.Context, store.Key) (store.Leg, error) {
	return store.Leg{}, store.ErrNotFound
}

// bundle is a running server and what stands around it.
type bundle struct {
	server *httpapi.Server
	addr   string
	client *http.Client
	intake *intake
	kept   *quarantine
	log    *lockedBuffer
}

// setup starts a server on a port of its own; change may alter its configuration.
func setup(t *testing.T, change func(*httpapi.Config)) *bundle {
	t.Helper()
	b := &bundle{intake: &intake{}, kept: &quarantine{}, log: &lockedBuffer{}}
	cfg := httpapi.Config{
		Intake:     b.intake,
		Reader:     noCalls{},
		Quarantine: b.kept,
		Version:    "test",
		Logger:     slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.addr = ln.Addr().String()
	b.server = httpapi.New(cfg)
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(ln) }()
	transport := &http.Transport{DisableCompression: true}
	b.client = &http.Client{
		Transport:     transport,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, b.server.Shutdown(ctx))
		require.NoError(t, <-served)
	})
	return b
}

// lockedBuffer is a log that tests may read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// answer is an answer read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
	close  bool // the server said that it closes the connection
}

// do sends a request with headers given as name, value, name, value …; Host is set on the request.
func (b *bundle) do(t *testing.T, method, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.addr+path, body)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
			continue
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.client.Do(request)
	require.NoError(t, err)
	got := readAnswer(t, response)
	requireContract(t, method, path, got)
	return got
}

func readAnswer(t *testing.T, response *http.Response) answer {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, body, response.Close}
}

func (b *bundle) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return b.do(t, http.MethodGet, path, nil, headers...)
}

func (b *bundle) post(t *testing.T, path, body string, headers ...string) answer {
	t.Helper()
	return b.do(t, http.MethodPost, path, bytes.NewReader([]byte(body)), headers...)
}

// problem is an RFC 9457 problem as clients see it.
type problem struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Instance  string   `json:"instance"`
	Code      string   `json:"code"`
	Parameter string   `json:"parameter"`
	Allowed   []string `json:"allowed"`
}

// requireProblem requires that an answer is a whole problem with this status and code.
func requireProblem(t *testing.T, a answer, status int, code string) problem {
	t.Helper()
	require.Equal(t, status, a.status, "%s", a.body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	var p problem
	require.NoError(t, json.Unmarshal(a.body, &p), "%s", a.body)
	require.Equal(t, status, p.Status)
	require.Equal(t, code, p.Code)
	require.Regexp(t, `^urn:webhookd:problem:[a-z_]+$`, p.Type)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	require.NotEmpty(t, a.header.Get("X-Request-ID"))
	require.Equal(t, "urn:webhookd:request:"+a.header.Get("X-Request-ID"), p.Instance)
	return p
}

// dial opens a connection of the test's own, for what net/http would not send.
func (b *bundle) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", b.addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	return conn.(*net.TCPConn)
}

// readRaw reads the next answer from a connection of the test's own.
func readRaw(t *testing.T, conn net.Conn) answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return readAnswer(t, response)
}
