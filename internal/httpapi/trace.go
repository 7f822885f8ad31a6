package httpapi

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/ingest"
	"webhookd/internal/tracing"
)

// submit hands a webhook to the intake. Its span begins with the request, but only here, where the sender is known:
// strangers shall not fill the collector. An error of it is a problem.
func (s *Server) submit(c *fiber.Ctx, account string, body []byte) (ingest.Answer, error) {
	ctx, cancel := s.requestContext()
	defer cancel()
	ctx, span := s.span(ctx, c, account)
	defer span.End(nil)
	answer, err := s.cfg.Intake.Submit(ctx, account, body)
	if err != nil {
		p := webhookProblem(err)
		span.Result(resultOf(p.kind), kinds[p.kind].status)
		return answer, p
	}
	span.Result(resultOfAnswer(answer), fiber.StatusOK)
	span.Call(answer.CallUUID)
	return answer, nil
}

// traced does what another request asks for that something is published of, under a span that begins with the request;
// by then the client must be known. result is what became of it, as the span tells it: never anything that the client
// wrote.
func (s *Server) traced(c *fiber.Ctx, account string, do func(ctx context.Context) (result string, err error)) error {
	ctx, cancel := s.requestContext()
	defer cancel()
	ctx, span := s.span(ctx, c, account)
	defer span.End(nil)
	result, err := do(ctx)
	if span == nil {
		return err
	}
	if err != nil {
		p := problemOf(err)
		span.Result(resultOf(p.kind), kinds[p.kind].status)
		return err
	}
	span.Result(result, c.Response().StatusCode())
	return nil
}

func (s *Server) span(ctx context.Context, c *fiber.Ctx, account string) (context.Context, *tracing.Span) {
	if s.cfg.Tracer == nil {
		return ctx, nil
	}
	return s.cfg.Tracer.Request(ctx, c.Get(tracing.Header), c.Context().Time(), c.Route().Path, account, requestID(c))
}
