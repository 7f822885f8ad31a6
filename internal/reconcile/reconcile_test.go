package reconcile_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/pbxapi/pbxtest"
	"webhookd/internal/reconcile"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func reconciled(r flow.Record) bool { return r.EndBasis == correlate.BasisReconciled }

// A call whose hang-up was lost is closed for its silence, asked about, and is then what it would have been. What changed
// is told with a new revision, counts in statistics, and comes out of the journal again.
func TestAReapedCallIsRepaired(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		others := elsewhere(1200)
		b.pbx.Put(slices.Concat(others[:600], documented(), others[600:])...)
		b.runner = b.start(t, b.st, b.engine, b.reconciler)
		b.take(t, webhooks(t)[:6]...)
		b.pass(t, 4*time.Hour) // reaped
		require.Equal(t, correlate.BasisTimeout, b.call(t, callUUID).EndBasis)
		b.pass(t, 10*time.Second) // settled
		require.Equal(t, 1, b.call(t, callUUID).Revision)
		require.Empty(t, b.pbx.Requests(), "the sweep found it ended")
		b.pass(t, 2*time.Minute)
		record := b.eventually(t, reconciled)
		require.JSONEq(t, theDocumentedCall(t, correlate.BasisReconciled), shown(record))
		require.Equal(t, 3, record.Revision, "one for each leg")
		events := b.events(t, callUUID)
		require.Equal(t, []string{"call_settled", "call_settled"}, events[len(events)-2:])
		require.Equal(t, 1, count(events, "call_ended"), "it ended once")

		require.Len(t, b.pbx.Requests(), 4, "1202 records are three pages, and then there are no more")
		entries, err := b.st.Entries(t.Context(), store.Key{Account: account, UUID: callUUID})
		require.NoError(t, err)
		last := entries[len(entries)-1]
		require.Equal(t, store.OriginReconciled, last.Origin)
		require.Equal(t, "cdr_dialog", last.EventName)
		require.Contains(t, string(last.Body), `"waiting_time":14000`, "the record is kept as it came")
		require.Equal(t, reconcile.Stats{Asked: 1, Changed: 1, Records: 2, Answered: 1}, b.reconciler.Stats()[account])
		questions := b.questions(t)
		require.Len(t, questions, 1)
		require.Equal(t, store.QuestionChanged, questions[0].Outcome)
		b.requireRebuilt(t)
		require.Equal(t, []int64{8}, talkSeconds(t, b))

		// What the PBX tells late all the same is believed before its record.
		b.take(t, webhooks(t)[6:]...)
		require.JSONEq(t, theDocumentedCall(t, correlate.BasisReported), shown(b.call(t, callUUID)))
		b.requireRebuilt(t)
	})
}

// talkSeconds gives what statistics know of the call's talk, in seconds.
func talkSeconds(t *testing.T, b *bundle) []int64 {
	t.Helper()
	var talks []int64
	require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error {
		facts, err := tx.FactsOf(t.Context(), []store.Key{{Account: account, UUID: callUUID}})
		for _, of := range facts {
			for _, fact := range of {
				if fact.Consultant == "" {
					talks = append(talks, fact.Talk)
				}
			}
		}
		return err
	}))
	return talks
}

func count(list []string, one string) int {
	n := 0
	for _, element := range list {
		if element == one {
			n++
		}
	}
	return n
}

// A call that ended with a gap is asked about soon after it settled.
func TestAGapIsFilled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(documented()...)
		b.runner = b.start(t, b.st, b.engine, b.reconciler)
		all := webhooks(t)
		b.take(t, all[0], all[1], all[2], all[3], all[6], all[7]) // nobody was told to talk
		b.pass(t, 10*time.Second)
		require.Equal(t, correlate.BasisInferred, b.call(t, callUUID).ConnectedBasis)
		b.pass(t, 2*time.Minute)
		record := b.eventually(t, func(r flow.Record) bool { return r.ConnectedBasis == correlate.BasisReported })
		require.JSONEq(t, theDocumentedCall(t, correlate.BasisReported), shown(record))
		require.Contains(t, b.events(t, callUUID), "call_talking")
		b.requireRebuilt(t)
	})
}

