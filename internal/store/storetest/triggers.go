package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/store"
)

// pending makes a trigger of a call that waits.
func pending(n, call int, contact string, cancelOn ...string) *store.Trigger {
	return &store.Trigger{
		ID: uuid(n), Account: acme, Handler: "h", CallUUID: uuid(call), Contact: contact, EventType: "call_missed",
		EventUUID: uuid(n + 1000), EventAt: start, State: store.TriggerPending, Occasion: []byte{0, 0xff},
		CancelOn: cancelOn, CancelScope: store.CancelScopeCall, Depth: 1, CreatedAt: now, FireAt: now.Add(time.Minute),
	}
}

func asking(account, callUUID, contact, eventType string) store.CancelQuery {
	return store.CancelQuery{Account: account, CallUUID: callUUID, Contact: contact, EventType: eventType}
}

func (b *bundle) addTriggers(t *testing.T, triggers ...*store.Trigger) {
	t.Helper()
	b.write(t, func(tx store.Tx) { require.NoError(t, tx.AddTriggers(b.ctx, triggers)) })
}

// without is a trigger as questions that are not by ID give it.
func without(triggers ...*store.Trigger) []store.Trigger {
	bare := make([]store.Trigger, len(triggers))
	for i, trigger := range triggers {
		bare[i] = *trigger
		bare[i].Occasion = nil
	}
	return bare
}

func triggerIDs(triggers []store.Trigger) []string {
	ids := make([]string, len(triggers))
	for i, trigger := range triggers {
		ids[i] = trigger.ID
	}
	return ids
}

// long is more than an index of Postgres can hold, however it is packed.
func long(seed string) string {
	var text strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&text, "%s%d", seed, i*7919)
	}
	return text.String()
}

