package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

const (
	aDialog = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"
	aCall   = "bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d"
)

func TestAnswersOfTheDoor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer     ingest.Answer
		err        error
		status     int
		body       string // whole JSON, or
		code       string // of the problem
		retryAfter string
		says       string
	}{
		"accepted": {
			answer: ingest.Answer{Result: ingest.Accepted, JournalID: 1, DialogUUID: aDialog, CallUUID: aCall},
			status: 200, body: `{"status":"accepted","journal_id":1,"dialog_uuid":"` + aDialog + `","call_uuid":"` + aCall + `"}`,
		},
		"duplicate": {answer: ingest.Answer{Result: ingest.Duplicate}, status: 200, body: `{"status":"duplicate"}`},
		"ignored":   {answer: ingest.Answer{Result: ingest.Ignored, JournalID: 2}, status: 200, body: `{"status":"ignored","journal_id":2}`},
		"refused": {
			err:    fmt.Errorf("submit: %w", &ingest.RefusedError{Code: "missing_event_time", Reason: "event_time is missing"}),
			status: 400, code: "missing_event_time", says: "event_time is missing",
		},
		"database away": {err: fmt.Errorf("submit: %w", store.ErrUnavailable), status: 503, code: "storage_unavailable", retryAfter: "5", says: "was not kept"},
		"stopping":      {err: ingest.ErrStopping, status: 503, code: "stopping", retryAfter: "5", says: "did not keep"},
		"busy":          {err: ingest.ErrBusy, status: 503, code: "busy", retryAfter: "1", says: "was not kept"},
		"out of time":   {err: context.DeadlineExceeded, status: 503, code: "timeout", retryAfter: "5", says: "not known"},
		"anything else": {err: errors.New("secret internals"), status: 500, code: "internal", says: "not known"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			b.intake.answer = func(context.Context, []byte) (ingest.Answer, error) { return tc.answer, tc.err }

			got := b.post(t, "/v1/webhooks", `{}`)

			require.Equal(t, tc.retryAfter, got.header.Get("Retry-After"))
			require.NotContains(t, string(got.body), "secret internals")
			if tc.code != "" {
				require.Contains(t, requireProblem(t, got, tc.status, tc.code).Detail, tc.says)
				return
			}
			require.Equal(t, tc.status, got.status)
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			require.Equal(t, "no-store", got.header.Get("Cache-Control"))
			require.JSONEq(t, tc.body, string(got.body))
		})
	}
}

func TestBodiesReachTheIntakeAsTheyCame(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path    string
		body    string
		headers []string
		account string
	}{
		"JSON":                     {body: `{"event_name":"x"}`, headers: []string{"Content-Type", "application/json"}},
		"an account":               {path: "/v1/webhooks/Acme_1-b", body: `{}`, account: "Acme_1-b"},
		"empty":                    {body: ""},
		"without a type":           {body: `{"a":1}`},
		"JSON labelled as a form":  {body: `{"a":"1&b=%41"}`, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}},
		"JSON labelled multipart":  {body: `{"a":1}`, headers: []string{"Content-Type", "multipart/form-data; boundary=x"}},
		"a true multipart form":    {body: "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n", headers: []string{"Content-Type", "multipart/form-data; boundary=x"}},
		"NUL bytes":                {body: "{\"a\":\"\x00\"}\x00"},
		"bad UTF-8":                {body: "{\"a\":\"\xff\xfe\"}"},
		"a byte order mark":        {body: "\xef\xbb\xbf{}"},
		"identity":                 {body: `{}`, headers: []string{"Content-Encoding", "Identity"}},
		"expects to be told to go": {body: `{}`, headers: []string{"Expect", "100-continue"}},
		"exactly at the limit":     {body: strings.Repeat("x", httpapi.DefaultBodyLimit)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, chunked := range []bool{false, true} {
				b := setup(t, nil)
				path, account := tc.path, tc.account
				if path == "" {
					path, account = "/v1/webhooks", httpapi.DefaultAccount
				}
				var body io.Reader = strings.NewReader(tc.body)
				if chunked {
					body = struct{ io.Reader }{body}
				}

				got := b.do(t, http.MethodPost, path, body, tc.headers...)

				require.Equal(t, 200, got.status, "%s", got.body)
				require.Equal(t, []submission{{account, []byte(tc.body)}}, b.intake.submissions())
				require.Empty(t, b.kept.kept)
			}
		})
	}
}

