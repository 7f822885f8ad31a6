package dispatch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

const manyCalls = 150

// manyMissed are missed calls of as many customers.
func manyMissed(from int, at time.Time) [][]byte {
	var bodies [][]byte
	for n := range manyCalls {
		bodies = append(bodies, call{from + n, fmt.Sprintf("48503%06d", from+n), at}.missed(9*time.Second)...)
	}
	return bodies
}

func TestWhatWaitsFiresOnceWithSeveralInstances(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		if in.database.Shared {
			in.open(t)
			in.open(t)
		}
		in.handlers(t, cancellable+`
  - name: chained
    on: msg_created
    do: [{type: set_run_result, name: sent, value: "yes"}]
`)
		in.take(t, manyMissed(0, noon)...)
		in.pass(t, time.Minute)
		in.reach(in.Now().Add(time.Hour)) // everything is due at once
		in.work(t)
		require.Len(t, in.texts(t), 2*manyCalls)
		require.EqualValues(t, manyCalls, in.counts(t, "later").Fired)
		require.EqualValues(t, manyCalls, in.counts(t, "chained").Fired)
		require.Zero(t, in.left(t, store.DueTrigger))
	})
}

// A process that is killed between arming and firing leaves what waits to the next one.
func TestWhatWaitsSurvivesARestart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, cancellable)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.take(t, call{2, other, noon}.missed(9*time.Second)...)
		in.pass(t, time.Minute)
		in.reopen(t)
		require.Equal(t, []store.TriggerState{store.TriggerPending, store.TriggerPending}, in.states(t, "later"))
		in.take(t, call{3, other, in.Now()}.talked(9*time.Second)...) // by an instance that has not read the handlers yet
		in.pass(t, 3*time.Minute)
		in.reopen(t)
		in.pass(t, time.Minute)
		require.Equal(t, []string{"later msg_created We are sorry."}, in.texts(t))
		require.Equal(t, noon.Add(5*time.Minute), in.actions(t)[0].CreatedOn)
		in.reopen(t)
		in.pass(t, time.Hour)
		require.Len(t, in.texts(t), 1)
	})
}

// What became due while nobody was there is done when somebody is.
func TestWhatWasDueMeanwhileIsDoneAfterARestart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, cancellable)
		in.take(t, call{1, customer, noon}.missed(9*time.Second)...)
		in.reach(noon.Add(time.Hour))
		in.reopen(t)
		in.work(t)
		require.Equal(t, []string{"later msg_created We are sorry."}, in.texts(t))
		require.Equal(t, noon.Add(time.Hour), in.actions(t)[0].CreatedOn)
	})
}

// Of firing and calling off, the first one that commits wins, whatever instance it is.
func TestFiringAndCallingOffAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		if in.database.Shared {
			in.open(t)
		}
		in.handlers(t, cancellable)
		in.take(t, manyMissed(0, noon)...)
		in.pass(t, time.Minute)
		in.reach(noon.Add(5 * time.Minute))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := range manyCalls {
				answered := call{1000 + n, fmt.Sprintf("48503%06d", n), noon.Add(4 * time.Minute)}.talked(9 * time.Second)[:5]
				i := in.instances[n%len(in.instances)]
				if err := i.batch(t.Context(), in.Now(), arrivals(account, answered...)...); err != nil {
					t.Error(err)
				}
			}
		}()
		in.work(t)
		<-done
		fired, calledOff := 0, 0
		for _, state := range in.states(t, "later") {
			switch state {
			case store.TriggerDone:
				fired++
			case store.TriggerCancelled:
				calledOff++
			default:
				t.Errorf("a trigger is %s", state)
			}
		}
		require.Equal(t, manyCalls, fired+calledOff)
		require.Len(t, in.texts(t), fired)
		require.Zero(t, in.left(t, store.DueTrigger))
	})
}
