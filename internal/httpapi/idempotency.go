package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strings"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/triggerapi"
)

const (
	headerIdempotencyKey      = "Idempotency-Key"
	headerIdempotencyReplayed = "Idempotency-Replayed"
	maxIdempotencyKey         = 255 // bytes
)

// onceOf gives what a request's Idempotency-Key asks for; nil where it has none. The key counts only together with the
// route and the body: there is a client that sends one key with all of its requests.
func onceOf(c *fiber.Ctx, body []byte, answer func([]triggerapi.Outcome) triggerapi.Answer) (*triggerapi.Once, error) {
	key := strings.TrimSpace(c.Get(headerIdempotencyKey))
	if key == "" {
		return nil, nil //nolint:nilnil // nothing is asked for
	}
	if len(key) > maxIdempotencyKey {
		return nil, &problem{kind: kindBodyInvalid, detail: "The Idempotency-Key has more than 255 bytes, and nothing was done. " +
			"Send a shorter one."}
	}
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(key), []byte(c.Method() + " " + c.Route().Path), body} {
		// The length before each part keeps them apart.
		_ = binary.Write(sum, binary.BigEndian, uint64(len(part))) // a hash takes everything
		_, _ = sum.Write(part)
	}
	return &triggerapi.Once{Key: [sha256.Size]byte(sum.Sum(nil)), Answer: answer}, nil
}

// created is the answer 201 with the data given.
func created(value any) triggerapi.Answer {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(data{value}); err != nil {
		return triggerapi.Answer{Status: fiber.StatusInternalServerError} // texts and booleans always encode
	}
	return triggerapi.Answer{Status: fiber.StatusCreated, Body: buf.Bytes()}
}

// answerEvents writes an answer.
func answerEvents(c *fiber.Ctx, answer triggerapi.Answer) error {
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(answer.Status).Send(answer.Body)
}

// answerAgain writes an answer that was given before.
func answerAgain(c *fiber.Ctx, kept *triggerapi.Answer) error {
	c.Set(headerIdempotencyReplayed, "true")
	return answerEvents(c, *kept)
}
