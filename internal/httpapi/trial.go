package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

// triedJSON says what a handler would do.
type triedJSON struct {
	Handler  string            `json:"handler"`
	Matches  bool              `json:"matches"`
	Reason   correlate.Word    `json:"reason"`  // why it does not match
	FireAt   *time.Time        `json:"fire_at"` // null for at once
	Events   []json.RawMessage `json:"events"`
	Requests []json.RawMessage `json:"requests"`
}

// postTrial says what a handler would do on an event of a call that is kept, or on a sample, and publishes nothing.
func (s *Server) postTrial(c *fiber.Ctx) error {
	q, err := readQuery(c, "account")
	if err != nil {
		return err
	}
	trial, err := readTrial(c, q)
	if err != nil {
		return err
	}
	name := c.Params("name")
	if trial.Definition == nil { // what is not kept is nobody's yet
		if _, err := s.findHandler(c); err != nil {
			return err
		}
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	if trial.CallUUID != "" {
		call, err := s.lastOfMerged(ctx, store.Key{Account: trial.Account, UUID: trial.CallUUID})
		if errors.Is(err, store.ErrNotFound) {
			return callNotFound()
		}
		if err != nil {
			return fmt.Errorf("find call: %w", err)
		}
		trial.CallUUID = call.CallUUID
	}
	tried, err := s.cfg.Handlers.TryHandler(ctx, keyed(c), name, trial)
	if invalid, ok := errors.AsType[*triggerapi.InvalidError](err); ok {
		return bodyProblem(invalid)
	}
	if err != nil {
		return handlerProblem(err)
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, triedJSON{
		Handler: name, Matches: tried.Matches, Reason: correlate.Word(tried.Reason), FireAt: moment(tried.FireAt),
		Events: orEmpty(tried.Events), Requests: orEmpty(tried.Requests),
	})
}

func orEmpty(list []json.RawMessage) []json.RawMessage {
	if list == nil {
		return []json.RawMessage{}
	}
	return list
}

// readTrial reads what a handler is to be tried on.
func readTrial(c *fiber.Ctx, q query) (triggerapi.Trial, error) {
	wrong := &problem{kind: kindBodyInvalid, detail: `The body must be {"call_uuid": "…"}, perhaps with an "event_type", or ` +
		`{"event": {…}} with an event as it is published; either perhaps with a "definition" to be tried. Nothing was tried.`}
	body, err := readBody(c)
	if err != nil {
		return triggerapi.Trial{}, err
	}
	var given struct {
		CallUUID   *string         `json:"call_uuid"`
		EventType  string          `json:"event_type"`
		Event      json.RawMessage `json:"event"`
		Definition json.RawMessage `json:"definition"`
	}
	if err := decodeStrict(body, &given); err != nil {
		return triggerapi.Trial{}, wrong
	}
	account, err := accountOf(c, q)
	if err != nil {
		return triggerapi.Trial{}, err
	}
	trial := triggerapi.Trial{Account: account, EventType: given.EventType}
	sample := len(given.Event) > 0 && given.Event[0] == '{'
	switch {
	case given.CallUUID != nil && given.Event == nil:
		id, ok := dialog.ParseUUID(*given.CallUUID)
		if !ok {
			return trial, callNotFound()
		}
		trial.CallUUID = id
	case given.CallUUID == nil && sample && given.EventType == "":
		trial.Event = given.Event
	default:
		return trial, wrong
	}
	if given.Definition != nil {
		name := c.Params("name")
		if !saneHandler.MatchString(name) {
			return trial, nameInvalid()
		}
		trial.Definition, err = checkDefinition(given.Definition, name)
	}
	return trial, err
}
