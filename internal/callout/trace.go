package callout

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxTrace  = 10_000
	ellipsis  = "..." // as goflow has it, for what was cut off and for a body that is no text
	lineBreak = "\r\n"
)

// requestTrace is a request as it goes over the wire, but for its secrets.
func requestTrace(request *http.Request, body []byte) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1"+lineBreak, request.Method, redactRequestURI(request.URL))
	writeField(&text, "Host", request.Host)
	writeField(&text, "User-Agent", request.Header.Get("User-Agent"))
	if request.ContentLength > 0 || hasBody(request.Method) {
		writeField(&text, "Content-Length", strconv.FormatInt(request.ContentLength, 10))
	}
	writeHeader(&text, request.Header)
	if request.Method != http.MethodHead && request.Header.Get("Range") == "" {
		writeField(&text, "Accept-Encoding", "gzip") // added by net/http
	}
	text.WriteString(lineBreak + shownBody(body, false))
	return text.String()
}

// hasBody says whether a request of this method tells a length even if there is no body.
func hasBody(method string) bool {
	return method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
}

// responseTrace is an answer as it came, but for its secrets; header fields are sorted, and those of a body that was
// decompressed are gone.
func responseTrace(response *http.Response, body []byte, cutOff bool) string {
	var text strings.Builder
	text.WriteString(response.Proto + " " + response.Status + lineBreak)
	writeHeader(&text, response.Header)
	text.WriteString(lineBreak + shownBody(body, cutOff))
	return text.String()
}

// writeHeader writes a header's fields in order, without User-Agent, which has its place before them.
func writeHeader(text *strings.Builder, header http.Header) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			switch {
			case name == "User-Agent":
				continue
			case secretName(name):
				value = redacted
			case name == "Location" || name == "Content-Location":
				value = redactURL(value)
			}
			writeField(text, name, value)
		}
	}
}

func writeField(text *strings.Builder, name, value string) {
	text.WriteString(name + ": " + value + lineBreak)
}

// shownBody is a body as text. The last character of one that was cut off may be broken, which is no fault of it.
func shownBody(body []byte, cutOff bool) string {
	if cutOff {
		body = whole(body)
	}
	if !utf8.Valid(body) {
		return ellipsis
	}
	return string(body)
}

// cut gives the beginning of a text, at most limit bytes of it and no half of a character, and whether there is more.
func cut(text []byte, limit int) ([]byte, bool) {
	if len(text) <= limit {
		return text, false
	}
	return whole(text[:limit]), true
}

// whole takes the beginning of a character from the end of a text that was cut off there.
func whole(text []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if last := text[len(text)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}

// presentable makes a trace of a text: valid UTF-8 without NUL, which databases and readers can take, and not too long.
func presentable(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if kept, less := cut([]byte(text), maxTrace); less {
		return string(kept) + ellipsis
	}
	return text
}
