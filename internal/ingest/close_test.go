package ingest_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestACallIsClosedByHand(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		key := store.Key{Account: account, UUID: callUUID}
		_, err := in.CloseCall(t.Context(), key)
		require.ErrorIs(t, err, store.ErrNotFound)

		bodies := webhooks(t, "outbound_answered")
		submit(t, in, account, bodies[:7]...) // the consultant's close is lost
		closed, err := in.CloseCall(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, 1, closed)
		record := readRecord(t, st, key)
		require.Equal(t, correlate.StateEnded, record.State)
		require.Equal(t, correlate.BasisManual, record.EndBasis)
		require.Equal(t, "2020-08-25T16:25:09Z", record.EndedAt.String())
		require.Equal(t, correlate.Word("external"), record.HangupBy) // its own HANGUP says so
		entries, err := st.Entries(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, store.OriginManual, entries[7].Origin)
		lines := published(t, st)[account+"/"+callUUID]
		require.Equal(t, "call_ended", lines[len(lines)-1])

		closed, err = in.CloseCall(t.Context(), key)
		require.NoError(t, err)
		require.Zero(t, closed, "it has ended")

		submit(t, in, account, bodies[7])
		require.Equal(t, correlate.BasisReported, readRecord(t, st, key).EndBasis)
		requireRecords(t, st, account, expected(t, "outbound_answered"))
	})
}

// A call that has ended is left alone, also one with an open leg that counts for nothing.
func TestAnEndedCallIsNotClosedByHand(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		in := start(t, st)
		submit(t, in, account, webhooks(t, "screenshare_leg")...)
		for id := range expected(t, "screenshare_leg") {
			closed, err := in.CloseCall(t.Context(), store.Key{Account: account, UUID: id})
			require.NoError(t, err)
			require.Zero(t, closed)
		}
		requireRecords(t, st, account, expected(t, "screenshare_leg"))
	})
}

func readRecord(t *testing.T, st store.Reader, key store.Key) flow.Record {
	t.Helper()
	row, err := st.Call(t.Context(), key)
	require.NoError(t, err)
	var record flow.Record
	require.NoError(t, json.Unmarshal(row.Record, &record))
	return record
}
