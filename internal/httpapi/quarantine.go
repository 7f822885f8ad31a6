package httpapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

// Refusals is the part of store.Store that shows quarantine and empties it.
type Refusals interface {
	RefusedPage(ctx context.Context, account string, before *store.RefusedCursor, limit int) ([]store.Refused, error)
	Refused(ctx context.Context, account string, id int64) (store.Refused, error)
	DropRefused(ctx context.Context, account string, id int64) error
}

// refusedJSON is a refused body as clients see it.
type refusedJSON struct {
	ID         int64     `json:"id"`
	Account    string    `json:"account"`
	ReceivedAt time.Time `json:"received_at"`
	LastAt     time.Time `json:"last_at"`
	Count      int       `json:"count"`
	Code       string    `json:"code"`
	Reason     string    `json:"reason"`
	SHA256     string    `json:"sha256"`
	Size       int       `json:"size"`
	Truncated  bool      `json:"truncated"`
	// Body is all of it as a text, BodyBase64 where it is none in UTF-8. A page has neither.
	Body       *string `json:"body,omitempty"`
	BodyBase64 *[]byte `json:"body_base64,omitempty"`
}

func refusedOf(one *store.Refused) refusedJSON {
	return refusedJSON{
		ID: one.ID, Account: one.Account, ReceivedAt: one.ReceivedAt.UTC(), LastAt: one.LastAt.UTC(), Count: one.Count,
		Code: one.Code, Reason: one.Reason, SHA256: hex.EncodeToString(one.SHA256[:]), Size: max(one.Size, len(one.Body)),
		Truncated: one.Truncated,
	}
}

func refusedNotFound() *problem {
	return &problem{kind: kindRefusedNotFound, detail: "This account has no body with this id in quarantine. It may have been " +
		"redriven or discarded; GET /v1/quarantine lists those that are there."}
}

// getQuarantine answers with a page of the refused bodies, the one that came last first.
func (s *Server) getQuarantine(c *fiber.Ctx) error {
	list, next, err := s.refusedPage(c)
	if err != nil {
		return err
	}
	page := struct {
		Refused    []refusedJSON `json:"refused"`
		NextCursor *string       `json:"next_cursor"`
	}{Refused: make([]refusedJSON, 0, len(list))}
	for i := range list {
		page.Refused = append(page.Refused, refusedOf(&list[i]))
	}
	if next != "" {
		page.NextCursor = &next
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, page)
}

// refusedPage reads the page of quarantine that a request asks for, and the cursor of the next one; more
// are parameters that it may have besides.
func (s *Server) refusedPage(c *fiber.Ctx, more ...string) (list []store.Refused, next string, err error) {
	q, err := readQuery(c, append(more, "account", "limit", "cursor")...)
	if err != nil {
		return nil, "", err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return nil, "", err
	}
	limit, err := q.limit("limit", defaultPage, maxPage)
	if err != nil {
		return nil, "", err
	}
	before, err := q.refusedCursor()
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	list, err = s.cfg.Refusals.RefusedPage(ctx, account, before, limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list quarantine: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		next = encodeRefusedCursor(list[limit-1])
	}
	return list, next, nil
}

// A cursor is the place of a body, in base64url. It is opaque so that its form may change.
func encodeRefusedCursor(one store.Refused) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", one.LastAt.UnixMicro(), one.ID))
}

func (q query) refusedCursor() (*store.RefusedCursor, error) {
	text, ok := q["cursor"]
	if !ok {
		return nil, nil //nolint:nilnil // no cursor is the first page
	}
	wrong := invalid("cursor", "It is not one that next_cursor gave. Ask again without it to begin at the latest body.")
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, wrong
	}
	last, id, _ := strings.Cut(string(decoded), ".")
	micro, err := strconv.ParseInt(last, 10, 64)
	if err != nil {
		return nil, wrong
	}
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, wrong
	}
	return &store.RefusedCursor{LastAt: time.UnixMicro(micro).UTC(), ID: number}, nil
}

// getRefused answers with one refused body.
func (s *Server) getRefused(c *fiber.Ctx) error {
	one, err := s.findRefused(c)
	if err != nil {
		return err
	}
	told := refusedOf(&one)
	if utf8.Valid(one.Body) {
		text := string(one.Body)
		told.Body = &text
	} else {
		told.BodyBase64 = &one.Body
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, told)
}

