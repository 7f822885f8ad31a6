package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/flow"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

// apply commits one webhook by an engine of its own choice.
func apply(ctx context.Context, st store.Writer, engine *ingest.Engine, now time.Time, body []byte) error {
	w, err := dialog.Decode(body)
	if err != nil {
		return err
	}
	return st.Write(ctx, func(tx store.Tx) error {
		return engine.Apply(ctx, tx, now, []*ingest.Piece{ingest.NewPiece(account, now, &w, body)})
	})
}

func eventsOf(t *testing.T, st store.Store) []flow.Event {
	t.Helper()
	rows, err := st.Changes(t.Context(), store.Key{Account: account, UUID: callUUID})
	require.NoError(t, err)
	var events []flow.Event
	for _, row := range rows {
		events = append(events, row.Events...)
	}
	return events
}

// What an engine remembers of a Write that was rolled back, or of before somebody else wrote, would give wrong records
// and event ids. Whatever the turns, it comes out as if nothing was remembered.
func TestNothingOutdatedIsRemembered(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		one, two := newEngine(), newEngine()
		lost := errors.New("lost")
		fails := true
		rolledBack := faultyCommit{st, func() error {
			if fails = !fails; !fails {
				return lost
			}
			return nil
		}}
		bodies := webhooks(t, "outbound_answered")
		for i, body := range bodies {
			switch i % 5 {
			case 0, 1: // goes on with what it remembers
				require.NoError(t, apply(t.Context(), st, one, now, body))
			case 2: // somebody else
				require.NoError(t, apply(t.Context(), st, two, now, body))
			case 3: // back again
				require.NoError(t, apply(t.Context(), st, one, now, body))
			default: // fails, and is tried again
				require.ErrorIs(t, apply(t.Context(), rolledBack, one, now, body), lost)
				require.NoError(t, apply(t.Context(), rolledBack, one, now, body))
			}
		}
		requireRecords(t, st, account, expected(t, "outbound_answered"))

		seen := map[string]bool{}
		for i, event := range eventsOf(t, st) {
			require.EqualValues(t, i+1, event.Seq)
			require.False(t, seen[event.UUID], "event id given twice")
			seen[event.UUID] = true
		}
	})
}

// faultyCommit is a real store whose transactions are rolled back when fail says so, after all their work.
type faultyCommit struct {
	store.Writer
	fail func() error
}

func (f faultyCommit) Write(ctx context.Context, fn func(store.Tx) error) error {
	return f.Writer.Write(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return f.fail()
	})
}
