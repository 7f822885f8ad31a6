package web

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Thresholds of waiting, in seconds, where the address of the board names none.
const (
	DefaultWarn = 20
	DefaultLate = 60
)

// BoardPage is the live board. What it shows comes by its script.
type BoardPage struct {
	// Warn and Late are the seconds of waiting from which a call is coloured.
	Warn, Late int
	TV         bool // without what is around a page
	Now        time.Time
}

// Board writes the live board.
func Board(w io.Writer, shell Shell, page BoardPage) error {
	shell.Bare = page.TV
	return render(w, shell, "board", shell.T("board.title"), page)
}

// figure is one counter of today.
type figure struct{ Name, Label, Hint string }

// Figures are the counters of today, in order.
func (BoardPage) Figures() []figure { //nolint:revive // templates call it
	return []figure{
		{"offered", "board.offered", "board.offered.h"},
		{"answered", "board.answered", "board.answered.h"},
		{"abandoned", "board.abandoned", "board.abandoned.h"},
		{"missed", "board.missed", "board.missed.h"},
		{"service", "board.service", "board.service.h"},
		{"asa", "board.asa", "board.asa.h"},
		{"talk", "board.talk", "board.talk.h"},
		{"longest", "board.longest", "board.longest.h"},
		{"outbound", "board.outbound", "board.outbound.h"},
	}
}

// Groups are what calls are told apart by, in order.
func (BoardPage) Groups() []string { return []string{"waiting", "ringing", "talking", "held"} }

// NowMS is the server's time, for a browser whose clock is wrong: milliseconds since 1970.
func (p BoardPage) NowMS() int64 { return p.Now.UnixMilli() }

// StatsURL is what figures are asked of, ready for more parameters.
func (BoardPage) StatsURL(s Shell) string {
	url := s.Link("/v1/stats", "time_zone", s.ZoneName())
	return url + "&"
}

// CallURL is the page of one call, with {} for its id.
func (BoardPage) CallURL(s Shell) string {
	return strings.Replace(s.Link("/calls/_"), "_", "{}", 1)
}

// boardTexts are those that the script fills in: by the name that it knows, the text's key.
var boardScriptTexts = map[string]string{
	"state.live": "board.state.live", "state.stale": "board.state.stale", "state.lost": "board.state.lost",
	"state.refused": "board.state.refused", "nobody": "board.nobody", "bot": "board.bot", "by": "board.by",
	"announce": "board.announce", "incomplete": "board.incomplete", "unasked": "board.unasked",
	"full.enter": "board.full.enter", "full.leave": "board.full.leave",
	"person.free": "board.person.free", "person.ringing": "board.person.ringing", "person.talking": "board.person.talking",
	"person.held":       "board.person.held",
	"direction.inbound": "direction.inbound", "direction.outbound": "direction.outbound", "direction.unknown": "direction.unknown",
}

// Texts are the texts for the script, as JSON.
func (BoardPage) Texts(s Shell) (string, error) {
	filled := map[string]string{}
	for name, key := range boardScriptTexts {
		filled[name] = s.T(key)
	}
	for _, set := range []string{"disposition", "party"} {
		for key := range texts {
			if strings.HasPrefix(key, set+".") {
				filled[key] = s.T(key)
			}
		}
	}
	encoded, err := json.Marshal(filled)
	if err != nil {
		return "", fmt.Errorf("encode texts: %w", err)
	}
	return string(encoded), nil
}
