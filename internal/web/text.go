package web

import (
	"fmt"
	"maps"
)

// text is one text of the pages in both languages, with fmt's verbs for what is filled in.
type text struct{ en, pl string }

// texts is the catalogue: every text of every page by its key. A page's texts are in a file of their own.
var texts = catalogue(
	shellTexts, loginTexts, problemTexts, callsTexts, wordTexts, ladderTexts, storyTexts, callTexts, quarantineTexts,
	boardTexts, handlersTexts, wizardTexts, eventTexts, statsTexts,
)

func catalogue(parts ...map[string]text) map[string]text {
	all := map[string]text{}
	for _, part := range parts {
		for key := range part {
			if _, twice := all[key]; twice {
				panic("text " + key + " is there twice") // it is part of the program, and every test starts with it
			}
		}
		maps.Copy(all, part)
	}
	return all
}

// Text gives a text in a language. A key that is not there is given back as it is: the tests see to it that none is.
func (l Language) Text(key string, values ...any) string {
	found, ok := texts[key]
	if !ok {
		return key
	}
	written := found.en
	if l == Polish {
		written = found.pl
	}
	if len(values) == 0 {
		return written
	}
	return fmt.Sprintf(written, values...)
}

// Word gives the text for a word of an open set, such as a disposition; one that has none is given back as it is.
func (l Language) Word(set, word string) string {
	if _, ok := texts[set+"."+word]; ok {
		return l.Text(set + "." + word)
	}
	return word
}
