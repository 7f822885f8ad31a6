package callout

import (
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is how often one call goes after a redirect.
const maxRedirects = 3

// redirect gives the request that an answer sends us on to; nil if it is no redirect, or one that is not followed, and
// then why.
//
// A handler trusts the host it names, and nobody that the host names in turn:
//   - On the same host and port (or from http to https on their usual ports) the request goes on with its headers.
//   - To another host goes a GET or HEAD with nothing of the call in it: no header, no signature, no credentials. A body
//     does not go there at all: a 307 or 308 that asks for it is not followed.
//   - From https nobody is led to http.
//   - The address is checked when it is connected to, like the first one.
//
// After 301, 302 and 303 anything but GET and HEAD becomes a GET without a body, as browsers and net/http do it; so its
// signature is left out, too.
func redirect(request *http.Request, response *http.Response, body []byte) (next *http.Request, unfollowed string) {
	var keepsMethod bool
	switch response.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		keepsMethod = true
	default:
		return nil, ""
	}
	location := response.Header.Get("Location")
	if location == "" {
		return nil, "a redirect says not where to"
	}
	target, err := request.URL.Parse(location)
	if err != nil || target.Scheme != schemeHTTP && target.Scheme != schemeHTTPS || target.Hostname() == "" {
		return nil, "a redirect leads to what is no URL of http or https"
	}
	if request.URL.Scheme == schemeHTTPS && target.Scheme == schemeHTTP {
		return nil, "a redirect leads from https to http"
	}
	target.User = nil // these would be the credentials of whoever redirects
	method, header := request.Method, request.Header.Clone()
	here := sameHost(request.URL, target)
	switch {
	case !keepsMethod:
		if method != http.MethodHead {
			method = http.MethodGet
		}
		if len(body) > 0 {
			dropBody(header)
			body = nil
		}
	case !here && (len(body) > 0 || method != http.MethodGet && method != http.MethodHead):
		return nil, "a redirect wants what was sent to go to another host"
	}
	if !here {
		header = http.Header{"User-Agent": header.Values("User-Agent")}
	}
	return newRequest(method, target, header, body).WithContext(request.Context()), ""
}

// dropBody takes out of a header what speaks of a body.
func dropBody(header http.Header) {
	for name := range header {
		if strings.HasPrefix(name, "Content-") {
			header.Del(name)
		}
	}
	header.Del(headerTimestamp)
	header.Del(headerSignature)
}

// sameHost says whether two URLs lead to one host and port; the usual ports of http and https count as one when the way
// is from the first to the second.
func sameHost(from, to *url.URL) bool {
	if !strings.EqualFold(from.Hostname(), to.Hostname()) {
		return false
	}
	if from.Scheme == schemeHTTP && to.Scheme == schemeHTTPS {
		return port(from) == usualPorts[schemeHTTP] && port(to) == usualPorts[schemeHTTPS]
	}
	return from.Scheme == to.Scheme && port(from) == port(to)
}

var usualPorts = map[string]string{schemeHTTP: "80", schemeHTTPS: "443"}

func port(target *url.URL) string {
	if given := target.Port(); given != "" {
		return given
	}
	return usualPorts[target.Scheme]
}
