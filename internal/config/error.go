package config

import "fmt"

// Error says which key is wrong, how, and where its value came from. Its text is one line and holds no secret.
type Error struct {
	Key     string // "" where it is no single key's fault
	Origin  string // "WEBHOOKD_LISTEN", "--listen", "file webhookd.yaml:3"; "" where there is none
	Problem string
}

func (e *Error) Error() string {
	text := e.Problem
	if e.Key != "" {
		text = e.Key + ": " + text
	}
	if e.Origin != "" {
		text += " (from " + e.Origin + ")"
	}
	return text
}

func errorf(key, origin, format string, args ...any) *Error {
	return &Error{Key: key, Origin: origin, Problem: fmt.Sprintf(format, args...)}
}
