package httpapi

import (
	"crypto/sha256"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

// answerOfDoor is the answer to a webhook that was taken.
type answerOfDoor struct {
	Status     ingest.Result `json:"status"`
	JournalID  int64         `json:"journal_id,omitempty"`
	DialogUUID string        `json:"dialog_uuid,omitempty"`
	CallUUID   string        `json:"call_uuid,omitempty"`
	Spooled    bool          `json:"spooled,omitempty"` // the database is away; the spool has it
}

// postWebhook takes a webhook for the default account.
func (s *Server) postWebhook(c *fiber.Ctx) error { return s.takeWebhook(c, DefaultAccount) }

// postAccountWebhook takes a webhook for the account in the path.
func (s *Server) postAccountWebhook(c *fiber.Ctx) error { return s.takeWebhook(c, c.Params("account")) }

func (s *Server) takeWebhook(c *fiber.Ctx, account string) error {
	if err := s.checkSender(c, account); err != nil {
		return err
	}
	if !saneAccount.MatchString(account) {
		return &problem{kind: kindAccountNotFound, detail: "An account's name has 1 to 64 letters, digits, _ or -. " +
			"Nothing was kept of the request; correct the URL that the sender posts to."}
	}
	if err := s.spend(s.perAccount, account); err != nil {
		return err
	}
	// The Content-Type is not looked at: senders mislabel JSON, and the body says for itself whether it is any.
	body := c.BodyRaw()
	if compressed(c) {
		return s.refuseEncoding(account, body)
	}

	answer, err := s.submit(c, account, body)
	if err != nil {
		return err
	}
	c.Locals(resultKey, resultOfAnswer(answer))
	return answerJSON(c, fiber.StatusOK, fiber.MIMEApplicationJSON, answerOfDoor{
		Status:     answer.Result,
		JournalID:  answer.JournalID,
		DialogUUID: answer.DialogUUID,
		CallUUID:   answer.CallUUID,
		Spooled:    answer.Spooled,
	})
}

// refuseEncoding refuses a compressed body. A few bytes of it may hold megabytes, and none of the PBX's webhooks is
// compressed; but it is kept, as it is, so that nothing is lost to a proxy's setting.
func (s *Server) refuseEncoding(account string, body []byte) error {
	p := &problem{kind: kindEncodingRefused, detail: "Webhooks are taken as they are, not compressed. " +
		"Have the sender, or the proxy before this server, send them without Content-Encoding."}
	if s.cfg.Quarantine == nil {
		p.detail += " Nothing was kept of this one."
		return p
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	now := s.cfg.Now().UTC()
	if err := s.cfg.Quarantine.Quarantine(ctx, store.Refused{
		Account:    account,
		ReceivedAt: now,
		LastAt:     now,
		Count:      1,
		Code:       string(kindEncodingRefused),
		Reason:     "the body came with a Content-Encoding and is kept as it came",
		SHA256:     sha256.Sum256(body),
		Body:       body,
	}); err != nil {
		return webhookProblem(err)
	}
	p.detail += " This one is kept in quarantine as it came."
	return p
}

// limits says how large a body may be.
func (s *Server) limits() string {
	text := "A body may have up to " + strconv.Itoa(s.cfg.BodyLimit) + " bytes"
	if !s.open && s.cfg.BodyLimit > strangerBodyLimit {
		text += " (" + strconv.Itoa(strangerBodyLimit) + " without a valid secret)"
	}
	return text + "."
}
