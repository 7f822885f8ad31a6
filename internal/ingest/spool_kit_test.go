package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/ingest"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/store"
)

const patience = 60 * time.Second

// awayable is a real store that can be made to be away.
type awayable struct {
	store.Store

	gone atomic.Bool
	// unsure makes writes succeed and yet report that the database did not answer.
	unsure atomic.Bool
}

var errAway = fmt.Errorf("%w: switched off", store.ErrUnavailable)

func (a *awayable) Write(ctx context.Context, fn func(store.Tx) error) error {
	if a.gone.Load() {
		return errAway
	}
	if err := a.Store.Write(ctx, fn); err != nil || !a.unsure.Load() {
		return err
	}
	return errAway
}

func (a *awayable) Quarantine(ctx context.Context, refused store.Refused) error {
	if a.gone.Load() {
		return errAway
	}
	return a.Store.Quarantine(ctx, refused)
}

// installation is an Ingest with a spool, which may be stopped and started again.
type installation struct {
	*ingest.Ingest

	dir   string
	spool *spool.Spool
	stop  func()
}

// startSpooling lets an Ingest with a spool work on a store until the test ends, or stop is called.
func startSpooling(t *testing.T, st store.Writer, dir string, change func(*ingest.Config)) *installation {
	t.Helper()
	opened, err := spool.Open(spool.Config{Dir: dir, Limit: 1 << 30})
	require.NoError(t, err)
	return startWith(t, st, dir, opened, change)
}

func startWith(t *testing.T, st store.Writer, dir string, opened *spool.Spool, change func(*ingest.Config)) *installation {
	t.Helper()
	cfg := ingest.Config{
		Store: st, Engine: newEngine(), Logger: slog.New(slog.DiscardHandler), Now: time.Now, Spool: opened,
		CommitTimeout: time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	in := ingest.New(cfg)
	ended := make(chan error, 1)
	go func() { ended <- in.Run(context.Background()) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			in.Stop()
			require.NoError(t, <-ended)
			require.NoError(t, opened.Close())
		})
	}
	t.Cleanup(stop)
	return &installation{in, dir, opened, stop}
}

// fill puts bodies into a spool as an earlier run would have left them, a millisecond apart, and closes it.
func fill(t *testing.T, dir string, from time.Time, bodies ...[]byte) {
	t.Helper()
	opened, err := spool.Open(spool.Config{Dir: dir, Limit: 1 << 30})
	require.NoError(t, err)
	var list []spool.Record
	for i, body := range bodies {
		list = append(list, spool.Record{
			Kind: spool.Webhook, Account: account, ReceivedAt: from.Add(time.Duration(i) * time.Millisecond), Body: body,
		})
	}
	require.NoError(t, opened.Append(list))
	require.NoError(t, opened.Close())
}

// awaitDrained waits until everything is in the database and it is used directly.
func (in *installation) awaitDrained(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		stats := in.Stats()
		return stats.Spool.Records == 0 && stats.AwaySince.IsZero()
	}, patience, 5*time.Millisecond)
}

// numbered makes the create of the n-th dialog.
func numbered(n int) []byte {
	return body("dialog_create", dialogOf(n), "10:00:00", `,"state":"ringing"`)
}

func dialogOf(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// journalled gives the bodies of the PBX in the journal's order.
func journalled(t *testing.T, st store.Reader) []string {
	t.Helper()
	var bodies []string
	var after int64
	for {
		entries, err := st.Journal(t.Context(), after, 500)
		require.NoError(t, err)
		if len(entries) == 0 {
			return bodies
		}
		for _, entry := range entries {
			after = entry.ID
			if entry.Origin == store.OriginPBX {
				bodies = append(bodies, string(entry.Body))
			}
		}
	}
}

func requireSpooled(t *testing.T, in *installation, account string, body []byte) {
	t.Helper()
	answer, err := in.Submit(t.Context(), account, body)
	require.NoError(t, err)
	require.Equal(t, ingest.Answer{Result: ingest.Accepted, Spooled: true}, answer)
}

var errNotYet = errors.New("not yet")