func TestRefusalsOfTheDoor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		method, path string
		headers      []string
		status       int
		code         string
		header       [2]string
	}{
		"an account with a dot":        {path: "/v1/webhooks/a.b", status: 404, code: "account_not_found"},
		"an account with a percent":    {path: "/v1/webhooks/a%62", status: 404, code: "account_not_found"},
		"an account that is too long":  {path: "/v1/webhooks/" + strings.Repeat("a", 65), status: 404, code: "account_not_found"},
		"an account with a NATS token": {path: "/v1/webhooks/%3E", status: 404, code: "account_not_found"},
		"a trailing slash":             {path: "/v1/webhooks/", status: 404, code: "route_not_found"},
		"a path below an account":      {path: "/v1/webhooks/a/b", status: 404, code: "route_not_found"},
		"another case":                 {path: "/V1/webhooks", status: 404, code: "route_not_found"},
		"no such route":                {path: "/nothing", status: 404, code: "route_not_found"},
		"GET":                          {method: "GET", path: "/v1/webhooks", status: 405, code: "method_not_allowed", header: [2]string{"Allow", "POST"}},
		"PUT to an account":            {method: "PUT", path: "/v1/webhooks/a", status: 405, code: "method_not_allowed", header: [2]string{"Allow", "POST"}},
		"OPTIONS":                      {method: "OPTIONS", path: "/v1/webhooks", status: 405, code: "method_not_allowed", header: [2]string{"Allow", "POST"}},
		"an unheard-of method":         {method: "BREW", path: "/v1/webhooks", status: 405, code: "method_not_allowed", header: [2]string{"Allow", "POST"}},
		"an unheard-of method nowhere": {method: "BREW", path: "/nothing", status: 404, code: "route_not_found"},
		"POST to a reader's route":     {path: "/v1/calls", status: 405, code: "method_not_allowed", header: [2]string{"Allow", "GET, HEAD"}},
		"deflate":                      {path: "/v1/webhooks", headers: []string{"Content-Encoding", "deflate"}, status: 415, code: "content_encoding_unsupported", header: [2]string{"Accept-Encoding", "identity"}},
		"large headers":                {path: "/v1/webhooks", headers: []string{"X-Large", strings.Repeat("x", httpapi.DefaultHeaderLimit)}, status: 431, code: "headers_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			method := tc.method
			if method == "" {
				method = http.MethodPost
			}

			got := b.do(t, method, tc.path, strings.NewReader(`{"event_name":"x"}`), tc.headers...)

			requireProblem(t, got, tc.status, tc.code)
			if tc.header[0] != "" {
				require.Equal(t, tc.header[1], got.header.Get(tc.header[0]))
			}
			require.Empty(t, b.intake.submissions())
		})
	}
}

