package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/correlate"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// saneHandler is what a handler's name looks like.
var saneHandler = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// handlerJSON is a handler as clients see it. How it has been doing is null where it is not for their eyes.
type handlerJSON struct {
	Name       string          `json:"name"`
	Account    correlate.Word  `json:"account"` // null for every account
	Source     string          `json:"source"`
	Enabled    bool            `json:"enabled"`
	Fired      *int64          `json:"fired"`
	FiredAt    *time.Time      `json:"fired_at"`
	Failures   *int            `json:"failures"`
	LastError  correlate.Word  `json:"last_error"`
	UpdatedAt  time.Time       `json:"updated_at"`
	Definition json.RawMessage `json:"definition"`
}

// knowsOf says whether who reads may see how a handler has been doing. One of all accounts counts what goes on in each of
// them, and its last error may say what was in another one's data.
func (r reader) knowsOf(handler *store.Handler) bool {
	return handler.Account != "" || r.seesEverything()
}

func handlerOf(handler *store.Handler, who reader) (handlerJSON, error) {
	definition, err := redacted(handler.Definition)
	if err != nil {
		return handlerJSON{}, fmt.Errorf("show handler %s: %w", handler.Name, err)
	}
	told := handlerJSON{
		Name:       handler.Name,
		Account:    correlate.Word(handler.Account),
		Source:     handler.Source,
		Enabled:    handler.Enabled,
		UpdatedAt:  handler.UpdatedAt.UTC(),
		Definition: definition,
	}
	if who.knowsOf(handler) {
		told.Fired, told.FiredAt = &handler.Fired, moment(handler.FiredAt)
		told.Failures, told.LastError = &handler.Failures, correlate.Word(handler.LastError)
	}
	return told, nil
}

// moment gives a time in UTC; nil for none.
func moment(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}

func handlerNotFound() *problem {
	return &problem{kind: kindHandlerNotFound, detail: "There is no handler of this name, or it is another account's. " +
		"GET /v1/handlers lists them."}
}

// getHandlers answers with all handlers that concern an account, by name.
func (s *Server) getHandlers(c *fiber.Ctx) error {
	q, err := readQuery(c, "account")
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	handlers, err := s.handlersFor(ctx, c, q)
	if err != nil {
		return err
	}
	list := make([]handlerJSON, 0, len(handlers))
	for i := range handlers {
		told, err := handlerOf(&handlers[i], readerOf(c))
		if err != nil {
			return err
		}
		list = append(list, told)
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, struct {
		Handlers []handlerJSON `json:"handlers"`
	}{list})
}

// getHandler answers with one handler.
func (s *Server) getHandler(c *fiber.Ctx) error {
	if _, err := readQuery(c); err != nil {
		return err
	}
	handler, err := s.findHandler(c)
	if err != nil {
		return err
	}
	return answerHandler(c, fiber.StatusOK, handler)
}

