package trigger

import "strings"

// Shown gives the request as it may be shown to those who may see handlers: without what looks like a secret in its URL
// and headers.
func (r Request) Shown() Request {
	shown := r
	shown.URL = redactURL(r.URL)
	shown.Headers = make(map[string]string, len(r.Headers))
	for name, value := range r.Headers {
		if secretName(name) || strings.Contains(strings.ToLower(name), "cookie") {
			value = redacted
		}
		shown.Headers[name] = value
	}
	return shown
}
