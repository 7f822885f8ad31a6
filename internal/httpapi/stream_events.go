package httpapi

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/live"
	"webhookd/internal/trigger"
)

// Names of the events that are not events of calls. Those have no name: one of their types is "error", and a browser
// gives that name to its own.
const (
	eventGap   = "gap"
	eventStale = "stale"
	eventFresh = "fresh"
)

const lastEventID = "Last-Event-ID"

var streamParameters = []string{accountParameter, "types", "since"}

const (
	toldEventsStale = `{"detail":"NATS is away. Nothing is lost: what happens now comes when it is back."}`
	toldEventsFresh = `{"detail":"NATS is back, and nothing was missed."}`
)

// getStream answers with the events of an account as they are published.
func (s *Server) getStream(c *fiber.Ctx) error {
	q, err := readQuery(c, streamParameters...)
	if err != nil {
		return err
	}
	trail, err := q.trail(c)
	if err != nil {
		return err
	}
	if id := strings.TrimSpace(c.Get(lastEventID)); id != "" {
		last, err := strconv.ParseUint(id, 10, 63)
		if err != nil {
			return &problem{
				kind: kindParameterInvalid, parameter: lastEventID,
				detail: "The header Last-Event-ID is none of the ids that this stream gave, so where to go on is not clear. " +
					"Leave it out to begin with what is published from now on.",
			}
		}
		trail.Next = last + 1
	}
	return s.answerStream(c, func(ctx context.Context, send func([]byte) error) error {
		return s.cfg.Live.Follow(ctx, trail, live.Reader{
			Event: func(sequence uint64, body []byte) error {
				return send(appendFrame(make([]byte, 0, len(body)+frameRoom), "", strconv.FormatUint(sequence, 10), body))
			},
			Gap:   func(from, to uint64) error { return send(gapFrame(from, to)) },
			Stale: func() error { return send(frame(eventStale, "", toldEventsStale)) },
			Fresh: func() error { return send(frame(eventFresh, "", toldEventsFresh)) },
		})
	})
}

// gapFrame tells what is missing. Its id is the place behind the gap, so that nobody is told of it twice.
func gapFrame(from, to uint64) []byte {
	if to == 0 {
		return frame(eventGap, "0", `{"from":null,"to":null,"detail":"The stream was deleted and made anew. `+
			`What it held is only in the database; what it holds now follows from its beginning."}`)
	}
	return frame(eventGap, strconv.FormatUint(to, 10), fmt.Sprintf(
		`{"from":%d,"to":%d,"detail":"The stream does not keep these any more, and some may have been events for you. `+
			`GET /v1/calls has what became of the calls."}`, from, to))
}

// trail reads which events are asked for.
func (q query) trail(c *fiber.Ctx) (trail live.Trail, err error) {
	if trail.Account, err = accountOf(c, q); err != nil {
		return trail, err
	}
	if types, ok := q["types"]; ok {
		known := trigger.EventTypes()
		for kind := range strings.SplitSeq(types, ",") {
			kind = strings.ToLower(strings.TrimSpace(kind))
			if !slices.Contains(known, kind) {
				return trail, invalid("types", "It names types of events, separated by commas, and one of them there is not.", known...)
			}
			if !slices.Contains(trail.Types, kind) {
				trail.Types = append(trail.Types, kind)
			}
		}
	}
	since, err := q.time("since")
	if err != nil {
		return trail, err
	}
	if since != 0 {
		trail.Since = since.Time()
	}
	return trail, nil
}
