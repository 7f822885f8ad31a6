package callout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// ours are the headers that belong to the connection or say how the body is framed: a call's own are left out. (Whoever
// wants an answer uncompressed, or another Host, asks for what we then could not read or should not reach.)
var ours = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

const headerTrace = "Traceparent"

// A header name is a token of RFC 9110, section 5.6.2.
var token = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// request is a call as it is sent. What is wrong with it, no later attempt would mend.
func (c *Client) request(call Call, at time.Time) (*http.Request, error) {
	method := strings.ToUpper(call.Method)
	if method == "" {
		method = http.MethodGet
	}
	if !slices.Contains(methods, method) {
		return nil, fmt.Errorf("the method %q is none of %s", call.Method, strings.Join(methods, ", "))
	}
	target, err := parseURL(call.URL)
	if err != nil {
		return nil, err
	}
	header, err := headerOf(call)
	if err != nil {
		return nil, err
	}
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", c.cfg.UserAgent)
	}
	if err := sign(header, call, at); err != nil {
		return nil, err
	}
	request := newRequest(method, target, header, call.Body)
	if user := target.User; user != nil && header.Get("Authorization") == "" {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	return request, nil
}

// newRequest is http.NewRequest with what is in hand already.
func newRequest(method string, target *url.URL, header http.Header, body []byte) *http.Request {
	request := &http.Request{
		Method: method, URL: target, Host: target.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
	if len(body) > 0 {
		request.ContentLength = int64(len(body))
		request.Body = readerOf(body)
		// Lets a request that found an idle connection closed be sent on another.
		request.GetBody = func() (io.ReadCloser, error) { return readerOf(body), nil }
	}
	return request
}

func readerOf(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }

var (
	errURL     = errors.New("the URL cannot be read")
	errScheme  = errors.New("the URL begins neither with http:// nor with https://")
	errNoHost  = errors.New("the URL has no host")
	errMessage = errors.New("a signed request needs a message id of printable ASCII without a full stop")
)

// parseURL reads the URL of a call. Its errors do not quote the URL: there may be secrets in it.
func parseURL(text string) (*url.URL, error) {
	target, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return nil, errURL
	case target.Scheme != schemeHTTP && target.Scheme != schemeHTTPS:
		return nil, errScheme
	case target.Hostname() == "":
		return nil, errNoHost
	}
	return target, nil
}

const (
	schemeHTTP  = "http"
	schemeHTTPS = "https"
)

// headerOf is the header of a call, without what is ours to say.
func headerOf(call Call) (http.Header, error) {
	header := http.Header{}
	for name, values := range call.Header {
		if !token.MatchString(name) {
			return nil, fmt.Errorf("%q is no name of a header", name)
		}
		name = http.CanonicalHeaderKey(name)
		if slices.Contains(ours, name) {
			continue
		}
		for _, value := range values {
			if strings.IndexFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) >= 0 {
				return nil, fmt.Errorf("the header %s holds a control character", name)
			}
			header.Add(name, strings.TrimSpace(value))
		}
	}
	if call.Traceparent != "" && header.Get(headerTrace) == "" {
		header.Set(headerTrace, call.Traceparent)
	}
	if len(call.Body) > 0 && header.Get("Content-Type") == "" && json.Valid(call.Body) {
		header.Set("Content-Type", "application/json")
	}
	return header, nil
}
