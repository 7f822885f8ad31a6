package openapi

import "strings"

// Prose is a text in which some words are code.
type Prose []Span

// Span is a stretch of prose.
type Span struct {
	Text string
	Code bool
}

// proseOf reads a text in which code stands between backticks.
func proseOf(text string) Prose {
	var prose Prose
	for i, part := range strings.Split(text, "`") {
		if part != "" {
			prose = append(prose, Span{part, i%2 == 1})
		}
	}
	return prose
}
