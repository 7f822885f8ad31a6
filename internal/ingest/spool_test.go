package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/ingest"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

// While the database is away webhooks are taken all the same, and when it is back they are in the journal in their
// order, with the time of their arrival, and the records are those that they would have been.
func TestTheSpoolStandsInForTheDatabase(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := &awayable{Store: database.Open(t)}
		in := startSpooling(t, st, t.TempDir(), nil)
		bodies := webhooks(t, "outbound_answered")
		submit(t, in.Ingest, account, bodies[:3]...)
		require.False(t, in.CatchingUp())

		st.gone.Store(true)
		before := time.Now()
		for _, body := range bodies[3:] {
			requireSpooled(t, in, account, body)
		}
		family := []byte(`{"event_name":"contact_created"}`)
		requireSpooled(t, in, account, family)
		requireSpooled(t, in, account, bodies[0]) // known already, which nobody can look up now
		after := time.Now()
		stats := in.Stats()
		require.EqualValues(t, len(bodies)-3+2, stats.Spool.Records)
		require.WithinRange(t, stats.Spool.Oldest, before.Add(-time.Millisecond), after)
		require.WithinRange(t, stats.AwaySince, before.Add(-time.Millisecond), after)
		require.True(t, in.CatchingUp())

		st.gone.Store(false)
		in.awaitDrained(t)
		require.True(t, in.CatchingUp(), "others may not have drained theirs")
		requireRecords(t, st, account, expected(t, "outbound_answered"))
		var want []string
		for _, body := range bodies {
			want = append(want, string(body))
		}
		require.Equal(t, append(want, string(family)), journalled(t, st))
		entries, err := st.Journal(t.Context(), 3, 100)
		require.NoError(t, err)
		last := before.Add(-time.Millisecond)
		for _, entry := range entries {
			require.WithinRange(t, entry.ReceivedAt, last, after)
			last = entry.ReceivedAt
		}
		published(t, st)
		require.EqualValues(t, len(bodies)-1, in.Stats().Spool.Drained)

		answer, err := in.Submit(t.Context(), account, numbered(1))
		require.NoError(t, err)
		require.False(t, answer.Spooled)
		require.NotZero(t, answer.JournalID)
	})
}

// What is refused is refused also while the database is away, and gets into quarantine by way of the spool.
func TestRefusedBodiesAreSpooledToo(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := &awayable{Store: database.Open(t)}
		in := startSpooling(t, st, t.TempDir(), nil)
		st.gone.Store(true)
		bad := []byte("no JSON \x00\xff")
		before := time.Now().Add(-time.Millisecond)
		for range 2 {
			_, err := in.Submit(t.Context(), account, bad)
			var refused *ingest.RefusedError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "malformed_json", refused.Code)
		}
		require.NoError(t, in.Quarantine(t.Context(), store.Refused{
			Account: "acme", ReceivedAt: time.Now(), Code: "content_encoding_unsupported", Reason: "compressed", Body: []byte("\x1f\x8b"),
		}))
		after := time.Now()
		requireSpooled(t, in, account, numbered(1))
		require.EqualValues(t, 4, in.Stats().Spool.Records)

		st.gone.Store(false)
		in.awaitDrained(t)
		kept, err := st.Quarantined(t.Context(), account, 10)
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Equal(t, bad, kept[0].Body)
		require.Equal(t, "malformed_json", kept[0].Code)
		require.NotEmpty(t, kept[0].Reason)
		require.Equal(t, 2, kept[0].Count)
		require.WithinRange(t, kept[0].ReceivedAt, before, after)
		kept, err = st.Quarantined(t.Context(), "acme", 10)
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Equal(t, "content_encoding_unsupported", kept[0].Code)
		require.Equal(t, []string{string(numbered(1))}, journalled(t, st))
	})
}

