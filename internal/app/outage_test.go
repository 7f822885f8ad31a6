//go:build unix

package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/store/postgres/pgtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp starts these two once per process and server; the first never ends, the second ends within 10 s of
		// its server's end.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

const (
	patience = 60 * time.Second
	dialogID = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"
)

// service is a whole webhookd of a test.
type service struct {
	*app.App

	url string
}

func configure(t *testing.T, databaseURL string) config.Config {
	t.Helper()
	cfg, err := config.Load(config.Sources{Flags: map[string][]string{
		"listen": {"127.0.0.1:0"}, "nats_listen": {"127.0.0.1:0"}, "data_dir": {t.TempDir()}, "database_url": {databaseURL},
		"commit_timeout": {"1s"},
	}})
	require.NoError(t, err)
	return cfg
}

func start(t *testing.T, cfg config.Config) *service {
	t.Helper()
	running, err := app.New(t.Context(), cfg, app.Options{Version: "test"})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, running.Stop(ctx))
	})
	require.NoError(t, running.Start(t.Context()))
	return &service{running, "http://" + running.Addr()}
}

func (s *service) do(t *testing.T, method, path string, body []byte) (status int, header http.Header, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader(body))
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, string(text)
}

// ready gives the answer of GET /readyz.
func (s *service) ready(t *testing.T) (status int, said string, dependencies map[string]string) {
	t.Helper()
	code, _, answer := s.do(t, http.MethodGet, "/readyz", nil)
	var read struct {
		Status       string
		Dependencies map[string]string
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &read))
	return code, read.Status, read.Dependencies
}

func (s *service) awaitReady(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		code, said, _ := s.ready(t)
		return code == http.StatusOK && said == "ready"
	}, patience, 50*time.Millisecond)
}

// awaitDirect hands a webhook in until it is answered from the database and not from the spool, and gives that answer: a
// database that is slow for a moment is not there for that moment.
func (s *service) awaitDirect(t *testing.T, body []byte) (answer string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var code int
		code, _, answer = s.do(t, http.MethodPost, "/v1/webhooks", body)
		require.Equal(t, http.StatusOK, code, answer)
		return !strings.Contains(answer, "spooled")
	}, patience, 50*time.Millisecond)
	return answer
}

func documentedCall(t *testing.T) [][]byte {
	t.Helper()
	data, err := os.ReadFile("../../fixtures/outbound_answered/webhooks.ndjson")
	require.NoError(t, err)
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

// The service starts without its database, takes webhooks all the while, and has made up for it when the database comes.
func TestTheDatabaseComesLaterAndGoesAgain(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	s := start(t, configure(t, cluster.URL))
	bodies := documentedCall(t)
	spooled := func(body []byte) {
		code, _, answer := s.do(t, http.MethodPost, "/v1/webhooks", body)
		require.Equal(t, http.StatusOK, code, answer)
		require.JSONEq(t, `{"status":"accepted","spooled":true}`, answer)
	}
	away := func(records int) {
		code, said, dependencies := s.ready(t)
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, "degraded", said)
		require.Contains(t, dependencies["database"], "webhooks wait in the spool")
		require.Contains(t, dependencies["spool"], fmt.Sprintf("in use: %d webhooks in ", records))
		require.Contains(t, dependencies["spool"], " ago")
		for _, path := range []string{"/v1/calls", "/v1/calls/" + dialogID, "/v1/dialogs/" + dialogID} {
			code, header, answer := s.do(t, http.MethodGet, path, nil)
			require.Equal(t, http.StatusServiceUnavailable, code)
			require.Contains(t, answer, `"code":"storage_unavailable"`)
			require.NotEmpty(t, header.Get("Retry-After"))
		}
	}
	for _, body := range bodies[:3] {
		spooled(body)
	}
	code, _, answer := s.do(t, http.MethodPost, "/v1/webhooks", []byte("no JSON"))
	require.Equal(t, http.StatusBadRequest, code, answer)
	away(4)

	cluster.Start()
	s.awaitReady(t)
	s.awaitDirect(t, bodies[3])
	code, _, answer = s.do(t, http.MethodGet, "/v1/calls/"+dialogID, nil)
	require.Equal(t, http.StatusOK, code, answer)

	cluster.Stop()
	for _, body := range bodies[4:] {
		spooled(body)
	}
	away(len(bodies) - 4)
	cluster.Start()
	s.awaitReady(t)
	code, _, answer = s.do(t, http.MethodGet, "/v1/calls/"+dialogID, nil)
	require.Equal(t, http.StatusOK, code, answer)
	require.Contains(t, answer, `"state":"ended"`)
	_, _, timeline := s.do(t, http.MethodGet, "/v1/calls/"+dialogID+"/timeline", nil)
	require.Equal(t, len(bodies), strings.Count(timeline, `"origin":"pbx"`))
}

// Without database and spool webhooks are refused, and load balancers are told.
func TestNeitherDatabaseNorSpool(t *testing.T) {
	t.Parallel()
	cluster := pgtest.NewCluster(t)
	cfg := configure(t, cluster.URL)
	cfg.SpoolLimit = 4 << 10
	s := start(t, cfg)
	kept := 0
	for {
		body := fmt.Appendf(nil, `{"event_name":"contact_created","n":%d,"pad":%q}`, kept, strings.Repeat("x", 500))
		code, header, answer := s.do(t, http.MethodPost, "/v1/webhooks", body)
		if code != http.StatusOK {
			require.Equal(t, http.StatusServiceUnavailable, code)
			require.Equal(t, "application/problem+json", header.Get("Content-Type"))
			require.NotEmpty(t, header.Get("Retry-After"))
			require.Contains(t, answer, "was not kept")
			break
		}
		kept++
	}
	require.Positive(t, kept)
	code, said, dependencies := s.ready(t)
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, "not_ready", said)
	require.Contains(t, dependencies["database"], "webhooks are refused with 503")
	require.Contains(t, dependencies["spool"], "the spool is full")

	cluster.Start()
	s.awaitReady(t)
}

// A network to the database that swallows everything holds up neither the start nor the stop.
func TestAStartOnAStalledNetwork(t *testing.T) {
	t.Parallel()
	network, url := pgtest.Through(t, pgtest.URL(t))
	network.Stall()
	began := time.Now()
	s := start(t, configure(t, url))
	require.Less(t, time.Since(began), 20*time.Second)
	body := documentedCall(t)[0]
	code, _, answer := s.do(t, http.MethodPost, "/v1/webhooks", body)
	require.Equal(t, http.StatusOK, code, answer)
	require.Contains(t, answer, `"spooled":true`)
	network.Resume()
	s.awaitReady(t)
	require.Contains(t, s.awaitDirect(t, body), `"duplicate"`)
}

func TestWhatKeepsAStartFromTheSpool(t *testing.T) {
	t.Parallel()
	cfg := configure(t, "")
	start(t, cfg)
	_, err := app.New(t.Context(), cfg, app.Options{})
	require.ErrorIs(t, err, spool.ErrInUse)

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	cfg = configure(t, "")
	cfg.SpoolDir = filepath.Join(file, "spool")
	_, err = app.New(t.Context(), cfg, app.Options{})
	require.ErrorContains(t, err, "open spool: make spool directory: ")

	cfg = configure(t, "")
	cfg.SpoolDir = filepath.Join(t.TempDir(), "elsewhere")
	start(t, cfg)
	require.FileExists(t, filepath.Join(cfg.SpoolDir, "lock"))
}
