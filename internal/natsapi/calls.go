package natsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"webhookd/internal/dialog"
	"webhookd/internal/natsbus"
	"webhookd/internal/store"
)

const (
	// maxMerges bounds how many merges are followed from one call to the next. Real chains have one or two.
	maxMerges   = 64
	defaultPage = 100
	maxPage     = 1000
)

var (
	errMergeLoop = errors.New("merged calls do not lead to an end")
	errNoRecord  = errors.New("call has no record")
)

// get answers calls.get: the record of a call, or of the one that it was merged into.
func (a *API) get(ctx context.Context, account string, data []byte) ([]byte, error) {
	var asked struct {
		Account  json.RawMessage `json:"account"`
		CallUUID string          `json:"call_uuid"`
	}
	if err := decode(data, &asked, true); err != nil {
		return nil, err
	}
	id, ok := dialog.ParseUUID(asked.CallUUID)
	if !ok {
		return nil, invalid("call_uuid is missing, or no UUID.")
	}
	for range maxMerges {
		call, err := a.cfg.Reader.Call(ctx, store.Key{Account: account, UUID: id})
		switch {
		case errors.Is(err, store.ErrNotFound):
			return nil, &natsbus.ServiceError{Code: 404, Description: "This account has no call with this UUID. If its first " +
				"webhook is not here yet, ask again."}
		case err != nil:
			return nil, fmt.Errorf("find call: %w", err)
		case call.MergedInto == "" && len(call.Record) == 0:
			return nil, fmt.Errorf("find call: %w: %s", errNoRecord, id)
		case call.MergedInto == "":
			return call.Record, nil
		}
		id = call.MergedInto
	}
	return nil, fmt.Errorf("find call: %w: %s", errMergeLoop, id)
}

// place is where a page goes on.
type place struct {
	StartedAt string `json:"started_at"`
	CallUUID  string `json:"call_uuid"`
}

// active answers calls.active: the open calls, the newest first, as many as fit into one message.
func (a *API) active(ctx context.Context, account string, data []byte) ([]byte, error) {
	asked := struct {
		Account json.RawMessage `json:"account"`
		Limit   int             `json:"limit"`
		After   *place          `json:"after"`
	}{Limit: defaultPage}
	if err := decode(data, &asked, true); err != nil {
		return nil, err
	}
	if asked.Limit < 1 || asked.Limit > maxPage {
		return nil, invalid(fmt.Sprintf("limit is a number from 1 to %d.", maxPage))
	}
	filter := store.CallFilter{Account: account, Open: true, Limit: asked.Limit + 1} // one more tells whether there is more
	if asked.After != nil {
		at, err := dialog.ParseTime(asked.After.StartedAt)
		id, ok := dialog.ParseUUID(asked.After.CallUUID)
		if err != nil || !ok {
			return nil, invalid("after is not what next was in an answer. Leave it out to begin with the newest call.")
		}
		filter.Before = &store.Cursor{StartedAt: at, CallUUID: id}
	}
	calls, err := a.cfg.Reader.Calls(ctx, filter)
	if err != nil {
		return nil, fmt.Errorf("list calls: %w", err)
	}
	return a.page(calls, asked.Limit)
}

// page writes calls until the limit, or until no more fit.
func (a *API) page(calls []store.Call, limit int) ([]byte, error) {
	const tail = 128 // what comes behind the calls
	room := 0
	if a.cfg.Room != nil {
		room = int(a.cfg.Room())
	}
	body := []byte(`{"calls":[`)
	taken := 0
	for i := range calls {
		if taken == limit || taken > 0 && room > 0 && len(body)+len(calls[i].Record)+tail > room {
			break
		}
		if taken > 0 {
			body = append(body, ',')
		}
		body = append(body, calls[i].Record...)
		taken++
	}
	next := []byte("null")
	if taken < len(calls) {
		last := calls[taken-1]
		var err error
		if next, err = json.Marshal(place{StartedAt: last.Index.StartedAt.String(), CallUUID: last.CallUUID}); err != nil {
			return nil, fmt.Errorf("list calls: %w", err)
		}
	}
	body = append(append(body, `],"next":`...), next...)
	return append(body, '}'), nil
}

// stats answers calls.stats. Every key but account is a parameter of GET /v1/stats; lists are given with commas.
func (a *API) stats(ctx context.Context, account string, data []byte) ([]byte, error) {
	asked := map[string]any{}
	if err := decode(data, &asked, false); err != nil {
		return nil, err
	}
	delete(asked, "account")
	query := url.Values{}
	for name, value := range asked {
		switch value := value.(type) {
		case string:
			query.Set(name, value)
		case float64, bool:
			query.Set(name, strings.TrimSpace(fmt.Sprint(value)))
		default:
			return nil, invalid("Every value in the request is a text, a number, true or false.")
		}
	}
	return a.cfg.Stats(ctx, account, query)
}