// A call that has been open for long is found by the hourly sweep, and ends when the PBX says that it did.
func TestACallThatIsOpenForLongIsAskedAbout(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.runner = b.start(t, b.st, b.engine, b.reconciler)
		b.take(t, webhooks(t)[:6]...)
		b.pass(t, 59*time.Minute)
		require.Empty(t, b.pbx.Requests())
		b.pass(t, time.Hour)
		require.Eventually(t, func() bool { return len(b.questions(t)) == 1 }, patience, 5*time.Millisecond)
		require.Equal(t, "talking", b.call(t, callUUID).State, "the PBX has no record: it goes on")
		b.pbx.Put(documented()...)
		b.pass(t, time.Hour)
		record := b.eventually(t, reconciled)
		require.Equal(t, "2020-08-25T16:25:09Z", record.EndedAt.String())
		require.Equal(t, 1, count(b.events(t, callUUID), "call_ended"))
		b.pass(t, 10*time.Second)
		require.Equal(t, 1, count(b.events(t, callUUID), "call_settled"))
		b.requireRebuilt(t)
	})
}

// asked waits until the question about the call went as wanted.
func (b *bundle) asked(t *testing.T, wanted func(store.Question) bool) store.Question {
	t.Helper()
	var questions []store.Question
	require.Eventually(t, func() bool {
		questions = b.questions(t)
		return len(questions) == 1 && wanted(questions[0])
	}, patience, 5*time.Millisecond)
	return questions[0]
}

// What the PBX does not know it is asked again, later and later, and not for ever; the call stays as it is meanwhile.
func TestAPBXThatKnowsNothingIsAskedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.runner = b.start(t, b.st, b.engine, b.reconciler)
		b.take(t, webhooks(t)[:6]...)
		b.pass(t, 4*time.Hour)
		b.pass(t, 10*time.Second)
		for n, wait := range []time.Duration{2 * time.Minute, 2 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour} {
			if n == 2 {
				b.pbx.Always(pbxtest.Status(422)) // it does not like the question
			}
			b.pass(t, wait)
			question := b.asked(t, func(q store.Question) bool { return q.Asked == n+1 })
			if n == 2 {
				require.Equal(t, store.QuestionFailed, question.Outcome)
				require.NotContains(t, question.Reason, pbxtest.Key)
				b.pbx.Always(nil)
				continue
			}
			require.Equal(t, store.QuestionMissing, question.Outcome)
			require.Empty(t, question.Reason)
		}
		require.Equal(t, correlate.BasisTimeout, b.call(t, callUUID).EndBasis)
		stats := b.reconciler.Stats()[account]
		require.EqualValues(t, 1, stats.Failed)
		require.EqualValues(t, 1, stats.Unanswered)
		require.EqualValues(t, 5, stats.Answered)
		requests := len(b.pbx.Requests())
		b.pass(t, 10*24*time.Hour)
		require.Len(t, b.pbx.Requests(), requests, "it was given up")

		// By hand it is asked about all the same.
		b.pbx.Put(documented()...)
		dry, err := b.reconciler.Repair(t.Context(), reconcile.Repair{DryRun: true})
		require.NoError(t, err)
		require.Equal(t, reconcile.Outcome{Asked: 1, Changed: 1, Records: 2}, dry)
		require.Equal(t, correlate.BasisTimeout, b.call(t, callUUID).EndBasis)
		done, err := b.reconciler.Repair(t.Context(), reconcile.Repair{})
		require.NoError(t, err)
		require.Equal(t, dry, done)
		require.True(t, reconciled(b.call(t, callUUID)))
	})
}

