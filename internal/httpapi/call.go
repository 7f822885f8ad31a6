package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// maxMerges bounds how many merges are followed from one call to the next. Real chains have one or two.
const maxMerges = 64

var errMergeLoop = errors.New("merged calls do not lead to an end")

func callNotFound() *problem {
	return &problem{kind: kindCallNotFound, detail: "This account has no call with this UUID. If its first webhook is not " +
		"here yet, ask again; if the call is another account's, name it in the query parameter account."}
}

// getCall answers with one call's record as it is stored.
func (s *Server) getCall(c *fiber.Ctx) error {
	call, ok, err := s.findCall(c, "")
	if err != nil || !ok {
		return err
	}
	return answerBytes(c, call.Record)
}

// findCall finds the call that the path names. Where that was merged into another, it answers the request with a
// redirect to the other one (and then to suffix below it), and ok is false.
func (s *Server) findCall(c *fiber.Ctx, suffix string) (call store.Call, ok bool, err error) {
	return s.findCallAt(c, "/v1/calls/", suffix)
}

// findCallAt is findCall for a path that begins with prefix.
func (s *Server) findCallAt(c *fiber.Ctx, prefix, suffix string) (call store.Call, ok bool, err error) {
	q, err := readQuery(c, "account")
	if err != nil {
		return call, false, err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return call, false, err
	}
	id, ok := uuidParam(c, "call_uuid")
	if !ok {
		return call, false, callNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	call, err = s.lastOfMerged(ctx, store.Key{Account: account, UUID: id})
	if errors.Is(err, store.ErrNotFound) {
		return call, false, callNotFound()
	}
	if err != nil {
		return call, false, fmt.Errorf("find call: %w", err)
	}
	if call.CallUUID == id {
		return call, true, nil
	}

	location := prefix + call.CallUUID + suffix
	if _, named := q["account"]; named {
		location += "?account=" + url.QueryEscape(account)
	}
	c.Set(fiber.HeaderLocation, location)
	return call, false, answerJSON(c, fiber.StatusPermanentRedirect, fiber.MIMEApplicationJSON, struct {
		Status   string `json:"status"`
		CallUUID string `json:"call_uuid"`
	}{"merged", call.CallUUID})
}

// lastOfMerged gives the call itself, or the one that it was merged into in the end. It returns store.ErrNotFound.
func (s *Server) lastOfMerged(ctx context.Context, key store.Key) (store.Call, error) {
	for range maxMerges {
		call, err := s.cfg.Reader.Call(ctx, key)
		if err != nil {
			return store.Call{}, err
		}
		if call.MergedInto == "" {
			if len(call.Record) == 0 {
				return store.Call{}, fmt.Errorf("%w: %s", errNoRecord, call.CallUUID)
			}
			return call, nil
		}
		key.UUID = call.MergedInto
	}
	return store.Call{}, fmt.Errorf("%w: %s", errMergeLoop, key.UUID)
}

// uuidOfQuery reads a UUID from the query.
func uuidOfQuery(c *fiber.Ctx, name string) (string, bool) { return dialog.ParseUUID(c.Query(name)) }

// uuidParam reads a UUID from the path.
func uuidParam(c *fiber.Ctx, name string) (string, bool) {
	text, err := url.PathUnescape(c.Params(name))
	if err != nil {
		return "", false
	}
	return dialog.ParseUUID(text)
}
