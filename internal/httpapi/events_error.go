package httpapi

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

// typeValidation is what Novu's clients are told is wrong where a request is answered 400.
const typeValidation = "PAYLOAD_VALIDATION_ERROR"

// novuError is a problem as Novu's clients know it.
//
//nolint:tagliatelle // these are Novu's names
type novuError struct {
	StatusCode int    `json:"statusCode"`
	Timestamp  string `json:"timestamp"`
	Path       string `json:"path"`
	Message    string `json:"message"`
	ErrorID    string `json:"errorId,omitempty"` // the request id, of a fault of ours
	Type       string `json:"type,omitempty"`    // of 400
	Errors     any    `json:"errors,omitempty"`  // a list of faults of 400, an object by field of 422
}

// speaksNovu says whether a path's errors are Novu's.
func speaksNovu(path []byte) bool {
	return below(path, "/v1/events") || below(path, "/v1/subscribers") || below(path, "/v1/topics")
}

// answerNovu writes a problem in Novu's form.
func (s *Server) answerNovu(c *fiber.Ctx, p *problem, status int) error {
	told := novuError{
		StatusCode: status,
		Timestamp:  s.cfg.Now().UTC().Format(novuTime),
		Path:       c.Path(),
		Message:    p.detail,
	}
	if len(p.allowed) > 0 {
		told.Message += " Allowed: " + strings.Join(p.allowed, ", ") + "."
	}
	switch status {
	case fiber.StatusBadRequest:
		told.Type, told.Errors = typeValidation, faultsOf(p)
	case fiber.StatusUnprocessableEntity:
		told.Errors = faultsByField(p)
	case fiber.StatusInternalServerError:
		told.ErrorID = requestID(c)
	}
	return answerJSON(c, status, fiber.MIMEApplicationJSON, told)
}

// faultsOf gives what is wrong, at least one fault.
func faultsOf(p *problem) []triggerapi.Fault {
	if len(p.faults) > 0 {
		return p.faults
	}
	return []triggerapi.Fault{{Field: p.parameter, Message: p.detail}}
}

type fieldFaults struct {
	Messages []string `json:"messages"`
}

func faultsByField(p *problem) map[string]fieldFaults {
	fields := map[string]fieldFaults{}
	for _, fault := range faultsOf(p) {
		name := orDefault(fault.Field, "body")
		fields[name] = fieldFaults{append(fields[name].Messages, fault.Message)}
	}
	return fields
}

// triggerProblem is problemOf for an error of the trigger API: what it means for what was asked is the point.
func triggerProblem(err error) *problem {
	var invalid *triggerapi.InvalidError
	switch {
	case errors.As(err, &invalid):
		return bodyProblem(invalid)
	case errors.Is(err, triggerapi.ErrMediaType):
		return &problem{kind: kindMediaType, detail: "The body is neither JSON nor a form, and nothing was done. Send a JSON " +
			"object, with Content-Type: application/json."}
	case errors.Is(err, triggerapi.ErrUnknownName):
		return nameUnknown()
	case errors.Is(err, store.ErrUnavailable):
		return &problem{
			kind: kindStorageUnavailable, cause: err,
			detail: "The database cannot be used right now, and nothing was done. Send the request again.",
		}
	case errors.Is(err, ingest.ErrStopping):
		return &problem{
			kind: kindStopping, cause: err,
			detail: "The service is stopping, and nothing was done. Send the request again.",
		}
	case errors.Is(err, ingest.ErrBusy):
		return &problem{
			kind: kindTooMany, cause: err,
			detail: "Too much is waiting to be written, and nothing was done. Send the request again.",
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &problem{
			kind: kindTimeout, cause: err,
			detail: "It took too long, and whether it was done is not known. Send the request again; with a transactionId, or an " +
				"Idempotency-Key, it is done once.",
		}
	}
	return problemOf(err)
}

// bodyProblem tells what is wrong with a body.
func bodyProblem(invalid *triggerapi.InvalidError) *problem {
	p := &problem{kind: kindBodyUnfit, faults: invalid.Faults}
	if invalid.Malformed {
		p.kind = kindBodyInvalid
	}
	p.detail = "The body cannot be used, and nothing was done: " + invalid.Messages()[0]
	if more := len(invalid.Faults) - 1; more > 0 {
		p.detail += " And " + strconv.Itoa(more) + " more."
	}
	return p
}

// fieldName is where a body names what is to be done.
const fieldName = "name"

const unknownName = "There is neither a handler nor a flow of this name."

func nameUnknown() *problem {
	return &problem{
		kind: kindNameUnknown, faults: []triggerapi.Fault{{Field: fieldName, Message: unknownName}},
		detail: unknownName + " Nothing was triggered. GET /v1/handlers lists the handlers; flows are named in the configuration.",
	}
}