var triggerTests = []test{
	{"gives a trigger back as it was written", func(t *testing.T, b *bundle) {
		full := pending(1, 1, "+48501502503", "call_answered", `a"b\{},c`)
		full.TransactionID, full.CancelScope, full.OnceKey, full.Depth = "tx/ł", store.CancelScopeContact, "k", 3
		full.State, full.EndedAt, full.Reason = store.TriggerCancelled, now.Add(time.Second), "they called back"
		bare := &store.Trigger{ID: uuid(2), Account: other, Handler: "flow", State: store.TriggerDone, CreatedAt: now}
		b.addTriggers(t, full, bare)
		b.write(t, func(tx store.Tx) {
			got, err := tx.TriggersByID(b.ctx, []string{uuid(2), uuid(1), uuid(9), uuid(1)})
			require.NoError(t, err)
			bare.Occasion = []byte{}
			require.ElementsMatch(t, []store.Trigger{*full, *bare}, got)
			got, err = tx.TriggersByID(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, got)
		})
	}},

	{"says which triggers were known, and leaves these as they are", func(t *testing.T, b *bundle) {
		first, twice := pending(1, 1, ""), pending(1, 1, "")
		twice.Handler = "again"
		b.addTriggers(t, first, twice)
		require.Equal(t, []bool{false, true}, []bool{first.Known, twice.Known})
		later, fresh := pending(1, 1, ""), pending(2, 1, "")
		later.Handler, later.Account = "later", other
		fresh.Known = true
		b.addTriggers(t, later, fresh)
		require.Equal(t, []bool{true, false}, []bool{later.Known, fresh.Known})
		b.addTriggers(t)
		got, err := b.TriggersOfCall(b.ctx, key(acme, 1))
		require.NoError(t, err)
		require.Equal(t, without(first, fresh), got)
	}},

	{"ends a trigger once: of firing and calling off the first one wins", func(t *testing.T, b *bundle) {
		b.addTriggers(t, pending(1, 1, "", "x"), pending(2, 1, "", "x"), pending(3, 1, "", "x"))
		end := func(n int, state store.TriggerState, reason string) store.Trigger {
			return store.Trigger{ID: uuid(n), State: state, EndedAt: now.Add(time.Duration(n) * time.Second), Reason: reason}
		}
		b.write(t, func(tx store.Tx) {
			ended, err := tx.EndTriggers(b.ctx, []store.Trigger{
				end(3, store.TriggerDone, "fired"), end(9, store.TriggerDone, ""), end(1, store.TriggerCancelled, "call\x00ed off"),
				end(3, store.TriggerCancelled, "too late"),
			})
			require.NoError(t, err)
			require.Equal(t, []string{uuid(3), uuid(1)}, ended)
			ended, err = tx.EndTriggers(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, ended)
		})
		b.write(t, func(tx store.Tx) {
			ended, err := tx.EndTriggers(b.ctx, []store.Trigger{
				end(1, store.TriggerDone, "fired"), end(2, store.TriggerDone, "fired"), end(3, store.TriggerDone, "again"),
			})
			require.NoError(t, err)
			require.Equal(t, []string{uuid(2)}, ended)
			got, err := tx.TriggersByID(b.ctx, []string{uuid(1), uuid(2), uuid(3)})
			require.NoError(t, err)
			states := map[string]any{}
			for _, trigger := range got {
				states[trigger.ID] = []any{trigger.State, trigger.EndedAt}
				require.Equal(t, []byte{0, 0xff}, trigger.Occasion)
			}
			require.Equal(t, map[string]any{
				uuid(1): []any{store.TriggerCancelled, now.Add(time.Second)},
				uuid(2): []any{store.TriggerDone, now.Add(2 * time.Second)},
				uuid(3): []any{store.TriggerDone, now.Add(3 * time.Second)},
			}, states)
		})
	}},

	{"gives the triggers of a transaction, of a call and of a handler", func(t *testing.T, b *bundle) {
		var all []*store.Trigger
		for n := range 6 {
			trigger := pending(n, n%2, "", "x")
			trigger.CreatedAt = now.Add(time.Duration(n/2) * time.Second)
			trigger.TransactionID = fmt.Sprint("t", n%3)
			all = append(all, trigger)
		}
		all[5].Account, all[4].Handler = other, "another"
		b.addTriggers(t, all[5], all[3], all[1], all[4], all[2], all[0])
		b.write(t, func(tx store.Tx) {
			for id, want := range map[string][]store.Trigger{
				"t0": without(all[0], all[3]), "t2": without(all[2]), "t": {}, "": {},
			} {
				got, err := tx.TriggersOf(b.ctx, acme, id)
				require.NoError(t, err)
				require.ElementsMatch(t, want, got, id)
			}
		})
		got, err := b.TriggersOfCall(b.ctx, key(acme, 0))
		require.NoError(t, err)
		require.Equal(t, without(all[0], all[2], all[4]), got)
		got, err = b.TriggersOfHandler(b.ctx, "h", 4)
		require.NoError(t, err)
		require.Equal(t, without(all[5], all[3], all[2], all[1]), got, "of all accounts, the newest first")
		got, err = b.TriggersOfHandler(b.ctx, "nobody", 4)
		require.NoError(t, err)
		require.Empty(t, got)
	}},

	{"says whether a handler has had its turn", func(t *testing.T, b *bundle) {
		var all []*store.Trigger
		for n, trigger := range []struct {
			key   string
			state store.TriggerState
			ago   time.Duration
		}{
			{"old", store.TriggerDone, time.Hour},
			{"new", store.TriggerPending, time.Minute},
			{"failed", store.TriggerFailed, time.Minute},
			{"cancelled", store.TriggerCancelled, time.Minute},
			{"skipped", store.TriggerSkipped, time.Minute},
			{"both", store.TriggerCancelled, time.Minute},
			{"both", store.TriggerDone, time.Minute},
			{"", store.TriggerDone, time.Minute},
		} {
			row := pending(n, n, "")
			row.OnceKey, row.State, row.CreatedAt = trigger.key, trigger.state, now.Add(-trigger.ago)
			all = append(all, row)
		}
		b.addTriggers(t, all...)
		ask := func(key string, window time.Duration) store.OnceQuery {
			query := store.OnceQuery{Account: acme, Handler: "h", OnceKey: key}
			if window > 0 {
				query.Since = now.Add(-window)
			}
			return query
		}
		foreign, another := ask("new", 0), ask("new", 0)
		foreign.Account, another.Handler = other, "another"
		b.write(t, func(tx store.Tx) {
			taken, err := tx.OnceTaken(b.ctx, []store.OnceQuery{
				ask("old", 0), ask("old", time.Hour), ask("old", time.Hour+time.Microsecond), ask("new", 0),
				ask("new", 2*time.Minute), ask("failed", 0), ask("cancelled", 0), ask("skipped", 0), ask("both", 0),
				ask("", 0), ask("unknown", 0), foreign, another, ask("new", 0),
			})
			require.NoError(t, err)
			require.Equal(t, []bool{
				true, false, true, true,
				true, true, false, false, true,
				false, false, false, false, true,
			}, taken)
			taken, err = tx.OnceTaken(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, taken)
		})
	}},

	{"finds what an event may call off", func(t *testing.T, b *bundle) {
		const ann, bob = "+48501502503", "+48501502504"
		ofCall := pending(1, 1, ann, "call_answered", "call_ended")
		ofContact := pending(2, 2, ann, "call_answered")
		ofContact.CancelScope = store.CancelScopeContact
		ofNobody := pending(3, 3, "", "call_answered")
		ofNobody.CancelScope = store.CancelScopeContact
		withoutCall := pending(4, 4, bob, "call_answered")
		withoutCall.CancelScope, withoutCall.CallUUID = store.CancelScopeContact, ""
		fired := pending(5, 1, ann, "call_answered")
		fired.State, fired.CancelScope = store.TriggerDone, store.CancelScopeContact
		foreign := pending(6, 1, ann, "call_answered")
		foreign.Account, foreign.CancelScope = other, store.CancelScopeContact
		never := pending(7, 1, ann)
		b.addTriggers(t, ofCall, ofContact, ofNobody, withoutCall, fired, foreign, never)
		for name, c := range map[string]struct {
			queries []store.CancelQuery
			want    []*store.Trigger
		}{
			"its call":                {[]store.CancelQuery{asking(acme, uuid(1), "", "call_ended")}, []*store.Trigger{ofCall}},
			"its call and contact":    {[]store.CancelQuery{asking(acme, uuid(2), ann, "call_answered")}, []*store.Trigger{ofContact}},
			"another call of contact": {[]store.CancelQuery{asking(acme, uuid(1), ann, "call_answered")}, []*store.Trigger{ofCall, ofContact}},
			"another type":            {[]store.CancelQuery{asking(acme, uuid(2), ann, "call_ended"), asking(acme, uuid(1), ann, "call")}, nil},
			"no call":                 {[]store.CancelQuery{asking(acme, "", bob, "call_answered")}, []*store.Trigger{withoutCall}},
			"no call, no contact":     {[]store.CancelQuery{asking(acme, "", "", "call_answered")}, nil},
			"no contact":              {[]store.CancelQuery{asking(acme, uuid(3), "", "call_answered")}, []*store.Trigger{ofNobody}},
			"another account":         {[]store.CancelQuery{asking(other, uuid(2), ann, "call_answered")}, []*store.Trigger{foreign}},
			"several": {[]store.CancelQuery{
				asking(acme, uuid(1), ann, "call_ended"), asking(acme, uuid(9), ann, "call_answered"), asking(acme, uuid(1), "", "call_answered"),
				asking(acme, uuid(1), "", "call_answered"), asking(acme, uuid(9), bob, "call_answered"),
			}, []*store.Trigger{ofCall, ofContact, withoutCall}},
			"nothing": {nil, nil},
		} {
			b.write(t, func(tx store.Tx) {
				got, err := tx.PendingOf(b.ctx, c.queries)
				require.NoError(t, err, name)
				require.ElementsMatch(t, without(c.want...), got, name)
			})
		}
		b.write(t, func(tx store.Tx) {
			_, err := tx.EndTriggers(b.ctx, []store.Trigger{{ID: ofCall.ID, State: store.TriggerCancelled, EndedAt: now}})
			require.NoError(t, err)
			got, err := tx.PendingOf(b.ctx, []store.CancelQuery{asking(acme, uuid(1), ann, "call_answered")})
			require.NoError(t, err)
			require.Equal(t, without(ofContact), got)
		})
	}},

	{"takes what senders write, however long it is", func(t *testing.T, b *bundle) {
		number := long("48")
		trigger := pending(1, 1, number, "call_answered")
		trigger.CancelScope, trigger.OnceKey = store.CancelScopeContact, long("once")
		b.addTriggers(t, trigger)
		b.write(t, func(tx store.Tx) {
			got, err := tx.PendingOf(b.ctx, []store.CancelQuery{asking(acme, "", number, "call_answered")})
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.Equal(t, store.BoundedKey(number), got[0].Contact)
			got, err = tx.PendingOf(b.ctx, []store.CancelQuery{asking(acme, "", store.BoundedKey(number), "call_answered")})
			require.NoError(t, err)
			require.Len(t, got, 1)
			taken, err := tx.OnceTaken(b.ctx, []store.OnceQuery{
				{Account: acme, Handler: "h", OnceKey: long("once")}, {Account: acme, Handler: "h", OnceKey: long("else")},
			})
			require.NoError(t, err)
			require.Equal(t, []bool{true, false}, taken)
		})
	}},

	{"refuses a transaction id that is too long", func(t *testing.T, b *bundle) {
		trigger := pending(1, 1, "")
		trigger.TransactionID = strings.Repeat("é", store.MaxKey/2)
		b.addTriggers(t, trigger)
		trigger = pending(2, 1, "")
		trigger.TransactionID = strings.Repeat("é", store.MaxKey/2) + "x"
		err := b.Write(b.ctx, func(tx store.Tx) error { return tx.AddTriggers(b.ctx, []*store.Trigger{trigger}) })
		require.ErrorIs(t, err, store.ErrRefused)
	}},

	{"takes hundreds at once", func(t *testing.T, b *bundle) {
		var all []*store.Trigger
		var queries []store.CancelQuery
		var once []store.OnceQuery
		var ends []store.Trigger
		for n := range 700 {
			trigger := pending(n, n, fmt.Sprint("+48", n%100), "call_answered")
			trigger.OnceKey = fmt.Sprint("k", n)
			all = append(all, trigger)
			queries = append(queries, store.CancelQuery{Account: acme, CallUUID: uuid(n), EventType: "call_answered"})
			once = append(once, store.OnceQuery{Account: acme, Handler: "h", OnceKey: fmt.Sprint("k", n*2)})
			ends = append(ends, store.Trigger{ID: uuid(n), State: store.TriggerDone, EndedAt: now})
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.AddTriggers(b.ctx, all))
			found, err := tx.PendingOf(b.ctx, queries)
			require.NoError(t, err)
			require.ElementsMatch(t, without(all...), found)
			taken, err := tx.OnceTaken(b.ctx, once)
			require.NoError(t, err)
			for n := range taken {
				require.Equal(t, n < 350, taken[n])
			}
			ended, err := tx.EndTriggers(b.ctx, ends)
			require.NoError(t, err)
			require.Equal(t, triggerIDs(ends), ended)
		})
	}},

	{"keeps what a trigger without a call publishes, which has no record", func(t *testing.T, b *bundle) {
		event := flow.Event{UUID: uuid(7), Type: "msg_created", CreatedOn: start, Trigger: []byte(`{"depth":1}`), Goflow: []byte(`{}`)}
		row := &store.OutboxRow{
			CreatedAt: now, Change: flow.Change{Account: acme, CallUUID: uuid(1), Events: []flow.Event{event}},
		}
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{row})) })
		kept, err := b.OutboxRows(b.ctx, []int64{row.ID})
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Empty(t, kept[0].Record)
		require.Zero(t, kept[0].JournalID)
		require.Equal(t, []flow.Event{event}, kept[0].Events)
	}},
}
