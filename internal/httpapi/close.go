package httpapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/store"
)

// postClose closes by hand a call that nobody will ever close, and answers with its record. A call that has ended is
// left as it is.
func (s *Server) postClose(c *fiber.Ctx) error {
	call, ok, err := s.findCall(c, "/close")
	if err != nil || !ok {
		return err
	}
	key := store.Key{Account: call.Account, UUID: call.CallUUID}
	return s.traced(c, key.Account, func(ctx context.Context) (string, error) {
		if _, err := s.cfg.Intake.CloseCall(ctx, key); errors.Is(err, store.ErrNotFound) {
			return "", callNotFound()
		} else if err != nil {
			return "", fmt.Errorf("close call: %w", err)
		}
		call, err := s.lastOfMerged(ctx, key)
		if err != nil {
			return "", fmt.Errorf("read closed call: %w", err)
		}
		return tracedClosed, answerBytes(c, call.Record)
	})
}

// tracedClosed is what a span tells of a call that is closed.
const tracedClosed = "closed"
