package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
	"webhookd/internal/pbxapi"
	"webhookd/internal/pbxapi/pbxtest"
	"webhookd/internal/reconcile"
	"webhookd/internal/retention"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func at(t *testing.T, text string) dialog.Time {
	t.Helper()
	parsed, err := dialog.ParseTime(text)
	require.NoError(t, err)
	return parsed
}

// day is a day of history: calls from outside, one an hour, each with a consultant's side that nothing links.
func day() []pbxtest.Record {
	var records []pbxtest.Record
	for hour := range 24 {
		of := func(minute int) string { return fmt.Sprintf("2020-08-20 %02d:%02d:00", hour, minute) }
		records = append(records, pbxtest.Record{
			"dialog_uuid": leg(2*hour + 1), "dialog_type": "CONSULTANT", "business_direction": "INBOUND",
			"start_time": of(1), "serve_time": of(2), "hangup_time": of(7), "business_end_cause": "DIALOG_LEFT",
		}, pbxtest.Record{
			"dialog_uuid": leg(2 * hour), "dialog_type": "EXTERNAL", "business_direction": "INBOUND",
			"from_display_target": "48501502503", "start_time": of(0), "answer_time": of(0), "serve_time": of(2),
			"hangup_time": of(7), "business_end_cause": "HANGUP",
		})
	}
	return records
}

func history(t *testing.T) reconcile.History {
	t.Helper()
	return reconcile.History{Account: account, From: at(t, "2020-08-20 00:00:00"), To: at(t, "2020-08-21 00:00:00")}
}

// History comes in without a word to anybody, once however often it is imported, and stays when the journal is read anew.
func TestHistoryIsImportedOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(day()...)
		b.pbx.Put(pbxtest.Record{
			"dialog_uuid": leg(99), "dialog_type": "EXTERNAL", "business_direction": "INBOUND", "start_time": "2020-08-20 23:59:59",
		})
		want := reconcile.HistorySum{
			Records: 49, Open: 1, Reconciled: ingest.Reconciled{Taken: 24, New: 24, Unplaced: 24},
		}
		work := history(t)
		work.DryRun = true
		sum, err := b.reconciler.Backfill(t.Context(), work)
		require.NoError(t, err)
		require.Equal(t, want, sum)
		calls, err := b.st.Calls(t.Context(), store.CallFilter{Account: account})
		require.NoError(t, err)
		require.Empty(t, calls)

		sum, err = b.reconciler.Backfill(t.Context(), history(t))
		require.NoError(t, err)
		require.Equal(t, want, sum)
		calls, err = b.st.Calls(t.Context(), store.CallFilter{Account: account})
		require.NoError(t, err)
		require.Len(t, calls, 24)
		record := b.call(t, leg(0))
		require.Equal(t, correlate.DispositionAnswered, record.Disposition)
		require.Equal(t, correlate.BasisReconciled, record.EndBasis)
		require.EqualValues(t, 300_000, *record.TalkMS)
		require.Equal(t, 1, record.Revision)
		require.Empty(t, b.events(t, leg(0)))
		rows, err := b.st.Unsent(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Empty(t, rows)
		_, ok, err := b.st.NextDue(t.Context())
		require.NoError(t, err)
		require.False(t, ok)
		b.requireRebuilt(t)

		sum, err = b.reconciler.Backfill(t.Context(), history(t))
		require.NoError(t, err)
		require.Equal(t, reconcile.HistorySum{
			Records: 49, Open: 1, Reconciled: ingest.Reconciled{Known: 24, Unplaced: 24},
		}, sum)
		calls, err = b.st.Calls(t.Context(), store.CallFilter{Account: account})
		require.NoError(t, err)
		require.Len(t, calls, 24)
	})
}

// An import that was cut off goes on where it was.
func TestAnImportGoesOnWhereItWasCutOff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(day()...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		work := history(t)
		work.Progress = func(reached dialog.Time, _ reconcile.HistorySum) {
			if reached == at(t, "2020-08-20 10:00:00") {
				cancel()
			}
		}
		_, err := b.reconciler.Backfill(ctx, work)
		require.ErrorIs(t, err, context.Canceled)
		before := len(b.pbx.Requests())
		sum, err := b.reconciler.Backfill(t.Context(), history(t))
		require.NoError(t, err)
		require.True(t, sum.Resumed)
		require.Equal(t, 14, sum.Taken)
		require.Len(t, b.pbx.Requests(), before+2*14)
		state, err := b.st.Backfill(t.Context(), store.Backfill{Account: account, From: work.From, To: work.To})
		require.NoError(t, err)
		require.Equal(t, work.To, state.Reached)
		require.EqualValues(t, 48, state.Records)
		require.EqualValues(t, 24, state.Taken)
	})
}

// Whatever a page may hold, all of history comes, while records are added to it, too.
func TestAllOfHistoryComesHoweverSmallThePages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Most(10)
		records := make([]pbxtest.Record, 75)
		for n := range records {
			records[n] = pbxtest.Record{
				"dialog_uuid": leg(n), "dialog_type": "EXTERNAL", "business_direction": "INBOUND", "business_end_cause": "HANGUP",
				"start_time": "2020-08-20 08:30:00", "hangup_time": "2020-08-20 08:31:00",
			}
		}
		b.pbx.Put(records[1:]...)
		b.pbx.Before(func(request int) {
			if request == 12 {
				b.pbx.PutFirst(records[0])
			}
		})
		sum, err := b.reconciler.Backfill(t.Context(), history(t))
		require.NoError(t, err)
		require.Equal(t, reconcile.HistorySum{Records: 75, Reconciled: ingest.Reconciled{Taken: 75, New: 75}}, sum)
	})
}

