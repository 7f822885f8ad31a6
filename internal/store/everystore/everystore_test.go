package everystore

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/store/sqlite"
)

// What no reader would take does not go by unseen, be it of a call or of a handler, sent or not.
func TestWhatWasPublishedIsLookedAt(t *testing.T) {
	t.Parallel()
	const id = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"
	for name, event := range map[string]flow.Event{
		"an id that is none":       {UUID: "x", Type: "call_started", Seq: 1, CreatedOn: 1},
		"a type that is not known": {UUID: id, Type: "call_begun", Seq: 1, CreatedOn: 1},
		"half a record":            {UUID: id, Type: "call_started", Seq: 1, CreatedOn: 1},
		"keys that are missing": {
			UUID: id, Type: "msg_created", CreatedOn: 1, Goflow: json.RawMessage(`{}`), Trigger: json.RawMessage(`{}`),
		},
	} {
		path := filepath.Join(t.TempDir(), "webhookd.db")
		emptyFile(t, path)
		open := func(ctx context.Context) (store.Store, error) { return sqlite.Open(ctx, sqlite.Config{Path: path}) }
		require.NoError(t, requireReadable(t.Context(), open), "there is nothing yet")
		st, err := open(t.Context())
		require.NoError(t, err)
		change := flow.Change{
			Account: "default", CallUUID: id, Events: []flow.Event{event}, Record: json.RawMessage(`{"call_uuid":"` + id + `"}`),
		}
		row := &store.OutboxRow{Change: change}
		err = st.Write(t.Context(), func(tx store.Tx) error {
			entry := &store.Entry{Account: "default", Origin: store.OriginPBX, EventName: "dialog_create", Body: []byte("{}")}
			err := tx.Append(t.Context(), []*store.Entry{entry})
			row.JournalID = entry.ID
			return errors.Join(err, tx.AppendOutbox(t.Context(), []*store.OutboxRow{row}))
		})
		require.NoError(t, err)
		require.NoError(t, st.Advance(t.Context(), row.ID, nil, nil))
		require.NoError(t, st.Close())
		require.ErrorContains(t, requireReadable(t.Context(), open), "no reader would take it", name)
	}
}
