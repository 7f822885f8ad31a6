package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/store"
)

// legTries is how often a leg is looked for: between finding its call and reading that call's record a webhook may
// move it to another call.
const legTries = 3

func dialogNotFound() *problem {
	return &problem{kind: kindDialogNotFound, detail: "This account has no dialog with this UUID. If its first webhook is " +
		"not here yet, ask again; if the dialog is another account's, name it in the query parameter account."}
}

// getDialog answers with a leg as its call's record has it, and the UUID of that call.
func (s *Server) getDialog(c *fiber.Ctx) error {
	q, err := readQuery(c, "account")
	if err != nil {
		return err
	}
	account, err := accountOf(c, q)
	if err != nil {
		return err
	}
	id, ok := uuidParam(c, "dialog_uuid")
	if !ok {
		return dialogNotFound()
	}
	ctx, cancel := s.requestContext()
	defer cancel()
	for range legTries {
		leg, found, err := s.findLeg(ctx, store.Key{Account: account, UUID: id})
		if errors.Is(err, store.ErrNotFound) {
			return dialogNotFound()
		}
		if err != nil {
			return fmt.Errorf("find dialog: %w", err)
		}
		if found {
			return answerBytes(c, leg)
		}
	}
	return fmt.Errorf("find dialog: %w: %s", errLegNotInRecord, id)
}

var errLegNotInRecord = errors.New("record of its call lacks dialog")

// findLeg gives a leg's JSON; found is false if the record of its call does not have it (any more).
func (s *Server) findLeg(ctx context.Context, key store.Key) (leg []byte, found bool, err error) {
	kept, err := s.cfg.Reader.Dialog(ctx, key)
	if err != nil {
		return nil, false, err
	}
	call, err := s.lastOfMerged(ctx, store.Key{Account: key.Account, UUID: kept.CallUUID})
	if err != nil {
		return nil, false, err
	}
	return legOf(call, key.UUID)
}

// legOf cuts a leg out of its call's record and puts the call's UUID before its other fields.
func legOf(call store.Call, dialogUUID string) (leg []byte, found bool, err error) {
	var record struct {
		Legs []json.RawMessage `json:"legs"`
	}
	if err = json.Unmarshal(call.Record, &record); err != nil {
		return nil, false, fmt.Errorf("read record of %s: %w", call.CallUUID, err)
	}
	for _, leg = range record.Legs {
		var id struct {
			DialogUUID string `json:"dialog_uuid"`
		}
		if err = json.Unmarshal(leg, &id); err != nil {
			return nil, false, fmt.Errorf("read leg of %s: %w", call.CallUUID, err)
		}
		if id.DialogUUID == dialogUUID {
			fields := bytes.TrimPrefix(bytes.TrimSpace(leg), []byte("{"))
			return append([]byte(`{"call_uuid":"`+call.CallUUID+`",`), fields...), true, nil
		}
	}
	return nil, false, nil
}
