package web

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// QuarantinePage is a page of refused bodies.
type QuarantinePage struct {
	Bodies []Refused
	Next   string // the cursor of the page after this one, "" on the last one
	Later  bool   // it is not the first page
	// Done is what was just done to a body: accepted, ignored, duplicate, spooled, discarded; "" for nothing. Call is the
	// call that it is part of now, if one.
	Done, Call string
}

// Outcome gives the text for what was just done; "" for nothing.
func (p QuarantinePage) Outcome(s Shell) string {
	if _, known := texts["quarantine.done."+p.Done]; !known {
		return ""
	}
	return s.T("quarantine.done." + p.Done)
}

// Refused is one body in quarantine.
type Refused struct {
	ID                 int64
	ReceivedAt, LastAt time.Time
	Count              int
	Code, Reason       string
	SHA256             string
	Size               int
	Truncated          bool
	Body               []byte // on a page with many, its beginning
}

// Beginning gives the beginning of a body on one line.
func (r Refused) Beginning() string {
	if !utf8.Valid(trimRune(r.Body)) {
		return ""
	}
	return shorten(strings.Join(strings.Fields(string(trimRune(r.Body))), " "), 120)
}

// trimRune cuts off the beginning of a character that was cut in two.
func trimRune(body []byte) []byte {
	for cut := range min(utf8.UTFMax, len(body)) {
		if last, _ := utf8.DecodeLastRune(body[:len(body)-cut]); last != utf8.RuneError {
			return body[:len(body)-cut]
		}
	}
	return body
}

// Binary says that the body is shown in base64.
func (r Refused) Binary() bool { return !utf8.Valid(r.Body) }

// Pretty gives the body for people.
func (r Refused) Pretty() string { return pretty(r.Body) }

// RefusedPage is one refused body.
type RefusedPage struct {
	Refused
	Failed string // why it could not be redriven just now, in English
}

// Quarantine writes a page of refused bodies.
func Quarantine(w io.Writer, shell Shell, page QuarantinePage) error {
	return render(w, shell, "quarantine", shell.T("quarantine.title"), page)
}

// RefusedBody writes the page of one refused body.
func RefusedBody(w io.Writer, shell Shell, page RefusedPage) error {
	return render(w, shell, "refused", shell.T("quarantine.one", page.ID), page)
}
