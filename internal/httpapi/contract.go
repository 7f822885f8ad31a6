package httpapi

import (
	"github.com/gofiber/fiber/v2"

	"webhookd/internal/asyncapi"
)

// getAsyncAPI answers with the contract of what is on NATS. It is the same everywhere and shows nothing of anybody, so
// it asks for no secret.
func getAsyncAPI(c *fiber.Ctx) error { return answerBytes(c, asyncapi.Document()) }
