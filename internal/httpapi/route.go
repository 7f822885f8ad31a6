package httpapi

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

// route says what is where. Routes for GET take HEAD too.
func (s *Server) route() {
	s.app.Use(s.accompany)
	s.app.Get("/healthz", s.getHealth)
	s.app.Get("/readyz", s.getReadiness)

	s.app.Use(s.guardLocal)
	s.app.Get("/asyncapi.json", getAsyncAPI)
	s.app.Post("/v1/webhooks", s.postWebhook)
	s.app.Post("/v1/webhooks/:account", s.postAccountWebhook)

	s.app.Get("/", s.guardRead, s.getIndex)
	s.app.Get("/v1/calls", s.guardRead, s.getCalls)
	if s.cfg.Metrics != nil {
		s.app.Get("/metrics", s.guardRead, adaptor.HTTPHandler(s.cfg.Metrics))
	}
	s.app.Get("/v1/calls/:call_uuid", s.guardRead, s.getCall)
	s.app.Get("/v1/calls/:call_uuid/timeline", s.guardRead, s.getTimeline)
	s.app.Post("/v1/calls/:call_uuid/close", s.postClose)
	s.app.Get("/v1/dialogs/:dialog_uuid", s.guardRead, s.getDialog)
	s.app.Get("/v1/stats", s.guardRead, s.getStats)
	if s.cfg.Live != nil {
		s.app.Get("/v1/stream", s.guardRead, s.getStream)
		s.app.Get("/v1/stream/calls", s.guardRead, s.getCallStream)
	}
	if s.cfg.Triggers != nil {
		s.routeTriggers()
	}
}

// getIndex says what is where to people.
func (s *Server) getIndex(c *fiber.Ctx) error {
	routes := []string{
		"POST /v1/webhooks",
		"POST /v1/webhooks/{account}",
		"GET /v1/calls",
		"GET /v1/calls/{call_uuid}",
		"GET /v1/calls/{call_uuid}/timeline",
		"POST /v1/calls/{call_uuid}/close",
		"GET /v1/dialogs/{dialog_uuid}",
		"GET /v1/stats",
		"GET /asyncapi.json",
		"GET /healthz",
		"GET /readyz",
	}
	if s.cfg.Live != nil {
		routes = append(routes, streamRoutes...)
	}
	if s.cfg.Triggers != nil {
		routes = append(routes, triggerRoutes()...)
	}
	if s.cfg.Metrics != nil {
		routes = append(routes, "GET /metrics")
	}
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, struct {
		Name    string   `json:"name"`
		Version string   `json:"version"`
		Routes  []string `json:"routes"`
	}{"webhookd", s.cfg.Version, routes})
}
