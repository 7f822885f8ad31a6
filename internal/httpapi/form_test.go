package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const multipartType = "multipart/form-data; boundary=x"

// packedForm gives a form of size bytes as multipart, compressed.
func packedForm(t *testing.T, field string, size int) string {
	t.Helper()
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	require.NoError(t, err)
	_, err = w.Write([]byte("--x\r\nContent-Disposition: form-data; name=\"" + field + "\"\r\n\r\n" + strings.Repeat("a", size) + "\r\n--x--\r\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.String()
}

// A few bytes of a stranger's form are never unpacked into many.
//
//nolint:paralleltest // what it measures is of the whole process
func TestAFormIsNeverUnpacked(t *testing.T) {
	const unpacked = 12 << 20
	b := setup(t, withTokens)
	bomb := packedForm(t, "token", unpacked)
	require.Less(t, len(bomb), 16<<10, "a stranger may send it")
	requireProblem(t, b.post(t, "/login", "x"), 415, "media_type_unsupported") // what is made once is not counted
	for _, path := range []string{"/login", "/logout", "/preferences"} {
		for _, headers := range [][]string{
			{"Content-Type", multipartType, "Content-Encoding", "gzip"},
			{"Content-Type", formType, "Content-Encoding", "gzip"},
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := b.post(t, path, bomb, headers...)
			runtime.ReadMemStats(&after)
			requireProblem(t, got, 415, "content_encoding_unsupported")
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(unpacked/4), "%s %v", path, headers)
		}
	}
}

// Pages send small forms, urlencoded and as they are. Nothing else is read.
func TestFormsAreTakenAsPagesSendThem(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)
	token := url.Values{"token": {tokenOfAll}}.Encode()
	multipart := "--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n" + tokenOfAll + "\r\n--x--\r\n"
	for name, tc := range map[string]struct {
		body    string
		headers []string
		status  int
		code    string
	}{
		"as a page does":         {body: token, headers: []string{"Content-Type", formType}, status: 303},
		"with a charset":         {body: token, headers: []string{"Content-Type", formType + "; charset=UTF-8"}, status: 303},
		"said to be as it is":    {body: token, headers: []string{"Content-Type", formType, "Content-Encoding", "identity"}, status: 303},
		"multipart":              {body: multipart, headers: []string{"Content-Type", multipartType}, status: 415, code: "media_type_unsupported"},
		"something else":         {body: token, headers: []string{"Content-Type", "text/plain"}, status: 415, code: "media_type_unsupported"},
		"of another beginning":   {body: token, headers: []string{"Content-Type", formType + "2"}, status: 415, code: "media_type_unsupported"},
		"without a type":         {body: token, status: 415, code: "media_type_unsupported"},
		"compressed":             {body: token, headers: []string{"Content-Type", formType, "Content-Encoding", "br"}, status: 415, code: "content_encoding_unsupported"},
		"of two encodings":       {body: token, headers: []string{"Content-Type", formType, "Content-Encoding", "identity, gzip"}, status: 415, code: "content_encoding_unsupported"},
		"as large as it may be":  {body: token + "&x=" + strings.Repeat("x", 8<<10-len(token)-3), headers: []string{"Content-Type", formType}, status: 303},
		"larger than it may be":  {body: token + "&x=" + strings.Repeat("x", 8<<10-len(token)-2), headers: []string{"Content-Type", formType}, status: 413, code: "body_too_large"},
		"much larger than it is": {body: token + "&x=" + strings.Repeat("x", 100<<10), headers: []string{"Content-Type", formType}, status: 413, code: "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := b.post(t, "/login", tc.body, tc.headers...)
			if tc.code == "" {
				require.Equal(t, tc.status, got.status, "%s", got.body)
				require.NotEmpty(t, got.header.Get("Set-Cookie"))
				return
			}
			requireProblem(t, got, tc.status, tc.code)
			require.Empty(t, got.header.Get("Set-Cookie"))
		})
	}
	page := b.post(t, "/login", multipart, "Content-Type", multipartType, "Accept", "text/html")
	require.Equal(t, http.StatusUnsupportedMediaType, page.status)
	require.Contains(t, page.header.Get("Content-Type"), "text/html")
	require.Equal(t, 401, b.post(t, "/login?token="+tokenOfAll, "").status, "a token has no place in a URL")
}