// findHandler finds the handler that the path names, if the caller may see it: with a key, those of its account and
// those of all accounts.
func (s *Server) findHandler(c *fiber.Ctx) (store.Handler, error) {
	name := c.Params("name")
	if !saneHandler.MatchString(name) {
		return store.Handler{}, handlerNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	handler, err := s.cfg.TriggerReader.Handler(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !readerOf(c).sees(handler.Account):
		return store.Handler{}, handlerNotFound()
	case err != nil:
		return store.Handler{}, fmt.Errorf("find handler: %w", err)
	}
	return handler, nil
}

func answerHandler(c *fiber.Ctx, status int, handler store.Handler) error {
	told, err := handlerOf(&handler, readerOf(c))
	if err != nil {
		return err
	}
	return answerJSON(c, status, fiber.MIMEApplicationJSON, told)
}

// postHandler creates a handler.
func (s *Server) postHandler(c *fiber.Ctx) error {
	definition, err := readDefinition(c, "")
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	handler, err := s.cfg.Handlers.CreateHandler(ctx, keyed(c), definition)
	if err != nil {
		return handlerProblem(err)
	}
	c.Set(fiber.HeaderLocation, "/v1/handlers/"+handler.Name)
	return answerHandler(c, fiber.StatusCreated, handler)
}

// putHandler creates a handler or replaces its definition.
func (s *Server) putHandler(c *fiber.Ctx) error {
	name := c.Params("name")
	if !saneHandler.MatchString(name) {
		return nameInvalid()
	}
	definition, err := readDefinition(c, name)
	if err != nil {
		return err
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	handler, isNew, err := s.cfg.Handlers.ReplaceHandler(ctx, keyed(c), name, definition)
	if err != nil {
		return handlerProblem(err)
	}
	status := fiber.StatusOK
	if isNew {
		status = fiber.StatusCreated
		c.Set(fiber.HeaderLocation, "/v1/handlers/"+handler.Name)
	}
	return answerHandler(c, status, handler)
}

// patchHandler switches a handler on or off.
func (s *Server) patchHandler(c *fiber.Ctx) error {
	if _, err := readQuery(c); err != nil {
		return err
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	var change struct {
		Enabled *bool `json:"enabled"`
	}
	if err := decodeStrict(body, &change); err != nil || change.Enabled == nil {
		return &problem{kind: kindBodyInvalid, detail: `The body must be {"enabled": true} or {"enabled": false}; nothing was ` +
			"changed. To change anything else of a handler, PUT its whole definition."}
	}
	name := c.Params("name")
	if !saneHandler.MatchString(name) {
		return handlerNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	handler, err := s.cfg.Handlers.SwitchHandler(ctx, keyed(c), name, *change.Enabled)
	if err != nil {
		return handlerProblem(err)
	}
	return answerHandler(c, fiber.StatusOK, handler)
}

// deleteHandler removes a handler. What it has triggered stays.
func (s *Server) deleteHandler(c *fiber.Ctx) error {
	if _, err := readQuery(c); err != nil {
		return err
	}
	name := c.Params("name")
	if !saneHandler.MatchString(name) {
		return handlerNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	if err := s.cfg.Handlers.DropHandler(ctx, keyed(c), name); err != nil {
		return handlerProblem(err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// readDefinition reads a body that defines a handler. It need not say the name that the path says.
func readDefinition(c *fiber.Ctx, name string) ([]byte, error) {
	if _, err := readQuery(c); err != nil {
		return nil, err
	}
	body, err := readBody(c)
	if err != nil {
		return nil, err
	}
	return checkDefinition(body, name)
}

// checkDefinition is readDefinition for a definition that was read.
func checkDefinition(body []byte, name string) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, &problem{kind: kindBodyInvalid, detail: "The body is no JSON object, and nothing was changed. " +
			"It must be one handler's definition."}
	}
	if given, ok := fields[fieldName]; name != "" && !ok {
		body = append([]byte(`{"name":"`+name+`",`), bytes.TrimSpace(body)[1:]...) // the name needs no escapes
		if len(fields) == 0 {
			body = []byte(`{"name":"` + name + `"}`)
		}
	} else if name != "" {
		var text string
		if json.Unmarshal(given, &text) != nil || text != name {
			return nil, handlerInvalid(trigger.Problem{Field: fieldName, Message: "it is not the one in the path"})
		}
	}
	if holdsRedacted(body) {
		return nil, handlerInvalid(trigger.Problem{
			Message: "a header or a URL has " + redactionMark + " in it, which is only what answers show: give the value itself",
		})
	}
	return body, nil
}

// decodeStrict decodes a body that is one JSON value, without keys that are not known.
func decodeStrict(body []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("decode body: %w", err)
	}
	if decoder.More() {
		return errTrailing
	}
	return nil
}

var errTrailing = errors.New("decode body: something follows the value")

func nameInvalid() *problem {
	return handlerInvalid(trigger.Problem{
		Field:   fieldName,
		Message: "the name in the path is none: it has 1 to 64 of a-z 0-9 . _ -, and begins with a letter or a digit",
	})
}

func handlerInvalid(problems ...trigger.Problem) *problem {
	text := problems[0].String()
	if more := len(problems) - 1; more > 0 {
		text = fmt.Sprintf("%s; and %d more", text, more)
	}
	return &problem{
		kind: kindHandlerInvalid, problems: problems,
		detail: "The definition cannot be used, and nothing was changed: " + text + ".",
	}
}

// handlerProblem is problemOf for an error of changing handlers.
func handlerProblem(err error) *problem {
	var wrong *trigger.DefinitionError
	switch {
	case errors.As(err, &wrong) && len(wrong.Problems) > 0:
		return handlerInvalid(wrong.Problems...)
	case errors.Is(err, store.ErrNotFound):
		return handlerNotFound()
	case errors.Is(err, triggerapi.ErrExists):
		return &problem{kind: kindHandlerExists, detail: "There is a handler of this name, in this account or in another one: " +
			"names are unique in the whole installation. Nothing was changed. Choose another name, or PUT to replace the handler."}
	case errors.Is(err, triggerapi.ErrOfFile):
		return &problem{kind: kindHandlerOfFile, detail: "This handler comes from the handlers file, and nothing was changed. " +
			"Change the file, and have the service load it (SIGHUP)."}
	case errors.Is(err, triggerapi.ErrForeign):
		return &problem{kind: kindHandlerForeign, detail: "The definition is for another account than the API key is, and nothing " +
			"was changed. Leave account out, or use that account's key."}
	case errors.Is(err, store.ErrUnavailable):
		return &problem{
			kind: kindStorageUnavailable, cause: err,
			detail: "The database cannot be used right now, and nothing was changed. Send the request again.",
		}
	}
	return problemOf(err)
}
