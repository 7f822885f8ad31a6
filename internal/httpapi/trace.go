package httpapi

import (
	"github.com/gofiber/fiber/v2"

	"webhookd/internal/ingest"
	"webhookd/internal/tracing"
)

// submit hands a webhook to the intake. Its span begins with the request, but only here, where the sender is known:
// strangers shall not fill the collector. An error of it is a problem.
func (s *Server) submit(c *fiber.Ctx, account string, body []byte) (ingest.Answer, error) {
	ctx, cancel := s.requestContext()
	defer cancel()
	var span *tracing.Span
	if s.cfg.Tracer != nil {
		ctx, span = s.cfg.Tracer.Webhook(ctx, c.Get(tracing.Header), c.Context().Time(), c.Route().Path, account, requestID(c))
		defer span.End(nil)
	}
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
