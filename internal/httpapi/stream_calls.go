package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/live"
)

// Names of the events of the stream of calls, besides eventStale and eventFresh.
const (
	eventReset = "reset"
	eventCall  = "call"
	eventGone  = "gone"
	eventReady = "ready"
)

const (
	toldReset      = `{"detail":"A snapshot begins. Drop the calls that you have."}`
	toldCallsStale = `{"detail":"NATS is away. The calls may have changed since; what holds comes when it is back."}`
	toldCallsFresh = `{"detail":"NATS is back, and the calls are as they are now."}`
)

// errCutOff says that the server has ended a stream of calls by itself.
var errCutOff = errors.New("client is too far behind, or the server stops")

// getCallStream answers with the calls that go on, and each change of them. It needs no Last-Event-ID: whoever connects
// again gets a snapshot, which holds everything.
func (s *Server) getCallStream(c *fiber.Ctx) error {
	q, err := readQuery(c, "account")
	if err != nil {
		return err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return err
	}
	return s.answerStream(c, func(ctx context.Context, send func([]byte) error) error {
		viewer := s.cfg.Live.Look(account)
		defer viewer.Close()
		for {
			select {
			case events, more := <-viewer.Events():
				if !more {
					return errCutOff
				}
				for i := range events {
					if err := send(callFrame(&events[i])); err != nil {
						return err
					}
				}
			case <-ctx.Done():
				return nil
			}
		}
	})
}

func callFrame(event *live.Event) []byte {
	id := strconv.FormatUint(event.Revision, 10)
	switch event.Kind {
	case live.Reset:
		return frame(eventReset, "", toldReset)
	case live.Call:
		return appendFrame(make([]byte, 0, len(event.Record)+frameRoom), eventCall, id, event.Record)
	case live.Gone:
		return frame(eventGone, id, `{"call_uuid":`+strconv.Quote(event.CallUUID)+`}`)
	case live.Ready:
		return frame(eventReady, "", fmt.Sprintf(`{"calls":%d}`, event.Calls))
	case live.Stale:
		return frame(eventStale, "", toldCallsStale)
	case live.Fresh:
		return frame(eventFresh, "", toldCallsFresh)
	}
	return nil
}
