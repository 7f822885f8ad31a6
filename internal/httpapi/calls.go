package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/store"
)

// errNoRecord says that the store gave a call without a record that is not merged. The store promises not to.
var errNoRecord = errors.New("call has no record")

// getCalls answers with a page of calls, the newest first.
func (s *Server) getCalls(c *fiber.Ctx) error {
	q, err := readQuery(c, filterParameters...)
	if err != nil {
		return err
	}
	filter, err := q.filter(s.cfg.DefaultRegion)
	if err != nil {
		return err
	}
	if filter.Account, err = accountOf(c, q); err != nil {
		return err
	}
	limit := filter.Limit
	filter.Limit++ // one more tells whether there is a next page

	ctx, cancel := s.requestContext()
	defer cancel()
	calls, err := s.cfg.Reader.Calls(ctx, filter)
	if err != nil {
		return fmt.Errorf("list calls: %w", err)
	}
	page, err := encodePage(calls, limit)
	if err != nil {
		return fmt.Errorf("list calls: %w", err)
	}
	return answerBytes(c, page)
}

// encodePage writes the records as they are stored.
func encodePage(calls []store.Call, limit int) ([]byte, error) {
	next := []byte("null")
	if len(calls) > limit {
		calls = calls[:limit]
		last := calls[limit-1]
		cursor, err := encodeCursor(store.Cursor{StartedAt: last.Index.StartedAt, CallUUID: last.CallUUID})
		if err != nil {
			return nil, err
		}
		if next, err = json.Marshal(cursor); err != nil {
			return nil, fmt.Errorf("encode cursor: %w", err)
		}
	}
	size := 64
	for i := range calls {
		size += len(calls[i].Record) + 1
	}
	page := append(make([]byte, 0, size), `{"calls":[`...)
	for i := range calls {
		if len(calls[i].Record) == 0 {
			return nil, fmt.Errorf("%w: %s", errNoRecord, calls[i].CallUUID)
		}
		if i > 0 {
			page = append(page, ',')
		}
		page = append(page, calls[i].Record...)
	}
	page = append(page, `],"next_cursor":`...)
	page = append(page, next...)
	return append(page, '}', '\n'), nil
}