// New webhooks do not wait until the spool is drained.
func TestNewWebhooksAreCommittedWhileTheSpoolDrains(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		dir := t.TempDir()
		const count = 1000
		var bodies [][]byte
		var want []string
		for n := range count {
			bodies = append(bodies, numbered(n))
			want = append(want, string(numbered(n)))
		}
		fill(t, dir, time.Now().Add(-time.Hour), bodies...)
		in := startSpooling(t, st, dir, func(cfg *ingest.Config) { cfg.CommitTimeout = patience })
		beside := 0
		for n := count; in.Stats().Spool.Records > 0; n++ {
			answer, err := in.Submit(t.Context(), "acme", numbered(n))
			require.NoError(t, err)
			require.False(t, answer.Spooled)
			if in.Stats().Spool.Records > 0 {
				beside++
			}
		}
		require.Positive(t, beside)
		in.awaitDrained(t)
		var drained []string
		for _, body := range journalled(t, st) {
			if bytes.Compare([]byte(body), numbered(count)) < 0 {
				drained = append(drained, body)
			}
		}
		require.Equal(t, want, drained, "the spool drains in order")
	})
}

// A webhook that arrived before what is known already fills in the past; what was heard last stays.
func TestAnOldWebhookFromTheSpoolTurnsNoClockBack(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		bodies := webhooks(t, "outbound_answered")
		key := store.Key{Account: account, UUID: callUUID}
		first := startSpooling(t, st, t.TempDir(), nil)
		submit(t, first.Ingest, account, bodies[4:]...)
		before, err := st.Call(t.Context(), key)
		require.NoError(t, err)
		first.stop()

		dir := t.TempDir()
		fill(t, dir, before.HeardAt.Add(-time.Hour), bodies[:4]...)
		second := startSpooling(t, st, dir, nil)
		second.awaitDrained(t)
		call, err := st.Call(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, before.HeardAt, call.HeardAt)
		require.Equal(t, before.UpdatedAt, call.UpdatedAt)
		require.Greater(t, call.Seq, before.Seq)
		requireRecords(t, st, account, expected(t, "outbound_answered"))
	})
}

// A commit whose outcome nobody knows is tried again from the spool, and changes nothing if it was one.
func TestACommitOfUnknownOutcomeIsHarmless(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := &awayable{Store: database.Open(t)}
		in := startSpooling(t, st, t.TempDir(), nil)
		bodies := webhooks(t, "outbound_answered")
		st.unsure.Store(true)
		for _, body := range bodies {
			requireSpooled(t, in, account, body)
		}
		st.unsure.Store(false)
		in.awaitDrained(t)
		requireRecords(t, st, account, expected(t, "outbound_answered"))
		require.Len(t, journalled(t, st), len(bodies))
		published(t, st)
	})
}

// Poison in the spool is set apart; a record that the database never answers to is, too, after some tries.
func TestPoisonInTheSpoolIsSetApart(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		dir := t.TempDir()
		const count = 40
		var bodies [][]byte
		for n := range count {
			bodies = append(bodies, numbered(n))
		}
		bodies = append(bodies, []byte("a body that an earlier version could read"))
		fill(t, dir, time.Now(), bodies...)
		var tries atomic.Int32
		in := startSpooling(t, faulty{st, func(id string) error {
			switch id {
			case dialogOf(7):
				panic("a bug")
			case dialogOf(11):
				return fmt.Errorf("write legs: %w", store.ErrRefused)
			case dialogOf(23):
				tries.Add(1)
				return fmt.Errorf("write legs: %w: it takes for ever", store.ErrUnavailable)
			}
			return nil
		}}, dir, nil)
		in.awaitDrained(t)
		require.GreaterOrEqual(t, tries.Load(), int32(5))
		kept, err := st.Quarantined(t.Context(), account, 10)
		require.NoError(t, err)
		var codes []string
		for _, refused := range kept {
			codes = append(codes, refused.Code)
		}
		require.ElementsMatch(t, []string{ingest.CodeUnprocessable, ingest.CodeUnprocessable, ingest.CodeUnprocessable, "malformed_json"}, codes)
		require.Len(t, journalled(t, st), count-3)
		calls, err := st.Calls(t.Context(), store.CallFilter{Account: account, Limit: 100})
		require.NoError(t, err)
		require.Len(t, calls, count-3)
	})
}

