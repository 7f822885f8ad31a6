package httpapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

// novuTime is how Novu writes moments.
const novuTime = "2006-01-02T15:04:05.000Z07:00"

// outcomeJSON is what became of a trigger as clients see it.
//
//nolint:tagliatelle // these are Novu's names
type outcomeJSON struct {
	Acknowledged  bool              `json:"acknowledged"`
	Status        triggerapi.Status `json:"status"`
	Error         []string          `json:"error,omitempty"`
	TransactionID string            `json:"transactionId,omitempty"`
}

func outcomeOf(outcome triggerapi.Outcome) outcomeJSON {
	told := outcomeJSON{
		Acknowledged: true, Status: outcome.Status, Error: outcome.Errors, TransactionID: outcome.TransactionID,
	}
	switch {
	case errors.Is(outcome.Err, triggerapi.ErrUnknownName):
		told.Status, told.Error = triggerapi.StatusError, []string{unknownName}
	case outcome.Err != nil:
		told.Status, told.Error = triggerapi.StatusError, []string{"It could not be done."}
	}
	return told
}

// data is the envelope of every success.
type data struct {
	Data any `json:"data"`
}

// postTrigger takes one trigger.
func (s *Server) postTrigger(c *fiber.Ctx) error {
	return s.takeRequest(c, triggerapi.ReadTrigger,
		func(ctx context.Context, request triggerapi.Request, once *triggerapi.Once,
		) ([]triggerapi.Outcome, *triggerapi.Answer, error) {
			return s.cfg.Triggers.Trigger(ctx, eventAccount(c), []triggerapi.Request{request}, once)
		})
}

// postBroadcast takes one trigger for everybody.
func (s *Server) postBroadcast(c *fiber.Ctx) error {
	return s.takeRequest(c, triggerapi.ReadBroadcast,
		func(ctx context.Context, request triggerapi.Request, once *triggerapi.Once,
		) ([]triggerapi.Outcome, *triggerapi.Answer, error) {
			outcome, kept, err := s.cfg.Triggers.Broadcast(ctx, eventAccount(c), request, once)
			return []triggerapi.Outcome{outcome}, kept, err
		})
}

// What spans tell of requests that have no outcome of their own.
const (
	tracedRepeated = "repeated" // answered as before
	tracedBulk     = "bulk"     // each of its triggers has an outcome
)

// takeRequest reads a body that is one trigger or broadcast, has it done, and answers with its outcome.
func (s *Server) takeRequest(
	c *fiber.Ctx,
	read func(body []byte, contentType string) (triggerapi.Request, error),
	do func(context.Context, triggerapi.Request, *triggerapi.Once) ([]triggerapi.Outcome, *triggerapi.Answer, error),
) error {
	return s.traced(c, eventAccount(c), func(ctx context.Context) (string, error) {
		body, err := readBody(c)
		if err != nil {
			return "", err
		}
		request, err := read(body, c.Get(fiber.HeaderContentType))
		if err != nil {
			return "", triggerProblem(err)
		}
		request.TransactionID = orDefault(request.TransactionID, uuid.NewString())
		once, err := onceOf(c, body, answerOne)
		if err != nil {
			return "", err
		}
		outcomes, kept, err := do(ctx, request, once)
		switch {
		case err != nil:
			return "", triggerProblem(err)
		case kept != nil:
			return tracedRepeated, answerAgain(c, kept)
		case len(outcomes) != 1:
			return "", errOutcomes
		case outcomes[0].Err != nil:
			return "", triggerProblem(outcomes[0].Err)
		}
		return string(outcomes[0].Status), answerEvents(c, answerOne(outcomes))
	})
}

var errOutcomes = errors.New("service gave another number of outcomes than there were requests")

// answerOne is the answer to one trigger or broadcast.
func answerOne(outcomes []triggerapi.Outcome) triggerapi.Answer {
	if len(outcomes) != 1 || outcomes[0].Err != nil {
		return triggerapi.Answer{Status: fiber.StatusUnprocessableEntity} // not to be kept
	}
	return created(outcomeOf(outcomes[0]))
}

// postBulk takes several triggers. One that is wrong does not stop the others.
func (s *Server) postBulk(c *fiber.Ctx) error {
	return s.traced(c, eventAccount(c), func(ctx context.Context) (string, error) { return tracedBulk, s.takeBulk(ctx, c) })
}

