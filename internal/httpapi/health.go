package httpapi

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"
)

// readyTime is how long the dependencies may take to answer; those who ask have short time-outs of their own.
const readyTime = 3 * time.Second

// getHealth says that the process is alive, and nothing else: restarting it mends no dependency.
func (s *Server) getHealth(c *fiber.Ctx) error {
	return answerBytes(c, []byte(`{"status":"ok"}`+"\n"))
}

// getReadiness says whether everything is there that webhookd needs. Without an optional dependency it is degraded, and
// the status stays 200: a load balancer must not take an instance away that can keep webhooks.
func (s *Server) getReadiness(c *fiber.Ctx) error {
	answer := struct {
		Status       string            `json:"status"`
		Dependencies map[string]string `json:"dependencies"`
	}{"ready", map[string]string{}}
	status := fiber.StatusOK
	if s.cfg.Ready != nil {
		ctx, cancel := context.WithTimeout(s.base, readyTime)
		defer cancel()
		for _, dependency := range s.cfg.Ready(ctx) {
			answer.Dependencies[dependency.Name] = orDefault(dependency.Missing, "ok")
			switch {
			case dependency.Missing == "":
			case !dependency.Optional:
				answer.Status, status = "not_ready", fiber.StatusServiceUnavailable
			case status == fiber.StatusOK:
				answer.Status = "degraded"
			}
		}
	}
	return answerJSON(c, status, fiber.MIMEApplicationJSON, answer)
}
