package httpapi

import (
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
	ctx, cancel := s.requestContext()
	defer cancel()
	if _, err := s.cfg.Intake.CloseCall(ctx, key); errors.Is(err, store.ErrNotFound) {
		return callNotFound()
	} else if err != nil {
		return fmt.Errorf("close call: %w", err)
	}
	call, err = s.lastOfMerged(ctx, key)
	if err != nil {
		return fmt.Errorf("read closed call: %w", err)
	}
	return answerBytes(c, call.Record)
}