func (s *Server) takeBulk(ctx context.Context, c *fiber.Ctx) error {
	body, err := readBody(c)
	if err != nil {
		return err
	}
	elements, err := triggerapi.ReadBulk(body, c.Get(fiber.HeaderContentType))
	if err != nil {
		return triggerProblem(err)
	}
	requests := make([]triggerapi.Request, 0, len(elements))
	for i := range elements {
		if elements[i].Err == nil {
			elements[i].TransactionID = orDefault(elements[i].TransactionID, uuid.NewString())
			requests = append(requests, elements[i].Request)
		}
	}
	answer := func(outcomes []triggerapi.Outcome) triggerapi.Answer { return answerBulk(elements, outcomes) }
	once, err := onceOf(c, body, answer)
	if err != nil {
		return err
	}
	if len(requests) == 0 {
		return answerEvents(c, answer(nil))
	}
	outcomes, kept, err := s.cfg.Triggers.Trigger(ctx, eventAccount(c), requests, once)
	switch {
	case err != nil:
		return triggerProblem(err)
	case kept != nil:
		return answerAgain(c, kept)
	case len(outcomes) != len(requests):
		return errOutcomes
	}
	return answerEvents(c, answer(outcomes))
}

// answerBulk is the answer to a bulk request: outcomes are those of the elements without an error, in their order.
func answerBulk(elements []triggerapi.Element, outcomes []triggerapi.Outcome) triggerapi.Answer {
	list := make([]outcomeJSON, 0, len(elements))
	for _, element := range elements {
		var invalid *triggerapi.InvalidError
		switch {
		case errors.As(element.Err, &invalid):
			list = append(list, outcomeJSON{
				Acknowledged: true, Status: triggerapi.StatusError, Error: invalid.Messages(),
			})
		case len(outcomes) > 0:
			list = append(list, outcomeOf(outcomes[0]))
			outcomes = outcomes[1:]
		}
	}
	return created(list)
}

// deleteTrigger calls off what is pending of a transaction.
func (s *Server) deleteTrigger(c *fiber.Ctx) error {
	id, fits, err := idParam(c, "+")
	if err != nil {
		return err
	}
	cancelled := false
	if fits {
		ctx, cancel := s.requestContext()
		defer cancel()
		if cancelled, err = s.cfg.Triggers.Cancel(ctx, eventAccount(c), id); err != nil {
			return triggerProblem(err)
		}
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, data{cancelled})
}

// broadcastJSON is how far a broadcast has come.
//
//nolint:tagliatelle // as Novu writes names
type broadcastJSON struct {
	TransactionID string `json:"transactionId"`
	Name          string `json:"name"`
	State         string `json:"state"`
	Sent          int64  `json:"sent"`
	Total         int64  `json:"total"`
	CreatedAt     string `json:"createdAt"`
	UpdatedAt     string `json:"updatedAt"`
}

// getBroadcast says how far a broadcast has come.
func (s *Server) getBroadcast(c *fiber.Ctx) error {
	q, err := readQuery(c, "account")
	if err != nil {
		return err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return err
	}
	notFound := &problem{kind: kindBroadcastNotFound, detail: "This account has no broadcast with this transactionId."}
	id, fits, err := idParam(c, "transaction_id")
	if err != nil {
		return err
	}
	if !fits {
		return notFound
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	broadcast, err := s.cfg.Triggers.BroadcastProgress(ctx, account, id)
	if errors.Is(err, store.ErrNotFound) {
		return notFound
	}
	if err != nil {
		return fmt.Errorf("read broadcast: %w", err)
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, data{broadcastJSON{
		TransactionID: broadcast.TransactionID, Name: broadcast.Name, State: broadcast.State,
		Sent: broadcast.Sent, Total: broadcast.Total,
		CreatedAt: broadcast.CreatedAt.UTC().Format(novuTime), UpdatedAt: broadcast.UpdatedAt.UTC().Format(novuTime),
	}})
}

// eventAccount gives the account of what is triggered: that of the key, or the default one.
func eventAccount(c *fiber.Ctx) string { return orDefault(keyed(c), DefaultAccount) }