// While the PBX answers nobody, no call is given up: not when the key has expired, and the weekend is long.
func TestAnExpiredKeyLosesNoCall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.runner = b.start(t, b.st, b.engine, b.reconciler)
		b.take(t, webhooks(t)[:6]...)
		b.pass(t, 4*time.Hour)
		b.pass(t, 10*time.Second)
		answers := []http.HandlerFunc{
			pbxtest.Status(401), pbxtest.Status(403), pbxtest.Status(500), pbxtest.Body("[{"), pbxtest.Status(404), pbxtest.Status(302),
		}
		at := time.Time{}
		for n := range 80 {
			b.pbx.Always(answers[n%len(answers)])
			b.pass(t, min(time.Hour, 2*time.Minute<<max(0, min(n-1, 10))))
			question := b.asked(t, func(q store.Question) bool { return q.AskedAt.After(at) })
			at = question.AskedAt
			require.Equal(t, store.QuestionFailed, question.Outcome)
			require.Zero(t, question.Asked)
		}
		require.EqualValues(t, 80, b.reconciler.Stats()[account].Unanswered)
		b.pbx.Always(nil)
		b.pbx.Put(documented()...)
		b.pass(t, time.Hour)
		b.eventually(t, reconciled)
		require.Equal(t, 1, b.asked(t, func(q store.Question) bool { return q.Outcome == store.QuestionChanged }).Asked)
	})
}

// A call over which the PBX fails each time keeps no other from being asked about.
func TestAQuestionThatBreaksThePBXKeepsNobodyUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(documented()...)
		early := strings.NewReplacer("c2b19c63", "c2b19c64", "bcfdaf62", "bcfdaf63", "2020-08-25 16:2", "2020-08-25 13:2")
		b.pbx.Before(func(int) {
			requests := b.pbx.Requests()
			if strings.Contains(requests[len(requests)-1].Filter, "2020-08-25 13:2") {
				b.pbx.Next(pbxtest.Status(500))
			}
		})
		for _, body := range webhooks(t)[:6] {
			b.take(t, []byte(early.Replace(string(body))), body)
		}
		b.move(2 * time.Hour)
		calls := []store.Key{{Account: account, UUID: early.Replace(callUUID)}, {Account: account, UUID: callUUID}}
		outcome, err := b.reconciler.Ask(t.Context(), calls)
		require.NoError(t, err)
		require.Equal(t, reconcile.Outcome{Asked: 2, Failed: 2}, outcome, "the earlier one is asked about first")
		b.move(2 * time.Minute)
		outcome, err = b.reconciler.Ask(t.Context(), calls)
		require.NoError(t, err)
		require.Equal(t, reconcile.Outcome{Asked: 2, Failed: 1, Changed: 1, Records: 2}, outcome)
	})
}

// manyCalls takes in calls that lack something, far enough apart to be asked about one by one.
func (b *bundle) manyCalls(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		at := b.Now().Add(-time.Duration(i+1) * time.Hour).Format(time.DateTime)
		b.take(t, fmt.Appendf(nil, `{"event_name":"dialog_create","event_time":%q,"dialog_uuid":%q,"direction":"OUTBOUND",`+
			`"dialog_type":"EXTERNAL","state":"ringing"}`, at, leg(i)))
	}
	b.move(2 * time.Hour)
}

// By hand a PBX that is asked too often is left alone as long as it wants, which is told, and then asked about the rest.
func TestARepairByHandWaitsForABusyPBXAndSaysSo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.manyCalls(t, 300)
		b.pbx.Before(func(request int) {
			if request == 100 || request == 101 {
				b.pbx.Next(pbxtest.Status(429, "Retry-After", "1"))
			}
		})
		var waits []int
		outcome, err := b.reconciler.Repair(t.Context(), reconcile.Repair{Waiting: func(of string, until time.Time, so reconcile.Outcome) {
			require.Equal(t, account, of)
			require.GreaterOrEqual(t, until.Sub(b.Now()), time.Second)
			waits = append(waits, so.Asked)
		}})
		require.NoError(t, err)
		require.Equal(t, reconcile.Outcome{Asked: 300, Unchanged: 300}, outcome)
		require.Equal(t, []int{99, 99}, waits)
		require.Len(t, b.pbx.Requests(), 302)

		b.pbx.Always(pbxtest.Status(429, "Retry-After", "3600"))
		ctx, cancel := context.WithCancel(t.Context())
		_, err = b.reconciler.Repair(ctx, reconcile.Repair{DryRun: true, Waiting: func(string, time.Time, reconcile.Outcome) { cancel() }})
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, b.pbx.Requests(), 303)
	})
}

