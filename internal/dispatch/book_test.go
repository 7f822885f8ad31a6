package dispatch_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dispatch"
	"webhookd/internal/store"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// missedAt lets a call be missed by way of an instance, and says what handlers said to it.
func (in *installation) missedAt(t *testing.T, i *instance, n int) []string {
	t.Helper()
	before := len(in.texts(t))
	require.NoError(t, i.batch(t.Context(), in.Now(), arrivals(account, call{n, customer, in.Now()}.missed(9*time.Second)...)...))
	return in.texts(t)[before:]
}

func TestInstancesFollowEachOthersChanges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		one := in.instance
		var two *instance
		if in.database.Shared {
			two = in.open(t)
		} else { // as another process would: with nothing of what the first one knows
			d := &dispatch.Dispatcher{
				Book: dispatch.NewBook(in.st, in.env, slog.New(slog.DiscardHandler)), Failures: 20, Logger: slog.New(slog.DiscardHandler),
			}
			engine := *in.engine
			engine.Dispatcher = d
			two = &instance{st: in.st, engine: &engine, service: &dispatch.Service{Dispatcher: d, Store: in.st, Now: in.Now}}
		}
		refresh := func(i *instance) { require.NoError(t, i.service.Dispatcher.Book.Refresh(t.Context())) }
		refresh(one)
		refresh(two)
		_, err := one.service.CreateHandler(t.Context(), "", definition("a", ""))
		require.NoError(t, err)
		require.Equal(t, []string{"a msg_created Hello"}, in.missedAt(t, one, 1))
		require.Empty(t, in.missedAt(t, two, 2), "it has not heard of it")
		refresh(two)
		require.Equal(t, []string{"a msg_created Hello"}, in.missedAt(t, two, 3))

		// What is decided for good is decided by the database, not by what an instance has heard of.
		_, err = one.service.CreateHandler(t.Context(), "", definition("b", ""))
		require.NoError(t, err)
		outcomes, _, err := two.service.Trigger(t.Context(), account, []triggerapi.Request{requestOf("b", "t1", to("anna"))}, nil)
		require.NoError(t, err)
		require.Equal(t, []triggerapi.Outcome{processed("t1")}, outcomes)

		_, err = two.service.SwitchHandler(t.Context(), "", "a", false)
		require.NoError(t, err)
		refresh(one)
		require.Equal(t, []string{"b msg_created Hello"}, in.missedAt(t, one, 4))
		require.NoError(t, one.service.DropHandler(t.Context(), "", "b"))
		refresh(two)
		require.Empty(t, in.missedAt(t, two, 5))
	})
}

// No event goes by unseen because the handlers were not read yet.
func TestTheFirstTransactionReadsTheHandlersItself(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorry)
		in.reopen(t)
		require.Equal(t, []string{"sorry msg_created We are sorry."}, in.missedAt(t, in.instance, 1))
	})
}

func TestAHandlerThatNoLongerCompilesIsLeftOutAndTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorry+`
  - {name: starts, on: call_missed, do: [{type: start_session, flow: callback}]}
  - {name: starts-later, on: call_missed, after: 1m, do: [{type: start_session, flow: callback}]}
`)
		require.Len(t, in.missedAt(t, in.instance, 1), 2)
		flows := in.env.Flows
		in.env.Flows = nil // configuration does not name it any more
		in.reopen(t)
		require.NoError(t, in.service.Dispatcher.Book.Refresh(t.Context()))
		require.Equal(t, []string{"sorry msg_created We are sorry."}, in.missedAt(t, in.instance, 2))
		require.Contains(t, in.log.String(), "a handler cannot be used; nothing is triggered by it")
		require.Contains(t, in.log.String(), "handler=starts")
		require.Equal(t, triggerapi.ErrUnknownName, in.trigger(t, requestOf("starts", "t1", to("anna")))[0].Err)
		in.pass(t, time.Minute)
		require.Equal(t, []store.TriggerState{store.TriggerSkipped}, in.states(t, "starts-later"))

		in.env.Flows = flows
		in.reopen(t)
		require.Len(t, in.missedAt(t, in.instance, 3), 2, "it is there again")
	})
}

// failingReader cannot be asked until it is told otherwise.
type failingReader struct {
	store.TriggerReader

	asked chan error
}

func (r *failingReader) AllHandlers(ctx context.Context) ([]store.Handler, int64, error) {
	if err := <-r.asked; err != nil {
		return nil, 0, err
	}
	return r.TriggerReader.AllHandlers(ctx)
}

// What is known stays in force while the database is away.
func TestTheBookGoesOnWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, sorry)
		reader := &failingReader{in.st, make(chan error, 1)}
		book := dispatch.NewBook(reader, trigger.Environment{}, slog.New(slog.NewTextHandler(in.log, nil)))
		reader.asked <- store.ErrUnavailable
		require.ErrorIs(t, book.Refresh(t.Context()), store.ErrUnavailable)
		reader.asked <- nil
		require.NoError(t, book.Refresh(t.Context()))
		require.NoError(t, book.Refresh(t.Context()), "nothing has changed: nothing is read")

		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- book.Run(ctx) }()
		in.handlers(t, sorryLater)
		reader.asked <- store.ErrUnavailable
		require.Eventually(t, func() bool {
			return strings.Contains(in.log.String(), "handlers could not be read; the ones known stay in force")
		}, patience, time.Millisecond)
		cancel()
		require.NoError(t, <-ended)
	})
}

func TestTidyingRemovesOldMarks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, cancellable)
		in.take(t, call{1, customer, noon}.talked(9*time.Second)...)
		marked := func() bool {
			var found []bool
			require.NoError(t, in.st.Write(t.Context(), func(tx store.Tx) (err error) {
				found, err = tx.MarksSince(t.Context(), []store.MarkQuery{{
					Account: account, Contact: "+" + customer, EventTypes: []string{"call_answered"},
				}})
				return err
			}))
			return found[0]
		}
		in.pass(t, 23*time.Hour)
		require.True(t, marked())
		in.pass(t, 2*time.Hour)
		require.False(t, marked())
	})
}