// With Publish what is imported is told like anything else.
func TestHistoryIsPublishedWhereThatIsAskedFor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(day()[:4]...)
		work := history(t)
		work.Publish = true
		_, err := b.reconciler.Backfill(t.Context(), work)
		require.NoError(t, err)
		require.Contains(t, b.events(t, leg(0)), "call_ended")
		b.requireRebuilt(t)
	})
}

// Calls that webhookd knows are repaired by history, and that is told; a webhook that comes after history is, too.
func TestHistoryAndWebhooksMeet(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(documented()...)
		work := history(t)
		work.From, work.To = at(t, "2020-08-25 16:00:00"), at(t, "2020-08-25 17:00:00")
		b.take(t, webhooks(t)[:6]...)
		sum, err := b.reconciler.Backfill(t.Context(), work)
		require.NoError(t, err)
		require.Equal(t, ingest.Reconciled{Taken: 2}, sum.Reconciled)
		require.JSONEq(t, theDocumentedCall(t, correlate.BasisReconciled), shown(b.call(t, callUUID)))
		require.Contains(t, b.events(t, callUUID), "call_ended")
		b.requireRebuilt(t)
	})
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(documented()...)
		work := history(t)
		work.From, work.To = at(t, "2020-08-25 16:00:00"), at(t, "2020-08-25 17:00:00")
		_, err := b.reconciler.Backfill(t.Context(), work)
		require.NoError(t, err)
		require.Empty(t, b.events(t, customer))
		b.take(t, webhooks(t)...)
		require.Equal(t, correlate.BasisReported, b.call(t, callUUID).EndBasis)
		require.Contains(t, b.events(t, callUUID), "call_merged", "the customer's side was a call of its own")
		require.Contains(t, b.events(t, callUUID), "call_ended")
		b.requireRebuilt(t)
	})
}

func TestWhatCannotBeImportedIsTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		work := history(t)
		work.Account = "other"
		_, err := b.reconciler.Backfill(t.Context(), work)
		require.ErrorIs(t, err, reconcile.ErrNoPBX)
		b.pbx.Always(pbxtest.Status(403))
		_, err = b.reconciler.Backfill(t.Context(), history(t))
		var told *pbxapi.Error
		require.ErrorAs(t, err, &told)
		require.Len(t, b.pbx.Requests(), 1, "a key that is not good does not get better")
		b.pbx.Always(nil)
		b.pbx.Put(day()...)
		b.pbx.Next(pbxtest.Status(500)) // once
		sum, err := b.reconciler.Backfill(t.Context(), history(t))
		require.NoError(t, err)
		require.Equal(t, 24, sum.Taken)
	})
}

// A webhook that comes after history of the same dialog makes a revision of it.
func TestAWebhookAfterHistoryIsARevision(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(day()...)
		_, err := b.reconciler.Backfill(t.Context(), history(t))
		require.NoError(t, err)
		b.take(t, fmt.Appendf(nil,
			`{"event_name":"dialog_close","dialog_uuid":%q,"event_time":"2020-08-20 00:06:00","close_cause":"DIALOG_LEFT"}`, leg(0)))
		record := b.call(t, leg(0))
		require.Equal(t, 2, record.Revision)
		require.Equal(t, correlate.BasisReported, record.EndBasis)
		require.Equal(t, "2020-08-20T00:06:00Z", record.EndedAt.String())
		require.Equal(t, []string{"call_settled"}, b.events(t, leg(0)))
		b.requireRebuilt(t)
	})
}

// What retention removed is left out of an import, and counted as that; nothing is kept of it, however often it is told.
func TestWhatWasRemovedIsNotImportedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(day()...)
		_, err := b.reconciler.Backfill(t.Context(), history(t))
		require.NoError(t, err)
		pass := retention.NewPass(retention.Policy{Default: retention.Limits{Calls: 24 * time.Hour}}, "", false)
		for more := true; more; {
			require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) (err error) {
				_, more, err = pass.Batch(t.Context(), tx, b.Now())
				return err
			}))
		}
		b.pbx.Put(pbxtest.Record{
			"dialog_uuid": leg(90), "dialog_type": "EXTERNAL", "start_time": "2020-08-20 00:01:00", "hangup_time": "2020-08-20 00:02:00",
			"initial_application_info": map[string]any{"data": map[string]any{"caller_dialog_uuid": leg(0)}},
		})
		for range 2 {
			sum, err := b.reconciler.Backfill(t.Context(), history(t))
			require.NoError(t, err)
			require.Equal(t, reconcile.HistorySum{
				Records: 49, Reconciled: ingest.Reconciled{Unplaced: 24, Removed: 25},
			}, sum)
		}
		entries, err := b.st.Journal(t.Context(), 0, 100)
		require.NoError(t, err)
		require.Empty(t, entries)
	})
}
