package httpapi_test

import (
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// What RFC 9112 lets a server refuse, because a proxy may have read it otherwise, is refused, is not kept, and nothing that
// follows it on the connection is answered.
func TestRequestsWithTwoMeaningsAreRefused(t *testing.T) {
	t.Parallel()
	const (
		post   = "POST /v1/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\n"
		second = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
		empty  = "0\r\n\r\n"
		chunk  = "2\r\n{}\r\n" + empty
	)
	for name, request := range map[string]string{
		"two lengths":                   post + "Content-Length: 40\r\nContent-Length: 2\r\n\r\n{}",
		"the same length twice":         post + "Content-Length: 2\r\ncontent-length: 2\r\n\r\n{}",
		"a length and chunks":           post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
		"chunks and a length":           post + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunk,
		"chunks twice":                  post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
		"a coding that is none":         post + "Transfer-Encoding: xchunked\r\n\r\n" + chunk,
		"a coding without a name":       post + "Transfer-Encoding:\r\n\r\n" + chunk,
		"a coding that is not read":     post + "Transfer-Encoding: gzip\r\n\r\n" + chunk,
		"two codings":                   post + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk,
		"no coding, and a length":       post + "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
		"chunks in HTTP/1.0":            "POST /v1/webhooks HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
		"lines without carriage return": "POST /v1/webhooks HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 2\n\n{}",
		"one line without it":           post + "X-Other: 1\nContent-Length: 2\r\n\r\n{}",
		"a line that is continued":      post + "X-Other: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
		"two hosts":                     post + "Host: other.example\r\nContent-Length: 2\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			conn := b.dial(t)
			_, err := conn.Write([]byte(request + second))
			require.NoError(t, err)
			all, err := io.ReadAll(conn)
			require.NoError(t, err, "the connection is closed")
			require.Equal(t, []string{"HTTP/1.1 400"}, regexp.MustCompile(`HTTP/1\.1 \d+`).FindAllString(string(all), -1), "%s", all)
			require.Contains(t, string(all), `"code":"bad_request"`)
			require.Empty(t, b.intake.submissions())
			require.Empty(t, b.kept.kept)
		})
	}
}

// What can be read in one way only is taken, however it is written, and the connection goes on.
func TestRequestsWithOneMeaningAreTaken(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"a length":         "POST /v1/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length:2\r\n\r\n{}",
		"small letters":    "POST /v1/webhooks HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 2\r\n\r\n{}",
		"chunks":           "POST /v1/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"HTTP/1.0":         "POST /v1/webhooks HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}",
		"an unknown field": "POST /v1/webhooks HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Transfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			conn := b.dial(t)
			for range 2 {
				_, err := conn.Write([]byte(request))
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, readRaw(t, conn).status)
			}
			require.Len(t, b.intake.submissions(), 2)
		})
	}
}