// findRefused finds the body that the path names.
func (s *Server) findRefused(c *fiber.Ctx) (store.Refused, error) {
	q, err := readQuery(c, "account")
	if err != nil {
		return store.Refused{}, err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return store.Refused{}, err
	}
	id, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil {
		return store.Refused{}, refusedNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	one, err := s.cfg.Refusals.Refused(ctx, account, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Refused{}, refusedNotFound()
	case err != nil:
		return store.Refused{}, fmt.Errorf("find refused body: %w", err)
	}
	return one, nil
}

// postRedrive hands a refused body in once more, and answers as the door does.
func (s *Server) postRedrive(c *fiber.Ctx) error {
	one, err := s.findRefused(c)
	if err != nil {
		return err
	}
	answer, err := s.redrive(c, one)
	if err != nil {
		return err
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, answerOfDoor{
		Status: answer.Result, JournalID: answer.JournalID, DialogUUID: answer.DialogUUID, CallUUID: answer.CallUUID,
		Spooled: answer.Spooled,
	})
}

// redrive hands a body in as the PBX would, and takes it out of quarantine once it is on disk elsewhere. Where that breaks
// off in between, the body is in both places, and redriving it again finds a duplicate.
func (s *Server) redrive(c *fiber.Ctx, one store.Refused) (answer ingest.Answer, err error) {
	if one.Truncated {
		return ingest.Answer{}, &problem{kind: kindRedriveRefused, detail: "Only the beginning of this body was kept, so it cannot " +
			"be handed in again. It stays in quarantine; have the sender send it anew."}
	}
	body, err := s.unpacked(one)
	if err != nil {
		return ingest.Answer{}, err
	}
	err = s.traced(c, one.Account, func(ctx context.Context) (string, error) {
		answer, err = s.redriven(ctx, one, body)
		return resultOfAnswer(answer), err
	})
	return answer, err
}

func (s *Server) redriven(ctx context.Context, one store.Refused, body []byte) (ingest.Answer, error) {
	answer, err := s.cfg.Intake.Submit(ctx, one.Account, body)
	var refused *ingest.RefusedError
	switch {
	case errors.As(err, &refused):
		return answer, &problem{kind: kindRedriveRefused, code: refused.Code, detail: "The body is refused again: " + refused.Reason +
			". It stays in quarantine. It can only be taken once webhookd reads it differently; otherwise correct what sends it, " +
			"and discard it."}
	case err != nil:
		return answer, webhookProblem(err)
	}
	if err := s.cfg.Refusals.DropRefused(ctx, one.Account, one.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		return answer, fmt.Errorf("take redriven body out of quarantine: %w", err)
	}
	return answer, nil
}

// unpacked gives the body to hand in: one that was refused for being compressed, as it was before that.
func (s *Server) unpacked(one store.Refused) ([]byte, error) {
	if one.Code != string(kindEncodingRefused) {
		return one.Body, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(one.Body))
	if err == nil {
		var body []byte
		if body, err = io.ReadAll(io.LimitReader(reader, int64(s.cfg.BodyLimit)+1)); err == nil && len(body) <= s.cfg.BodyLimit {
			return body, nil
		}
	}
	return nil, &problem{kind: kindRedriveRefused, cause: err, detail: "The body came compressed, and is no gzip, or larger than " +
		strconv.Itoa(s.cfg.BodyLimit) + " bytes without it. It stays in quarantine; have the sender send it uncompressed."}
}

// deleteRefused discards a refused body for good.
func (s *Server) deleteRefused(c *fiber.Ctx) error {
	one, err := s.findRefused(c)
	if err != nil {
		return err
	}
	if err := s.discard(one); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) discard(one store.Refused) error {
	ctx, cancel := s.requestContext()
	defer cancel()
	if err := s.cfg.Refusals.DropRefused(ctx, one.Account, one.ID); errors.Is(err, store.ErrNotFound) {
		return refusedNotFound()
	} else if err != nil {
		return fmt.Errorf("discard refused body: %w", err)
	}
	return nil
}
