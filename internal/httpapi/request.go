package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

// saneRequestID is what a caller's X-Request-ID must look like to be taken over into answers and logs.
var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,64}$`)

const requestIDKey = "request_id"

// requestID gives the id of a request: the caller's if it is sane, else one of ours.
func requestID(c *fiber.Ctx) string {
	if id, ok := c.Locals(requestIDKey).(string); ok {
		return id
	}
	id := c.Get(fiber.HeaderXRequestID)
	if !saneRequestID.MatchString(id) {
		id = uuid.NewString()
	}
	c.Locals(requestIDKey, id)
	return id
}

// accompany is around every request: it gives it its id, answers its error or panic, and logs it. What it logs holds
// no query, no body and no header value but the request id: those may be numbers, names or secrets.
func (s *Server) accompany(c *fiber.Ctx) error {
	begin := s.cfg.Now()
	err := s.recoverNext(c)
	if err != nil {
		p := problemOf(err)
		if err := s.answer(c, begin, p); err != nil {
			return err
		}
		return nil
	}
	return s.answer(c, begin, nil)
}

// answerServerError answers what fails before routing: headers that are too large, a body that is, a client that is
// too slow or speaks no HTTP.
func (s *Server) answerServerError(c *fiber.Ctx, err error) error {
	var engine *fiber.Error
	p := problemOf(err)
	if errors.As(err, &engine) && engine.Code == fiber.StatusRequestEntityTooLarge {
		p = s.tooLarge(c)
	}
	if conn, ok := c.Context().Conn().(*connection); ok {
		conn.linger.Store(true)
	}
	return s.answer(c, s.cfg.Now(), p)
}

// answer completes the answer with what every answer has, and logs it.
func (s *Server) answer(c *fiber.Ctx, begin time.Time, p *problem) error {
	level, attrs := slog.LevelDebug, make([]slog.Attr, 0, 8)
	if p != nil {
		if err := s.answerProblem(c, p); err != nil {
			return err
		}
		level = slog.LevelInfo
		attrs = append(attrs, slog.String("problem", string(p.kind)))
		if p.code != "" {
			attrs = append(attrs, slog.String("code", p.code))
		}
		if c.Response().StatusCode() >= fiber.StatusInternalServerError {
			level = slog.LevelError
			if p.cause != nil {
				attrs = append(attrs, slog.String("error", p.cause.Error()))
			}
		}
	}
	c.Set(fiber.HeaderXRequestID, requestID(c))
	if len(c.Response().Header.Peek(fiber.HeaderCacheControl)) == 0 || p != nil {
		c.Set(fiber.HeaderCacheControl, "no-store")
	}
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if s.stopped.Load() {
		c.Context().SetConnectionClose()
	}
	took := s.cfg.Now().Sub(begin)
	s.countWebhook(c, p, took)
	attrs = append(attrs,
		slog.String("request_id", requestID(c)),
		slog.String("method", c.Method()),
		slog.String("route", routeOf(c)),
		slog.Int("status", c.Response().StatusCode()),
		slog.String("remote", c.Context().RemoteAddr().String()),
		slog.Duration("took", took))
	s.cfg.Logger.LogAttrs(s.base, level, "answered request", attrs...)
	return nil
}

// routeOf gives the pattern of the route that matched; the path itself may hold anything.
func routeOf(c *fiber.Ctx) string {
	if route := c.Route(); len(route.Handlers) > 0 {
		return route.Path
	}
	return ""
}

// recoverNext runs the rest of the chain and makes an error of a panic. The stack goes into that error, so that the
// one log line of the request has it.
func (s *Server) recoverNext(c *fiber.Ctx) (err error) {
	defer func() {
		if what := recover(); what != nil {
			p := problemOf(fmt.Errorf("panic: %v\n%s", what, debug.Stack()))
			if c.Method() == fiber.MethodPost && !s.asksForKey([]byte(c.Path())) {
				p = webhookProblem(p.cause)
			}
			err = p
		}
	}()
	return c.Next()
}

// answerJSON writes v as the answer, without HTML's escapes.
func answerJSON(c *fiber.Ctx, status int, contentType string, v any) error {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	c.Set(fiber.HeaderContentType, contentType)
	return c.Status(status).Send(buf.Bytes())
}

// answerBytes writes JSON that is ready as it is.
func answerBytes(c *fiber.Ctx, body []byte) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(body)
}
