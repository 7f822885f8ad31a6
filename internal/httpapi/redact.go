package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// redactionMark stands in answers where a handler has a secret. Package trigger uses the same one.
const redactionMark = "REDACTED"

var (
	// secretName is what a header or a parameter of a URL is called whose value is a secret.
	secretName = regexp.MustCompile(`(?i)access-?key|api-?key|auth|bearer|cookie|credential|jwt|pass|private-?key|` +
		`pwd|secret|session|signature|token|(^|[-_])(key|sig)$`)
	urlUser  = regexp.MustCompile(`://[^/?#@\s]*@`)
	urlQuery = regexp.MustCompile(`([?&])([^=&#]+)=([^&#]*)`)
)

// place is what a text of a definition is, as far as it matters here.
type place int

const (
	placePlain place = iota
	placeSecret
	placeHeader
	placeURL
)

var errNoObject = errors.New("definition is no JSON object")

// redacted gives a handler's definition as it may be shown: without secrets, and everything else as it is, in order.
// Secrets are an action's secret, values of headers with telling names, and what a URL has before an @ and in parameters
// with telling names.
func redacted(definition []byte) (json.RawMessage, error) {
	shown, err := rewrite(definition, func(path []string, text string) string {
		switch at := placeOf(path); {
		case text == "":
			return text
		case at == placeSecret, at == placeHeader && secretName.MatchString(path[len(path)-1]):
			return redactionMark
		case at == placeURL:
			return redactURL(text)
		}
		return text
	})
	if err != nil {
		return nil, fmt.Errorf("redact: %w", err)
	}
	return shown, nil
}

// holdsRedacted says whether a definition has the mark where only the value itself will do. (For an action's secret the
// mark means that it stays as it is.)
func holdsRedacted(definition []byte) bool {
	found := false
	_, err := rewrite(definition, func(path []string, text string) string {
		switch placeOf(path) {
		case placeHeader:
			found = found || text == redactionMark
		case placeURL:
			found = found || strings.Contains(text, "://"+redactionMark+"@") || strings.Contains(text, "="+redactionMark)
		}
		return text
	})
	return err == nil && found
}

// placeOf says what the text at a path is.
func placeOf(path []string) place {
	last := len(path) - 1
	switch {
	case last >= 1 && path[last-1] == "headers":
		return placeHeader
	case last >= 0 && path[last] == "secret":
		return placeSecret
	case last >= 0 && path[last] == "url":
		return placeURL
	}
	return placePlain
}

func redactURL(text string) string {
	text = urlUser.ReplaceAllString(text, "://"+redactionMark+"@")
	return urlQuery.ReplaceAllStringFunc(text, func(pair string) string {
		name, _, _ := strings.Cut(pair, "=")
		if secretName.MatchString(name[1:]) {
			return name + "=" + redactionMark
		}
		return pair
	})
}

// rewrite gives a JSON object with each of its texts replaced by what change says. path holds the names of the fields
// that lead to the text; lists are not in it.
func rewrite(data []byte, change func(path []string, text string) string) (json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	w := &rewriter{decoder: decoder, change: change}
	token, err := decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("decode definition: %w", err)
	}
	if token != json.Delim('{') {
		return nil, errNoObject
	}
	if err := w.value(token); err != nil {
		return nil, fmt.Errorf("decode definition: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return w.out.Bytes(), nil
}

// rewriter copies JSON token by token.
type rewriter struct {
	decoder *json.Decoder
	change  func(path []string, text string) string
	path    []string
	out     bytes.Buffer
}

func (w *rewriter) value(token json.Token) error {
	delim, nested := token.(json.Delim)
	if !nested {
		if text, ok := token.(string); ok {
			token = w.change(w.path, text)
		}
		return w.write(token)
	}
	w.out.WriteString(delim.String())
	for first := true; w.decoder.More(); first = false {
		if !first {
			w.out.WriteByte(',')
		}
		if err := w.element(delim == '{'); err != nil {
			return err
		}
	}
	closing, err := w.decoder.Token()
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(&w.out, closing)
	return err
}

// element copies the next element of a list, or the next field of an object.
func (w *rewriter) element(field bool) error {
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	if !field {
		return w.value(token)
	}
	name, _ := token.(string)
	if err := w.write(name); err != nil {
		return err
	}
	w.out.WriteByte(':')
	if token, err = w.decoder.Token(); err != nil {
		return err
	}
	w.path = append(w.path, name)
	err = w.value(token)
	w.path = w.path[:len(w.path)-1]
	return err
}

// write encodes one plain value, without HTML's escapes.
func (w *rewriter) write(plain any) error {
	encoder := json.NewEncoder(&w.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(plain); err != nil {
		return err
	}
	w.out.Truncate(w.out.Len() - 1) // the line's end
	return nil
}
