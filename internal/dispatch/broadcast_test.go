package dispatch_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

const everybody = 1000

// subscribe makes a thousand subscribers.
func (in *installation) subscribe(t *testing.T) {
	t.Helper()
	require.NoError(t, in.st.Write(t.Context(), func(tx store.Tx) error {
		all := make([]store.Subscriber, 0, everybody)
		for n := range everybody {
			all = append(all, store.Subscriber{
				Account: account, ID: fmt.Sprintf("s%04d", n), Phone: fmt.Sprintf("+48503%06d", n), FirstName: strconv.Itoa(n),
			})
		}
		return tx.PutSubscribers(t.Context(), all, false)
	}))
}

func (in *installation) broadcast(t *testing.T, name, transactionID string) triggerapi.Outcome {
	t.Helper()
	outcome, _, err := in.service.Broadcast(t.Context(), account, requestOf(name, transactionID), nil)
	require.NoError(t, err)
	return outcome
}

func (in *installation) progressOf(t *testing.T, transactionID string) triggerapi.Progress {
	t.Helper()
	progress, err := in.service.BroadcastProgress(t.Context(), account, transactionID)
	require.NoError(t, err)
	return progress
}

// page does the next page of a broadcast by hand.
func (in *installation) page(t *testing.T, transactionID string) {
	t.Helper()
	progress := in.progressOf(t, transactionID)
	key := store.Key{Account: account, UUID: progress.ID}
	require.NoError(t, in.st.Write(t.Context(), func(tx store.Tx) error {
		row := store.Due{Account: account, CallUUID: progress.ID, Kind: store.DueBroadcast}
		if err := tx.DropDue(t.Context(), []store.Due{row}); err != nil {
			return err
		}
		return in.continueBroadcast(t, tx, key)
	}))
}

// requireEverybody requires that each subscriber got one message.
func (in *installation) requireEverybody(t *testing.T) {
	t.Helper()
	got := map[string]bool{}
	for _, event := range in.actions(t) {
		require.Equal(t, "msg_created", event.Type)
		require.False(t, got[event.Msg.URN], "%s got it twice", event.Msg.URN)
		got[event.Msg.URN] = true
	}
	require.Equal(t, everybody, len(got)) //nolint:testifylint // the list would be shown
}

func TestABroadcastGoesToEverybodyInPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		if in.database.Shared {
			in.open(t)
		}
		in.handlers(t, greets)
		in.subscribe(t)
		_, err := in.service.PutSubscriber(t.Context(), "elsewhere", store.Subscriber{ID: "s0000", Phone: "+" + other})
		require.NoError(t, err)
		require.Equal(t, processed("b1"), in.broadcast(t, "greets", "b1"))
		require.Empty(t, in.texts(t), "it is not done in the request")
		progress := in.progressOf(t, "b1")
		require.Equal(t, store.BroadcastRunning, progress.State)
		require.EqualValues(t, everybody, progress.Total)
		require.Zero(t, progress.Sent)

		in.page(t, "b1")
		progress = in.progressOf(t, "b1")
		require.EqualValues(t, 200, progress.Sent)
		require.Equal(t, "s0199", progress.After)
		require.Len(t, in.triggers(t, "greets"), 200)

		require.Equal(t, processed("b1"), in.broadcast(t, "greets", "b1"), "the same once more")
		in.work(t)
		progress = in.progressOf(t, "b1")
		require.Equal(t, store.BroadcastDone, progress.State)
		require.EqualValues(t, everybody, progress.Sent)
		require.Zero(t, in.left(t, store.DueBroadcast))
		in.requireEverybody(t)
		require.Equal(t, "Hello 0, it is us", in.actions(t)[0].Msg.Text)
	})
}

func TestABroadcastGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets)
		in.subscribe(t)
		in.broadcast(t, "greets", "b1")
		in.page(t, "b1")
		in.page(t, "b1")
		in.reopen(t)
		require.EqualValues(t, 400, in.progressOf(t, "b1").Sent)
		in.work(t)
		require.Equal(t, store.BroadcastDone, in.progressOf(t, "b1").State)
		in.requireEverybody(t)
	})
}

func TestABroadcastIsCancelled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: later, on: call_missed, after: 5m, do: [{type: send_msg, text: "Hello"}]}
`)
		in.subscribe(t)
		in.broadcast(t, "later", "b1")
		in.page(t, "b1")
		require.Equal(t, 200, in.left(t, store.DueTrigger))
		found, err := in.service.Cancel(t.Context(), account, "b1")
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, store.BroadcastCancelled, in.progressOf(t, "b1").State)
		require.Zero(t, in.left(t, store.DueBroadcast))
		require.Zero(t, in.left(t, store.DueTrigger), "what waits already is called off, too")
		in.page(t, "b1") // an instance that had the row in its hands
		in.pass(t, time.Hour)
		require.Empty(t, in.texts(t))
		require.EqualValues(t, 200, in.progressOf(t, "b1").Sent)
		found, err = in.service.Cancel(t.Context(), account, "b1")
		require.NoError(t, err)
		require.False(t, found)
		require.Equal(t, processed("b1"), in.broadcast(t, "later", "b1"))
		require.Zero(t, in.left(t, store.DueBroadcast), "it is not done again")
	})
}

func TestWhatCannotBeBroadcast(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets+`
  - {name: off, on: call_missed, enabled: false, do: [{type: send_msg, text: "never"}]}
`)
		require.Equal(t, triggerapi.Outcome{Err: triggerapi.ErrUnknownName}, in.broadcast(t, "greet", "b1"))
		require.Equal(t, triggerapi.Outcome{Status: triggerapi.StatusNotActive, TransactionID: "b2"}, in.broadcast(t, "off", "b2"))
		_, err := in.service.BroadcastProgress(t.Context(), account, "b1")
		require.ErrorIs(t, err, store.ErrNotFound)

		require.Equal(t, processed("b3"), in.broadcast(t, "greets", "b3")) // to nobody
		in.work(t)
		require.Equal(t, store.BroadcastDone, in.progressOf(t, "b3").State)

		in.subscribe(t)
		in.broadcast(t, "greets", "b4")
		in.page(t, "b4")
		_, err = in.service.SwitchHandler(t.Context(), "", "greets", false)
		require.NoError(t, err)
		in.work(t)
		require.Equal(t, store.BroadcastFailed, in.progressOf(t, "b4").State)
		require.Len(t, in.texts(t), 200)
	})
}

// On whose behalf a trigger is, is kept as a subscriber, too.
func TestAnActorIsKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, greets)
		request := requestOf("greets", "t1", to("anna"))
		request.Actor = &store.Subscriber{ID: "actor", FirstName: "Zofia"}
		in.trigger(t, request)
		require.Len(t, in.texts(t), 1, "nothing goes to the actor")
		kept, err := in.st.Subscriber(t.Context(), account, "actor")
		require.NoError(t, err)
		require.Equal(t, "Zofia", kept.FirstName)
		broadcast := requestOf("greets", "b1")
		broadcast.Actor = &store.Subscriber{ID: "other-actor"}
		_, _, err = in.service.Broadcast(t.Context(), account, broadcast, nil)
		require.NoError(t, err)
		_, err = in.st.Subscriber(t.Context(), account, "other-actor")
		require.NoError(t, err)
		in.work(t)
	})
}
