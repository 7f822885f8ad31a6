package httpapi_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/httpapi"
	"webhookd/internal/store"
	"webhookd/internal/store/sqlite"
)

// openStore opens a database of the test's own.
func openStore(t *testing.T) store.Store {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "webhookd.db"), Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// setupStore starts a server over a database of the test's own.
func setupStore(t *testing.T) (*bundle, store.Store) {
	t.Helper()
	db := openStore(t)
	return setup(t, func(cfg *httpapi.Config) { cfg.Reader = db }), db
}

// write runs fn in one transaction.
func write(t *testing.T, db store.Store, fn func(ctx context.Context, tx store.Tx) error) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), func(tx store.Tx) error { return fn(t.Context(), tx) }))
}

// uuidOf gives a UUID that ends in n.
func uuidOf(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// callOf gives call number n of the default account, begun n seconds after 2026-01-01, with one leg that has the
// call's UUID; change may alter it.
func callOf(n int, change func(*store.Call)) store.Call {
	id := uuidOf(n)
	call := store.Call{
		Account:  httpapi.DefaultAccount,
		CallUUID: id,
		// No encoder would write it like this, so the tests see that nobody encodes it anew.
		Record:    []byte(`{"call_uuid": "` + id + `", "n":` + strconv.Itoa(n) + `.0, "legs": [ {"dialog_uuid": "` + id + `", "state":"ringing<"} ]}`),
		Ledger:    []byte(`{}`),
		Seq:       1,
		HeardAt:   time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC),
		UpdatedAt: time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC),
		Index:     store.Index{State: "ringing", Direction: "inbound", StartedAt: dialog.TimeOf(time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC))},
	}
	if change != nil {
		change(&call)
	}
	return call
}

func putCalls(t *testing.T, db store.Store, calls ...store.Call) {
	t.Helper()
	write(t, db, func(ctx context.Context, tx store.Tx) error { return tx.PutCalls(ctx, calls) })
}

// entryOf gives a journal entry with this body.
func entryOf(dialogUUID, name string, body []byte) *store.Entry {
	at := time.Date(2026, 1, 1, 0, 0, 0, 123456000, time.UTC)
	return &store.Entry{
		Account: httpapi.DefaultAccount, ReceivedAt: at, Origin: store.OriginPBX, EventName: name,
		EventTime: dialog.TimeOf(at), DialogUUID: dialogUUID, SHA256: sha256.Sum256(body), Body: body,
	}
}
