package httpapi

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

// route says what is where. Routes for GET take HEAD too.
func (s *Server) route() {
	s.app.Use(s.accompany)
	s.app.Use(s.refuseFraming)
	s.app.Get("/healthz", s.getHealth)
	s.app.Get("/readyz", s.getReadiness)

	s.app.Use(s.limitAddress)
	s.app.Use(s.guardLocal)
	s.app.Post("/v1/webhooks", s.postWebhook)
	s.app.Post("/v1/webhooks/:account", s.postAccountWebhook)
	if s.cfg.Triggers != nil {
		s.routeTriggers()
	}
	if !s.cfg.Public {
		s.routeInternal()
	}
}

// routeInternal says where that is which is for those who run the server and look at its calls.
func (s *Server) routeInternal() {
	s.app.Get("/asyncapi.json", getAsyncAPI)
	s.app.Get("/openapi.json", getOpenAPI)
	s.routePages()
	s.app.Get("/", s.getRoot, s.getBoardPage)
	s.app.Get("/v1", s.guardRead, s.getIndex)
	s.app.Get("/v1/calls", s.guardRead, s.getCalls)
	if s.cfg.Metrics != nil {
		s.app.Get("/metrics", s.guardEverything, adaptor.HTTPHandler(s.cfg.Metrics))
	}
	if s.cfg.Profiles != nil {
		s.app.Get("/debug/pprof/*", s.guardEverything, adaptor.HTTPHandler(s.cfg.Profiles))
	}
	s.app.Get("/v1/calls/:call_uuid", s.guardRead, s.getCall)
	s.app.Get("/v1/calls/:call_uuid/timeline", s.guardRead, s.getTimeline)
	s.app.Post("/v1/calls/:call_uuid/close", s.guardChange, s.postClose)
	s.app.Get("/v1/dialogs/:dialog_uuid", s.guardRead, s.getDialog)
	if s.cfg.Live != nil {
		s.app.Get("/v1/stream", s.guardRead, s.getStream)
		s.app.Get("/v1/stream/calls", s.guardRead, s.getCallStream)
	}
	if s.cfg.Refusals != nil {
		s.app.Get("/v1/quarantine", s.guardRead, s.getQuarantine)
		s.app.Get("/v1/quarantine/:id", s.guardRead, s.getRefused)
		s.app.Delete("/v1/quarantine/:id", s.guardChange, s.deleteRefused)
		s.app.Post("/v1/quarantine/:id/redrive", s.guardChange, s.postRedrive)
	}
	s.routeContacts()
	s.app.Get("/v1/stats", s.guardRead, s.getStats)
	if s.cfg.Triggers != nil {
		s.routeHandlers()
	}
}

// getRoot shows the first page to people, and says to programs what is where.
func (s *Server) getRoot(c *fiber.Ctx) error {
	c.Vary(fiber.HeaderAccept)
	if wantsHTML(c) {
		return s.guardPage(c) // the next route shows the page
	}
	if err := s.admit(c); err != nil {
		return err
	}
	return s.getIndex(c)
}

// getIndex says to programs what is where.
func (s *Server) getIndex(c *fiber.Ctx) error {
	routes := []string{
		"POST /v1/webhooks",
		"POST /v1/webhooks/{account}",
		"GET /v1/calls",
		"GET /v1/calls/{call_uuid}",
		"GET /v1/calls/{call_uuid}/timeline",
		"POST /v1/calls/{call_uuid}/close",
		"GET /v1/dialogs/{dialog_uuid}",
		"GET /v1",
		"GET /v1/stats",
		"GET /asyncapi.json",
		"GET /openapi.json",
		"GET /healthz",
		"GET /readyz",
	}
	if s.cfg.Live != nil {
		routes = append(routes, streamRoutes...)
	}
	if s.cfg.Refusals != nil {
		routes = append(routes, "GET /v1/quarantine", "GET /v1/quarantine/{id}", "POST /v1/quarantine/{id}/redrive",
			"DELETE /v1/quarantine/{id}")
	}
	if s.cfg.Persons != nil {
		routes = append(routes, "GET /v1/contacts/{number}", "DELETE /v1/contacts/{number}")
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
