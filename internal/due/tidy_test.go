package due_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dispatch"
	"webhookd/internal/due"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
	"webhookd/internal/trigger"
)

// tidying gives how many rows of tidying there are, and when the first one is due.
func tidying(t *testing.T, st store.Store) (rows int, at time.Time) {
	t.Helper()
	require.NoError(t, st.Write(t.Context(), func(tx store.Tx) error {
		all, err := tx.Due(t.Context(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), 100)
		require.NoError(t, err)
		for _, row := range all {
			if row.Kind == store.DueTidy {
				rows, at = rows+1, row.At
			}
		}
		return nil
	}))
	return rows, at
}

// However many instances there are, and however often they start, tidying is one row. Where an instance of an older version
// drops it, it is put down again.
func TestTidyingIsOneRow(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		clock := newClock()
		first := database.OpenAt(t, clock.Now)
		run := func(st store.Store) (stop func(), runner *due.Runner) {
			log := slog.New(slog.DiscardHandler)
			d := &dispatch.Dispatcher{Book: dispatch.NewBook(st, trigger.Environment{}, log), Failures: 20, Logger: log}
			engine := newEngine()
			engine.Dispatcher = d
			runner = due.New(due.Config{Store: st, Engine: engine, Dispatcher: d, Logger: log, Now: clock.Now})
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- runner.Run(ctx) }()
			return func() {
				cancel()
				require.NoError(t, <-ended)
			}, runner
		}
		done := func(want time.Time) {
			await(t, func() bool {
				rows, at := tidying(t, first)
				return rows == 1 && at.Equal(want)
			})
		}
		for range 3 { // restarts
			stop, _ := run(first)
			done(clock.Now().Add(10 * time.Minute))
			stop()
			clock.move(time.Minute)
		}
		second := first
		if database.Shared {
			second = database.OpenAt(t, clock.Now)
		}
		stopFirst, runner := run(first)
		defer stopFirst()
		stopSecond, other := run(second)
		defer stopSecond()
		done(clock.Now().Add(10 * time.Minute))

		require.NoError(t, first.Write(t.Context(), func(tx store.Tx) error {
			return tx.DropDue(t.Context(), []store.Due{{Kind: store.DueTidy}})
		}))
		clock.move(3 * time.Hour)
		runner.Wake()
		other.Wake()
		done(clock.Now().Add(10 * time.Minute))
	})
}
