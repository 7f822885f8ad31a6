// Package storetest is what a store must do, as tests: every adapter runs them on its own database. It speaks to the
// interface only.
package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/flow"
	"webhookd/internal/store"
)

// Run checks a store. open gives an empty one of the test's own, and closes it when the test ends.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"Write", writeTests},
		{"Turn", turnTests},
		{"Journal", journalTests},
		{"Legs", legTests},
		{"Calls", callTests},
		{"Search", searchTests},
		{"Facts", factTests},
		{"Outbox", outboxTests},
		{"Relay", relayTests},
		{"Wake", wakeTests},
		{"Due", dueTests},
		{"Quarantine", quarantineTests},
		{"Gauges", gaugeTests},
		{"History", historyTests},
		{"Handlers", handlerTests},
		{"Triggers", triggerTests},
		{"Marks", markTests},
		{"Requests", requestTests},
		{"Subscribers", subscriberTests},
		{"Topics", topicTests},
		{"Broadcasts", broadcastTests},
		{"Idempotency", idempotencyTests},
		{"TriggerReader", triggerReaderTests},
		{"Repair", repairTests},
		{"Retention", retentionTests},
		{"Person", personTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.run(t, setup(t, open))
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(t *testing.T, b *bundle)
}

// bundle is what a test works with.
type bundle struct {
	store.Store
	ctx context.Context
}

const patience = 15 * time.Second // for what must happen soon

func setup(t *testing.T, open func(t *testing.T) store.Store) *bundle {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return &bundle{Store: open(t), ctx: ctx}
}

// write runs a transaction that must succeed.
func (b *bundle) write(t *testing.T, fn func(tx store.Tx)) {
	t.Helper()
	require.NoError(t, b.Write(b.ctx, func(tx store.Tx) error {
		fn(tx)
		return nil
	}))
}

const (
	acme  = "acme"
	other = "other"
)

// now is a moment with microseconds.
var now = time.Date(2024, 5, 17, 9, 30, 15, 123456000, time.UTC)

// start is an event time of that day.
const start dialog.Time = 1715938215

// uuid makes a UUID of a number.
func uuid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012x", n) }

func key(account string, n int) store.Key { return store.Key{Account: account, UUID: uuid(n)} }

// entry makes a webhook's journal entry.
func entry(account, dialogUUID, body string) *store.Entry {
	return &store.Entry{
		Account: account, ReceivedAt: now, Origin: store.OriginPBX, EventName: "dialog_create", EventTime: start,
		DialogUUID: dialogUUID, SHA256: sha256.Sum256([]byte(body)), Body: []byte(body),
	}
}

// call makes a call that talks.
func call(account string, n int) store.Call {
	return store.Call{
		Account: account, CallUUID: uuid(n), Record: json.RawMessage(fmt.Sprintf(`{"call_uuid": %q}`, uuid(n))),
		Ledger: []byte{1, 2}, Seq: 3, Revision: 1, HeardAt: now, UpdatedAt: now.Add(time.Second),
		Index: store.Index{State: "talking", Direction: "inbound", Connected: true, StartedAt: start},
	}
}

// change makes an outbox row of a call.
func change(account string, n int, seq int64) *store.OutboxRow {
	return &store.OutboxRow{
		JournalID: seq, CreatedAt: now,
		Change: flow.Change{
			Account: account, CallUUID: uuid(n), Record: json.RawMessage(fmt.Sprintf(`{"seq":%d}`, seq)),
			Events: []flow.Event{{
				UUID: uuid(int(seq)), Type: "call_started", Seq: seq, CreatedOn: start,
				Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			}},
		},
	}
}

func uuidsOf(calls []store.Call) []string {
	uuids := make([]string, len(calls))
	for i, call := range calls {
		uuids[i] = call.CallUUID
	}
	return uuids
}

func idsOf(rows []store.OutboxRow) []int64 {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return ids
}

// awaitWake waits until the channel gives a value.
func awaitWake(t *testing.T, rung <-chan struct{}) {
	t.Helper()
	select {
	case _, open := <-rung:
		require.True(t, open, "the channel ended")
	case <-time.After(patience):
		require.Fail(t, "no wake came")
	}
}

// awaitEnd waits until the channel is closed.
func awaitEnd(t *testing.T, rung <-chan struct{}) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case _, open := <-rung:
			if !open {
				return
			}
		case <-late:
			require.Fail(t, "the channel did not end")
		}
	}
}