func TestAFullSpoolIsSaid(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := &awayable{Store: database.Open(t)}
		dir := t.TempDir()
		opened, err := spool.Open(spool.Config{Dir: dir, Limit: 10 << 10})
		require.NoError(t, err)
		in := startWith(t, st, dir, opened, nil)
		st.gone.Store(true)
		var kept []string
		for n := 0; ; n++ {
			_, err := in.Submit(t.Context(), account, numbered(n))
			if err != nil {
				require.ErrorIs(t, err, store.ErrUnavailable)
				require.ErrorIs(t, err, spool.ErrFull)
				break
			}
			kept = append(kept, string(numbered(n)))
		}
		_, err = in.Submit(t.Context(), account, bytes.Repeat([]byte("no webhook"), 100))
		require.ErrorIs(t, err, store.ErrUnavailable, "a refused body that cannot be kept is not answered 400")
		st.gone.Store(false)
		in.awaitDrained(t)
		require.Equal(t, kept, journalled(t, st), "what was acknowledged, no more and no less")
		_, err = in.Submit(t.Context(), account, numbered(99999))
		require.NoError(t, err)
	})
}

// What a stop, or a kill, leaves in the spool drains at the next start, also if the database is not ready then.
func TestTheNextStartDrainsTheSpool(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := &awayable{Store: database.Open(t)}
		dir := t.TempDir()
		first := startSpooling(t, st, dir, nil)
		st.gone.Store(true)
		bodies := webhooks(t, "outbound_answered")
		for _, body := range bodies[:4] {
			requireSpooled(t, first, account, body)
		}
		first.stop()
		_, err := first.Submit(t.Context(), account, bodies[4])
		require.ErrorIs(t, err, ingest.ErrStopping)
		st.gone.Store(false)

		var ready atomic.Bool
		second := startSpooling(t, st, dir, func(cfg *ingest.Config) {
			cfg.Away = true
			cfg.Ready = func(context.Context) error {
				if !ready.Load() {
					return fmt.Errorf("%w: %w", store.ErrUnavailable, errNotYet)
				}
				return nil
			}
		})
		for _, body := range bodies[4:] {
			requireSpooled(t, second, account, body) // the database would take it, but its schema may be an old one
		}
		empty, err := st.Empty(t.Context())
		require.NoError(t, err)
		require.True(t, empty)
		ready.Store(true)
		second.awaitDrained(t)
		requireRecords(t, st, account, expected(t, "outbound_answered"))
	})
}

// A stop in the middle of draining, while webhooks come: nothing is lost and nothing hangs.
func TestAStopInTheMiddleOfDraining(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		dir := t.TempDir()
		const count = 600
		var bodies [][]byte
		for n := range count {
			bodies = append(bodies, numbered(n))
		}
		fill(t, dir, time.Now(), bodies...)
		for range 3 {
			in := startSpooling(t, st, dir, nil)
			var senders sync.WaitGroup
			senders.Go(func() { _, _ = in.Submit(context.Background(), "acme", numbered(count)) })
			senders.Wait()
			in.stop()
		}
		startSpooling(t, st, dir, nil).awaitDrained(t)
		require.Len(t, journalled(t, st), count+1)
		published := 0
		for _, row := range outbox(t, st) {
			published += len(row.Events)
		}
		require.Positive(t, published)
	})
}

func outbox(t *testing.T, st store.Outbox) []store.OutboxRow {
	t.Helper()
	rows, err := st.Unsent(t.Context(), 0, 10000)
	require.NoError(t, err)
	return rows
}
