package relay

import (
	"context"
	"encoding/json"
	"errors"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
	"webhookd/internal/store"
)

// showing is what the bucket is to show under one key after one outbox row.
type showing struct {
	key    string
	row    int64
	record json.RawMessage // nil: the key is removed
}

// put begins to show the record; what it returns waits until it is shown. A record that never fits is left out: the key
// goes on showing an older state, which is better than holding up all the calls.
func (s showing) put(r *Relay) (wait func(ctx context.Context) error) {
	answer := r.bus.PutCall(s.key, s.record)
	return func(ctx context.Context) error {
		err := answer(ctx)
		if errors.Is(err, natsbus.ErrTooLarge) {
			r.log.Error("call record too large for the bucket", "key", s.key, "outbox_id", s.row)
			return nil
		}
		return err
	}
}

// show says what a row does to the bucket: the calls that were merged into this one go, and the call itself is shown
// until it is settled, which is when an ended call has a revision. A settled call that is reopened is shown again; one
// that only got a later revision is not. What a handler published changes no call, and tells of it as it was when the
// trigger was made or fired. An erasure changes the record of a call without an event.
func show(row *store.OutboxRow) []showing {
	if row.JournalID == 0 && len(row.Events) > 0 {
		return nil // of a handler
	}
	var shows []showing
	for i := range row.Events {
		if from := row.Events[i].From; from != "" {
			shows = append(shows, showing{key: flow.BucketKey(row.Account, from), row: row.ID})
		}
	}
	state, revision, ok := flow.Standing(row.Record)
	if !ok {
		return shows // nothing that could be shown
	}
	own := showing{key: flow.BucketKey(row.Account, row.CallUUID), row: row.ID}
	if state != correlate.StateEnded || revision == 0 {
		own.record = row.Record
	}
	return append(shows, own)
}
