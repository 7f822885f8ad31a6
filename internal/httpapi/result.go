package httpapi

import (
	"bytes"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/ingest"
)

// What becomes of a request with a webhook, for metrics, beside the results of ingest.
const (
	resultSpooled      = "spooled"      // accepted, and in the spool
	resultRefused      = "refused"      // no webhook that can be processed, in quarantine
	resultUnauthorized = "unauthorized" // not from whom it should be
	resultLimited      = "limited"      // too many at once from there
	resultUnavailable  = "unavailable"  // to be sent again later
	resultUnfit        = "unfit"        // no request that could bring a webhook
	resultFailed       = "failed"       // a fault of this program
)

// WebhookResults are all of them.
func WebhookResults() []string {
	return []string{
		string(ingest.Accepted), string(ingest.Duplicate), string(ingest.Ignored), resultSpooled, resultRefused,
		resultUnauthorized, resultLimited, resultUnavailable, resultUnfit, resultFailed,
	}
}

const resultKey = "webhook_result"

// webhookPath is where webhooks go, and below it those of an account.
const webhookPath = "/v1/webhooks"

// webhookAccount gives the account that a request brings a webhook for; ok is false for every other request.
func webhookAccount(c *fiber.Ctx) (account string, ok bool) {
	path := c.Request().URI().Path()
	below, ok := bytes.CutPrefix(path, []byte(webhookPath))
	if !ok || len(below) > 0 && below[0] != '/' || !c.Request().Header.IsPost() {
		return "", false
	}
	return orDefault(string(bytes.TrimPrefix(below, []byte{'/'})), DefaultAccount), true
}

// countWebhook tells metrics of a webhook that was answered.
func (s *Server) countWebhook(c *fiber.Ctx, p *problem, took time.Duration) {
	if s.cfg.Answered == nil {
		return
	}
	account, ok := webhookAccount(c)
	if !ok {
		return
	}
	result, _ := c.Locals(resultKey).(string)
	if p != nil {
		result = resultOf(p.kind)
	}
	s.cfg.Answered(account, result, took)
}

// resultOfAnswer says what a webhook that was taken is to the counts.
func resultOfAnswer(answer ingest.Answer) string {
	if answer.Spooled {
		return resultSpooled
	}
	return string(answer.Result)
}

// resultOf says what a problem is to the counts.
func resultOf(k kind) string {
	switch {
	case k == kindWebhookRefused, k == kindBodyTooLarge, k == kindEncodingRefused:
		return resultRefused
	case k == kindTooMany, k == kindRateExceeded:
		return resultLimited
	case slices.Contains([]int{fiber.StatusUnauthorized, fiber.StatusForbidden}, kinds[k].status):
		return resultUnauthorized
	case kinds[k].status == fiber.StatusServiceUnavailable:
		return resultUnavailable
	case kinds[k].status >= fiber.StatusInternalServerError:
		return resultFailed
	}
	return resultUnfit
}