func TestCompressedBodyIsQuarantinedAsItCame(t *testing.T) {
	t.Parallel()
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, err := writer.Write(make([]byte, 3<<20))
	require.NoError(t, err)
	require.NoError(t, writer.Close())

	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	b := setup(t, func(cfg *httpapi.Config) { cfg.Now = func() time.Time { return at } })
	got := b.post(t, "/v1/webhooks/acme", compressed.String(), "Content-Encoding", "gzip")
	require.Contains(t, requireProblem(t, got, 415, "content_encoding_unsupported").Detail, "kept in quarantine")
	require.Empty(t, b.intake.submissions())
	require.Len(t, b.kept.kept, 1)
	kept := b.kept.kept[0]
	require.Equal(t, compressed.Bytes(), kept.Body)
	require.Equal(t, "acme", kept.Account)
	require.Equal(t, "content_encoding_unsupported", kept.Code)
	require.Equal(t, sha256.Sum256(compressed.Bytes()), kept.SHA256)
	require.Equal(t, at, kept.ReceivedAt)

	t.Run("and when it cannot be, the sender is to try again", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		b.kept.err = store.ErrUnavailable
		requireProblem(t, b.post(t, "/v1/webhooks", "x", "Content-Encoding", "gzip"), 503, "storage_unavailable")
	})
	t.Run("and without a quarantine it says that it is lost", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *httpapi.Config) { cfg.Quarantine = nil })
		got := b.post(t, "/v1/webhooks", "x", "Content-Encoding", "gzip")
		require.Contains(t, requireProblem(t, got, 415, "content_encoding_unsupported").Detail, "Nothing was kept")
	})
}

func TestBodyOverTheLimit(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("x"), 10<<20)
	for name, body := range map[string]func() io.Reader{
		"10 MB with a length": func() io.Reader { return bytes.NewReader(large) },
		"10 MB in chunks":     func() io.Reader { return struct{ io.Reader }{bytes.NewReader(large)} },
		"one byte more":       func() io.Reader { return bytes.NewReader(large[:httpapi.DefaultBodyLimit+1]) },
		"one byte more, in many parts": func() io.Reader {
			return io.MultiReader(bytes.NewReader(large[:httpapi.DefaultBodyLimit]), strings.NewReader("x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)

			got := b.do(t, http.MethodPost, "/v1/webhooks", body())

			require.Contains(t, requireProblem(t, got, 413, "body_too_large").Detail, "1048576 bytes")
			require.Equal(t, 200, b.post(t, "/v1/webhooks", `{}`).status, "the server is alive")
			require.Len(t, b.intake.submissions(), 1)
		})
	}

	t.Run("is answered also to a client that sends everything before it reads", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		conn := b.dial(t)
		_, err := fmt.Fprintf(conn, "POST /v1/webhooks HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", b.addr, len(large))
		require.NoError(t, err)
		_, err = conn.Write(large)
		require.NoError(t, err)
		requireProblem(t, readRaw(t, conn), 413, "body_too_large")
	})
}

func TestBodiesDoNotAlias(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for i := range 5 { // one connection, one request after the other: the same buffers
		require.Equal(t, 200, b.post(t, fmt.Sprintf("/v1/webhooks/account-%d", i), fmt.Sprintf(`{"event_name":"n%d"}`, i)).status)
	}
	for i, got := range b.intake.submissions() {
		require.Equal(t, fmt.Appendf(nil, `{"event_name":"n%d"}`, i), got.body)
		require.Equal(t, fmt.Sprintf("account-%d", i), got.account)
	}
}

func TestConcurrentBodiesDoNotAlias(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	want := map[string]string{}
	var senders sync.WaitGroup
	for sender := range 8 {
		for i := range 25 {
			want[fmt.Sprintf("s%d-%d", sender, i)] = fmt.Sprintf(`{"n":%q}`, strings.Repeat(fmt.Sprintf("%d.%d,", sender, i), 1+i*10))
		}
		senders.Go(func() {
			for i := range 25 {
				response, err := b.client.Post(fmt.Sprintf("http://%s/v1/webhooks/s%d-%d", b.addr, sender, i), "",
					strings.NewReader(fmt.Sprintf(`{"n":%q}`, strings.Repeat(fmt.Sprintf("%d.%d,", sender, i), 1+i*10))))
				if err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			}
		})
	}
	senders.Wait()
	got := map[string]string{}
	for _, s := range b.intake.submissions() {
		got[s.account] = string(s.body)
	}
	require.Equal(t, want, got)
}