// A key that is not good is not tried with every page of calls.
func TestARepairByHandStopsWhereThePBXRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.manyCalls(t, 300)
		b.pbx.Always(pbxtest.Status(401))
		outcome, err := b.reconciler.Repair(t.Context(), reconcile.Repair{DryRun: true})
		require.NoError(t, err)
		require.Equal(t, reconcile.Outcome{Asked: 256, Failed: 256, Stopped: 1}, outcome)
		require.Len(t, b.pbx.Requests(), 1)
	})
}

// A record that cannot be read harms no other.
func TestABadRecordHarmsNoOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.pbx.Put(pbxtest.Record{"start_time": "2020-08-25 16:24:45"}, pbxtest.Record{"start_time": "2020-08-25 16:24:46", "dialog_uuid": 7})
		b.pbx.Put(documented()...)
		b.take(t, webhooks(t)[:6]...)
		b.move(2 * time.Hour)
		outcome, err := b.reconciler.Ask(t.Context(), []store.Key{
			{Account: account, UUID: callUUID}, {Account: account, UUID: leg(9)}, {Account: "other", UUID: callUUID},
		})
		require.NoError(t, err)
		require.Equal(t, reconcile.Outcome{Asked: 1, Changed: 1, Records: 2}, outcome)
		require.True(t, reconciled(b.call(t, callUUID)))
	})
}

// Of several instances one asks about a call; the others leave it alone while that one may be at it.
func TestOneInstanceAsks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, database everystore.Database) {
		b.pbx.Put(documented()...)
		b.runner = b.start(t, b.st, b.engine, b.reconciler)
		if database.Shared {
			for range 2 {
				st, own := database.Open(t), engine()
				b.start(t, st, own, b.newReconciler(t, st, own))
			}
		}
		b.take(t, webhooks(t)[:6]...)
		b.pass(t, 4*time.Hour)
		b.pass(t, 10*time.Second)
		b.pass(t, 2*time.Minute)
		b.eventually(t, reconciled)
		b.pass(t, 10*time.Minute)
		require.Len(t, b.pbx.Requests(), 2, "two records, and no more")
	})
}

// What the PBX tells of dialogs that retention removed is left out, and counted as that, by a repair as by an import.
func TestARepairCountsWhatRetentionRemoved(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.take(t, webhooks(t)[:6]...)
		b.pbx.Put(append(documented(), pbxtest.Record{
			"dialog_uuid": leg(1), "dialog_type": "CONSULTANT", "start_time": "2020-08-25 16:24:50", "hangup_time": "2020-08-25 16:24:55",
			"initial_application_info": map[string]any{"data": map[string]any{"caller_dialog_uuid": callUUID}},
		})...)
		require.NoError(t, b.st.Write(t.Context(), func(tx store.Tx) error {
			return tx.Bury(t.Context(), []store.Key{{Account: account, UUID: leg(1)}}, b.Now())
		}))
		b.move(2 * time.Hour)
		for _, dry := range []bool{true, false} {
			outcome, err := b.reconciler.Repair(t.Context(), reconcile.Repair{DryRun: dry})
			require.NoError(t, err)
			require.Equal(t, 1, outcome.Asked)
			require.Equal(t, 1, outcome.Removed)
		}
		_, err := b.st.Dialog(t.Context(), store.Key{Account: account, UUID: leg(1)})
		require.ErrorIs(t, err, store.ErrNotFound)
		b.requireRebuilt(t)
	})
}
