package httpapi

import (
	"context"
	"errors"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// kind is a sort of problem; it is the end of the problem's type URN and, but for refused webhooks, its code.
type kind string

// Every kind of problem that this API answers with. docs/http-api.md lists them; TestEveryProblemIsDocumented sees to
// that.
const (
	kindBadRequest         kind = "bad_request"
	kindParameterUnknown   kind = "parameter_unknown"
	kindParameterInvalid   kind = "parameter_invalid"
	kindWebhookRefused     kind = "webhook_refused"
	kindBodyInvalid        kind = "body_invalid"
	kindUnauthorized       kind = "unauthorized"
	kindKeyRefused         kind = "api_key_refused"
	kindTokenRefused       kind = "read_token_refused" //nolint:gosec // it is no credential but what is said of one
	kindNotLocal           kind = "not_local"
	kindForeignPage        kind = "foreign_page"
	kindReadOnly           kind = "read_only"
	kindReadForeign        kind = "read_foreign"
	kindScopeMissing       kind = "scope_missing"
	kindSourceRefused      kind = "source_refused"
	kindHandlerForeign     kind = "handler_foreign"
	kindRouteNotFound      kind = "route_not_found"
	kindAccountNotFound    kind = "account_not_found"
	kindCallNotFound       kind = "call_not_found"
	kindDialogNotFound     kind = "dialog_not_found"
	kindHandlerNotFound    kind = "handler_not_found"
	kindSubscriberNotFound kind = "subscriber_not_found"
	kindTopicNotFound      kind = "topic_not_found"
	kindBroadcastNotFound  kind = "broadcast_not_found"
	kindRefusedNotFound    kind = "refused_not_found"
	kindNumberInvalid      kind = "number_invalid"
	kindMethodNotAllowed   kind = "method_not_allowed"
	kindRequestTimeout     kind = "request_timeout"
	kindRedriveRefused     kind = "redrive_refused"
	kindHandlerExists      kind = "handler_exists"
	kindHandlerOfFile      kind = "handler_of_file"
	kindBodyTooLarge       kind = "body_too_large"
	kindEncodingRefused    kind = "content_encoding_unsupported"
	kindMediaType          kind = "media_type_unsupported"
	kindHandlerInvalid     kind = "handler_invalid"
	kindNameUnknown        kind = "name_unknown"
	kindBodyUnfit          kind = "body_unfit"
	kindTooMany            kind = "too_many_requests"
	kindRateExceeded       kind = "rate_exceeded"
	kindHeadersTooLarge    kind = "headers_too_large"
	kindInternal           kind = "internal"
	kindStorageUnavailable kind = "storage_unavailable"
	kindStopping           kind = "stopping"
	kindBusy               kind = "busy"
	kindStreamsFull        kind = "streams_full"
	kindTimeout            kind = "timeout"
)

// kinds is the one place where a problem gets its HTTP status. retryAfter is in seconds, 0 for none.
var kinds = map[kind]struct {
	status     int
	title      string
	retryAfter int
}{
	kindBadRequest:         {fiber.StatusBadRequest, "Request cannot be read", 0},
	kindParameterUnknown:   {fiber.StatusBadRequest, "Unknown query parameter", 0},
	kindParameterInvalid:   {fiber.StatusBadRequest, "Invalid query parameter", 0},
	kindWebhookRefused:     {fiber.StatusBadRequest, "Webhook refused", 0},
	kindBodyInvalid:        {fiber.StatusBadRequest, "Body cannot be read", 0},
	kindUnauthorized:       {fiber.StatusUnauthorized, "Secret missing or wrong", 0},
	kindKeyRefused:         {fiber.StatusUnauthorized, "API key missing or wrong", 0},
	kindTokenRefused:       {fiber.StatusUnauthorized, "Read token missing or wrong", 0},
	kindForeignPage:        {fiber.StatusForbidden, "Request of another site's page", 0},
	kindReadOnly:           {fiber.StatusForbidden, "Only reading is allowed", 0},
	kindReadForeign:        {fiber.StatusForbidden, "Figures of all accounts", 0},
	kindScopeMissing:       {fiber.StatusForbidden, "Token is not for this", 0},
	kindSourceRefused:      {fiber.StatusForbidden, "Sender's address not allowed", 0},
	kindNotLocal:           {fiber.StatusForbidden, "Request is not local", 0},
	kindHandlerForeign:     {fiber.StatusForbidden, "Another account's handler", 0},
	kindRouteNotFound:      {fiber.StatusNotFound, "No such route", 0},
	kindAccountNotFound:    {fiber.StatusNotFound, "No such account", 0},
	kindCallNotFound:       {fiber.StatusNotFound, "No such call", 0},
	kindDialogNotFound:     {fiber.StatusNotFound, "No such dialog", 0},
	kindHandlerNotFound:    {fiber.StatusNotFound, "No such handler", 0},
	kindSubscriberNotFound: {fiber.StatusNotFound, "No such subscriber", 0},
	kindTopicNotFound:      {fiber.StatusNotFound, "No such topic", 0},
	kindBroadcastNotFound:  {fiber.StatusNotFound, "No such broadcast", 0},
	kindRefusedNotFound:    {fiber.StatusNotFound, "Not in quarantine", 0},
	kindNumberInvalid:      {fiber.StatusBadRequest, "Not a number", 0},
	kindRedriveRefused:     {fiber.StatusConflict, "Refused again", 0},
	kindMethodNotAllowed:   {fiber.StatusMethodNotAllowed, "Method not allowed", 0},
	kindRequestTimeout:     {fiber.StatusRequestTimeout, "Request took too long to arrive", 0},
	kindHandlerExists:      {fiber.StatusConflict, "Handler exists", 0},
	kindHandlerOfFile:      {fiber.StatusConflict, "Handler comes from the file", 0},
	kindBodyTooLarge:       {fiber.StatusRequestEntityTooLarge, "Body too large", 0},
	kindEncodingRefused:    {fiber.StatusUnsupportedMediaType, "Content-Encoding not supported", 0},
	kindMediaType:          {fiber.StatusUnsupportedMediaType, "Neither JSON nor a form", 0},
	kindHandlerInvalid:     {fiber.StatusUnprocessableEntity, "Invalid handler", 0},
	kindNameUnknown:        {fiber.StatusUnprocessableEntity, "No such handler or flow", 0},
	kindBodyUnfit:          {fiber.StatusUnprocessableEntity, "Body cannot be used", 0},
	kindTooMany:            {fiber.StatusTooManyRequests, "Too many requests", 1},
	kindRateExceeded:       {fiber.StatusTooManyRequests, "Too many requests of one sender", 1},
	kindHeadersTooLarge:    {fiber.StatusRequestHeaderFieldsTooLarge, "Headers too large", 0},
	kindInternal:           {fiber.StatusInternalServerError, "Internal error", 0},
	kindStorageUnavailable: {fiber.StatusServiceUnavailable, "Storage unavailable", 5},
	kindStopping:           {fiber.StatusServiceUnavailable, "Service is stopping", 5},
	kindBusy:               {fiber.StatusServiceUnavailable, "Too many webhooks waiting", 1},
	kindStreamsFull:        {fiber.StatusServiceUnavailable, "Too many streams open", 5},
	kindTimeout:            {fiber.StatusServiceUnavailable, "Took too long", 5},
}

// problem is an error with an answer for the client. Its detail says what happened, what that means for the client's
// data, and what to do; it never says anything internal.
type problem struct {
	kind       kind
	code       string // "" for that of the kind
	detail     string
	parameter  string             // the query parameter concerned
	allowed    []string           // what that parameter may be
	faults     []triggerapi.Fault // of a body
	problems   []trigger.Problem  // of a handler's definition
	challenge  string             // of a 401, where it is not the usual one
	retryAfter int                // seconds; 0 is that of the kind
	cause      error              // for the log only
}

func (p *problem) Error() string {
	text := string(p.kind) + ": " + p.detail
	if p.cause != nil {
		text += ": " + p.cause.Error()
	}
	return text
}

func (p *problem) Unwrap() error { return p.cause }

// problemJSON is a problem as clients see it (RFC 9457).
type problemJSON struct {
	Type      string   `json:"type"`
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail"`
	Instance  string   `json:"instance"`
	Code      string   `json:"code"`
	Parameter string   `json:"parameter,omitempty"`
	Allowed   []string `json:"allowed,omitempty"`
	Errors    any      `json:"errors,omitempty"` // what is wrong with a body, one by one
}

// problemOf says what to answer to an error of a handler.
func problemOf(err error) *problem {
	var known *problem
	var engine *fiber.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &engine):
		return engineProblem(engine)
	case errors.Is(err, store.ErrUnavailable):
		return &problem{
			kind: kindStorageUnavailable, cause: err,
			detail: "The database cannot be asked right now. Nothing was lost or changed; ask again later.",
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &problem{
			kind: kindTimeout, cause: err,
			detail: "The answer took too long to work out. Nothing was lost or changed; ask again later.",
		}
	default:
		return internalProblem(err)
	}
}

