package reconcile_test

import (
	"net/http"
	"slices"
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
		require.Equal(t, reconcile.Stats{Asked: 1, Changed: 1, Records: 2}, b.reconciler.Stats()[account])
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

// The PBX that fails is asked again, later and later, and given up in the end; the call stays as it is meanwhile.
func TestAPBXThatFailsIsAskedAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle, _ everystore.Database) {
		b.runner = b.start(t, b.st, b.engine, b.reconciler)
		b.take(t, webhooks(t)[:6]...)
		b.pass(t, 4*time.Hour)
		asked := func(n int) store.Question {
			t.Helper()
			var questions []store.Question
			require.Eventually(t, func() bool {
				questions = b.questions(t)
				return len(questions) == 1 && questions[0].Asked == n
			}, patience, 5*time.Millisecond)
			return questions[0]
		}
		b.pass(t, 10*time.Second)
		waits := []time.Duration{2 * time.Minute, 2 * time.Minute, 15 * time.Minute, time.Hour}
		for i, answer := range []http.HandlerFunc{
			pbxtest.Status(401), pbxtest.Status(500), pbxtest.Body("[{"), pbxtest.Body("[]"),
		} {
			b.pbx.Always(answer)
			b.pass(t, waits[i])
			question := asked(i + 1)
			if i < 3 {
				require.Equal(t, store.QuestionFailed, question.Outcome)
				require.NotEmpty(t, question.Reason)
				require.NotContains(t, question.Reason, pbxtest.Key)
			} else {
				require.Equal(t, store.QuestionMissing, question.Outcome)
				require.Empty(t, question.Reason)
			}
		}
		require.Equal(t, correlate.BasisTimeout, b.call(t, callUUID).EndBasis)
		require.EqualValues(t, 3, b.reconciler.Stats()[account].Failed)
		b.pbx.Always(nil)
		b.pass(t, 6*time.Hour)
		asked(5)
		b.pass(t, 24*time.Hour)
		asked(6)
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
