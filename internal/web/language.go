package web

import (
	"slices"
	"strconv"
	"strings"
)

// Language is one that the pages are written in.
type Language string

// The languages of the pages; the first one is for those who ask for neither.
const (
	English Language = "en"
	Polish  Language = "pl"
)

// Languages are all of them, in the order in which they are offered.
func Languages() []Language { return []Language{English, Polish} }

// Name is what a language calls itself.
func (l Language) Name() string {
	if l == Polish {
		return "Polski"
	}
	return "English"
}

// ParseLanguage reads a language's code.
func ParseLanguage(code string) (Language, bool) {
	language := Language(code)
	return language, slices.Contains(Languages(), language)
}

// PreferredLanguage chooses by an Accept-Language header: the first one of ours with the greatest weight.
func PreferredLanguage(header string) Language {
	best, weight := English, 0.0
	for wish := range strings.SplitSeq(header, ",") {
		tag, parameters, _ := strings.Cut(wish, ";")
		base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		language, known := ParseLanguage(base)
		if !known {
			continue
		}
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(parameters), "q="); ok {
			parsed, err := strconv.ParseFloat(value, 64)
			if err != nil {
				continue
			}
			q = parsed
		}
		if q > weight && q <= 1 {
			best, weight = language, q
		}
	}
	return best
}