const sendAgain = `Send it again; if it was, the answer will be "duplicate".`

// webhookProblem is problemOf for an error of the intake: what it means for the webhook is the point.
func webhookProblem(err error) *problem {
	var refused *ingest.RefusedError
	switch {
	case errors.As(err, &refused):
		return &problem{
			kind: kindWebhookRefused, code: refused.Code,
			detail: "The body is no webhook that can be processed: " + refused.Reason + ". It is kept in quarantine, so nothing of " +
				"it is lost; the same body sent again will be refused again.",
		}
	case errors.Is(err, store.ErrUnavailable):
		return &problem{
			kind: kindStorageUnavailable, cause: err,
			detail: "The webhook could not be written to disk and was not kept. Send it again.",
		}
	case errors.Is(err, ingest.ErrStopping):
		return &problem{
			kind: kindStopping, cause: err,
			detail: "The service is stopping and did not keep the webhook. Send it again.",
		}
	case errors.Is(err, ingest.ErrBusy):
		return &problem{
			kind: kindBusy, cause: err,
			detail: "Too many webhooks are waiting to be written, and this one was not kept. Send it again.",
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &problem{
			kind: kindTimeout, cause: err,
			detail: "Writing the webhook took too long, and whether it was kept is not known. " + sendAgain,
		}
	default:
		return &problem{
			kind: kindInternal, cause: err,
			detail: "Something failed that should not have, and whether the webhook was kept is not known. " + sendAgain,
		}
	}
}

// engineProblem translates fiber's own errors. Their texts may quote the request, so none is passed on.
func engineProblem(err *fiber.Error) *problem {
	switch err.Code {
	case fiber.StatusNotFound:
		return &problem{
			kind: kindRouteNotFound,
			detail: "There is nothing at this path, and nothing was kept of the request. " +
				"Paths are case-sensitive and have no trailing slash; GET /v1 lists them.",
		}
	case fiber.StatusMethodNotAllowed:
		return &problem{
			kind: kindMethodNotAllowed,
			detail: "This path does not take this method, and nothing was kept of the request. " +
				"The Allow header names those it takes.",
		}
	case fiber.StatusRequestTimeout:
		return &problem{
			kind:   kindRequestTimeout,
			detail: "The request did not arrive in time and was dropped. Send it again, in one piece.",
		}
	case fiber.StatusRequestHeaderFieldsTooLarge:
		return &problem{
			kind: kindHeadersTooLarge,
			detail: "The request line and headers are larger than this server takes. " +
				"Nothing was kept; send fewer or shorter ones.",
		}
	case fiber.StatusBadRequest, fiber.StatusBadGateway:
		return &problem{
			kind:   kindBadRequest,
			detail: "This is no complete HTTP/1.1 request. Nothing was kept; send it again, in full.",
		}
	default:
		return internalProblem(err)
	}
}

func internalProblem(err error) *problem {
	return &problem{kind: kindInternal, cause: err, detail: "Something failed that should not have. " +
		"It is in the server's log under this request id; if it goes on, report it."}
}

// answerProblem writes a problem as the answer.
func (s *Server) answerProblem(c *fiber.Ctx, p *problem) error {
	k := kinds[p.kind]
	if wait := orDefault(p.retryAfter, k.retryAfter); wait > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(wait))
	}
	if p.kind == kindUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, orDefault(p.challenge, `Secret realm="webhookd", header="`+s.cfg.WebhookHeader+`"`))
	}
	if p.kind == kindKeyRefused {
		c.Set(fiber.HeaderWWWAuthenticate, keyScheme+` realm="webhookd"`)
	}
	if p.kind == kindTokenRefused {
		c.Set(fiber.HeaderWWWAuthenticate, tokenScheme+` realm="webhookd"`)
	}
	if p.kind == kindEncodingRefused {
		c.Set(fiber.HeaderAcceptEncoding, "identity")
	}
	if isPage(c) {
		return s.answerProblemPage(c, p, k.status)
	}
	if speaksNovu([]byte(c.Path())) {
		return s.answerNovu(c, p, k.status)
	}
	return answerJSON(c, k.status, "application/problem+json", problemJSON{
		Type:      "urn:webhookd:problem:" + string(p.kind),
		Title:     k.title,
		Status:    k.status,
		Detail:    p.detail,
		Instance:  "urn:webhookd:request:" + requestID(c),
		Code:      orDefault(p.code, string(p.kind)),
		Parameter: p.parameter,
		Allowed:   p.allowed,
		Errors:    errorsOf(p),
	})
}

// errorsOf gives what is wrong with a body; nil where nothing is.
func errorsOf(p *problem) any {
	switch {
	case len(p.problems) > 0:
		return p.problems
	case len(p.faults) > 0:
		return p.faults
	}
	return nil
}
