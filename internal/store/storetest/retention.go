package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// aYear is long after everything that the tests write.
var aYear = now.Add(365 * 24 * time.Hour)

// told makes a journal entry that names others beside its dialog.
func told(account, body string, named ...string) *store.Entry {
	e := entry(account, named[0], body)
	e.Named = named
	return e
}

// family makes a webhook of another family.
func family(account, body string, at time.Time) *store.Entry {
	e := entry(account, "", body)
	e.Ignored, e.ReceivedAt, e.EventName = true, at, "contact_updated"
	return e
}

func (b *bundle) appendAll(t *testing.T, entries ...*store.Entry) {
	t.Helper()
	b.write(t, func(tx store.Tx) { require.NoError(t, tx.Append(b.ctx, entries)) })
}

// bodies gives what is in the journal, in order.
func (b *bundle) bodies(t *testing.T) []string {
	t.Helper()
	entries, err := b.Journal(b.ctx, 0, 1000)
	require.NoError(t, err)
	var texts []string
	for _, e := range entries {
		texts = append(texts, string(e.Body))
	}
	return texts
}

var retentionTests = []test{
	{"names the accounts that have anything", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) {
			accounts, err := tx.Accounts(b.ctx)
			require.NoError(t, err)
			require.Empty(t, accounts)
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{
				entry("b", uuid(1), "1"), entry("b", uuid(2), "2"), entry("a", uuid(1), "1"), entry("d", uuid(1), "1"),
			}))
			require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{change("c", 1, 1), change("a", 1, 2)}))
		})
		require.NoError(t, b.Quarantine(b.ctx, store.Refused{Account: "e", ReceivedAt: now, Body: []byte("x")}))
		b.write(t, func(tx store.Tx) {
			accounts, err := tx.Accounts(b.ctx)
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b", "c", "d", "e"}, accounts)
		})
	}},

	{"gives calls from the oldest on", func(t *testing.T, b *bundle) {
		var calls []store.Call
		for n, began := range []int{3, 1, 2, 1, 0, 9} {
			c := ended(acme, n, stats.Fact{Class: answeredClass})
			if c.Index.StartedAt = start + dialog.Time(began); began == 0 {
				c.Index.StartedAt = 0 // not known
			}
			calls = append(calls, c)
		}
		merged := call(acme, 7)
		merged.MergedInto, merged.Record, merged.Index = uuid(1), nil, store.Index{}
		calls = append(calls, merged, ended(other, 8, stats.Fact{Class: answeredClass}))
		b.putCalls(t, calls...)
		b.write(t, func(tx store.Tx) {
			var order []string
			for after := (store.Cursor{}); ; {
				page, err := tx.CallsFrom(b.ctx, acme, after, start+9, 2)
				require.NoError(t, err)
				for _, c := range page {
					require.Empty(t, c.Record, "nobody asked for it")
					require.NotZero(t, c.Index.EndedAt)
				}
				order = append(order, uuidsOf(page)...)
				if len(page) < 2 {
					break
				}
				last := page[len(page)-1]
				after = store.Cursor{StartedAt: last.Index.StartedAt, CallUUID: last.CallUUID}
			}
			require.Equal(t, []string{uuid(4), uuid(1), uuid(3), uuid(2), uuid(0)}, order)
		})
	}},

	{"removes parties of calls of which no call is left, and nobody whom the API gave", func(t *testing.T, b *bundle) {
		limit := now.Add(-30 * 24 * time.Hour).Truncate(time.Second)
		old, later := limit.Add(-time.Hour), limit
		party := func(id string, at time.Time) store.Subscriber {
			return store.Subscriber{Account: acme, ID: id, Phone: id, FirstName: "Jan", CreatedAt: at, UpdatedAt: at}
		}
		of := func(n int, number string, at time.Time) store.Call {
			c := call(acme, n)
			c.Index.Keys, c.Index.StartedAt = []string{store.NumberKey(number)}, dialog.TimeOf(at)
			return c
		}
		given := party("+48501000003", old)
		given.Email = "jan@example.com"
		changed := party("+48501000004", old)
		changed.UpdatedAt = old.Add(time.Minute)
		another := party("+48501000001", old)
		another.Account = other
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutSubscribers(b.ctx, []store.Subscriber{
				party("+48501000001", old), party("+48501000002", later), given, changed, party("+48501000005", old),
				party("+48501000006", old), party("+48501000007", old), party("jan", old), another,
			}, false))
			require.NoError(t, tx.PutTopics(b.ctx, []store.Topic{{Account: acme, Key: "vip"}}))
			_, err := tx.JoinTopic(b.ctx, acme, "vip", []string{"+48501000005"})
			require.NoError(t, err)
			require.NoError(t, tx.PutCalls(b.ctx, []store.Call{
				of(1, "+48501000006", limit), of(2, "+48501000007", old), of(3, "+48501000001", old),
			}))
		})
		removed := map[int]int{}
		for _, size := range []int{2, 100} {
			after, pages := "", 0
			for more := true; more; pages++ {
				b.write(t, func(tx store.Tx) {
					count, last, err := tx.RemoveParties(b.ctx, acme, after, limit, size)
					require.NoError(t, err)
					removed[size] += count
					after, more = last, last != ""
				})
				require.Less(t, pages, 10)
			}
		}
		require.Equal(t, map[int]int{2: 2, 100: 0}, removed)
		for account, want := range map[string][]string{
			acme: {
				"+48501000002", "+48501000003", "+48501000004", "+48501000005", "+48501000006", "jan",
			},
			other: {"+48501000001"},
		} {
			left, err := b.Subscribers(b.ctx, account, "", 100)
			require.NoError(t, err)
			var ids []string
			for _, subscriber := range left {
				ids = append(ids, subscriber.ID)
			}
			require.Equal(t, want, ids)
		}
	}},

	{"removes broadcasts that are through", func(t *testing.T, b *bundle) {
		put := func(tx store.Tx, account, id, state string, at time.Time) {
			require.NoError(t, tx.PutBroadcast(b.ctx, store.Broadcast{
				ID: id, Account: account, Name: "n", Spec: []byte("{}"), State: state, CreatedAt: now.Add(-time.Hour), UpdatedAt: at,
			}))
		}
		b.write(t, func(tx store.Tx) {
			for id, state := range map[string]string{
				"a": store.BroadcastDone, "b": store.BroadcastRunning, "c": store.BroadcastFailed, "d": store.BroadcastCancelled,
			} {
				put(tx, acme, id, state, now.Add(-time.Second))
			}
			put(tx, acme, "e", store.BroadcastDone, now)
			put(tx, other, "a", store.BroadcastDone, now.Add(-time.Second))
			accounts, err := tx.Accounts(b.ctx)
			require.NoError(t, err)
			require.Equal(t, []string{acme, other}, accounts)
			for _, want := range []struct {
				after, last string
				removed     int
			}{{"", "b", 1}, {"b", "d", 2}, {"d", "", 0}} {
				removed, last, err := tx.RemoveBroadcasts(b.ctx, acme, want.after, now, 2)
				require.NoError(t, err)
				require.Equal(t, want.last, last)
				require.Equal(t, want.removed, removed)
			}
		})
		for id, there := range map[string]bool{"a": false, "b": true, "c": false, "d": false, "e": true} {
			_, err := b.ReadBroadcast(b.ctx, acme, id)
			require.Equal(t, there, err == nil, id)
		}
		_, err := b.ReadBroadcast(b.ctx, other, "a")
		require.NoError(t, err)
	}},

	{"says of which calls something is still to be done", func(t *testing.T, b *bundle) {
		rows := []*store.OutboxRow{
			change(acme, 1, 1), change(acme, 2, 1), change(acme, 3, 1), change(acme, 4, 1), change(acme, 5, 1),
			change(acme, 6, 1), change(acme, 7, 1),
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.AppendOutbox(b.ctx, rows))
			require.NoError(t, tx.PutDue(b.ctx, []store.Due{
				{Account: acme, CallUUID: uuid(3), Kind: store.DueSettle, At: now},
				{Account: acme, CallUUID: uuid(4), Kind: store.DueTidy, At: now},
				{Account: other, CallUUID: uuid(1), Kind: store.DueReap, At: now},
			}))
			waits, old, lately := pending(101, 4, ""), pending(102, 1, ""), pending(103, 5, "")
			old.State, old.EndedAt = store.TriggerDone, now
			lately.State, lately.EndedAt = store.TriggerDone, now.Add(time.Minute)
			require.NoError(t, tx.AddTriggers(b.ctx, []*store.Trigger{waits, old, lately}))
		})
		// Of 7 the row waits for the relay, that of 6 is held back.
		require.NoError(t, b.Advance(b.ctx, rows[5].ID, []store.Held{{
			OutboxID: rows[5].ID, Account: acme, CallUUID: uuid(6), Poison: true, Reason: "x",
		}}, nil))
		b.write(t, func(tx store.Tx) {
			var keys []store.Key
			for n := range 9 {
				keys = append(keys, key(acme, n), key(acme, n))
			}
			unfinished, err := tx.Unfinished(b.ctx, keys, now.Add(time.Minute))
			require.NoError(t, err)
			require.ElementsMatch(t, []store.Key{
				key(acme, 3), key(acme, 4), key(acme, 5), key(acme, 6), key(acme, 7),
			}, unfinished)
			unfinished, err = tx.Unfinished(b.ctx, nil, now)
			require.NoError(t, err)
			require.Empty(t, unfinished)
		})
	}},

	{"removes all that there is about calls but their facts, and nothing of others", func(t *testing.T, b *bundle) {
		settle := entry(acme, "", "settle")
		settle.CallUUID, settle.Origin = uuid(1), store.OriginSettle
		b.appendAll(t, entry(acme, uuid(1), "a"), entry(acme, uuid(2), "b"), entry(acme, uuid(3), "c"), settle,
			entry(other, uuid(1), "d"))
		project := store.ProjectKey("7")
		var calls []store.Call
		for _, k := range []store.Key{key(acme, 1), key(acme, 3), key(other, 1)} {
			c := ended(k.Account, 0, stats.Fact{Class: answeredClass, Wait: 1, Talk: 1})
			c.CallUUID, c.Index.Keys = k.UUID, []string{project}
			calls = append(calls, c)
		}
		merged := call(acme, 2)
		merged.MergedInto, merged.Record, merged.Index = uuid(1), nil, store.Index{}
		done, waits := pending(101, 1, ""), pending(102, 3, "")
		done.State, done.EndedAt = store.TriggerDone, now
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutCalls(b.ctx, append(calls, merged)))
			require.NoError(t, tx.PutLegs(b.ctx, []store.Leg{
				{Account: acme, DialogUUID: uuid(1), CallUUID: uuid(1)},
				{Account: acme, DialogUUID: uuid(2), CallUUID: uuid(1)},
				{Account: acme, DialogUUID: uuid(3), CallUUID: uuid(3)},
				{Account: other, DialogUUID: uuid(1), CallUUID: uuid(1)},
			}))
			require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{
				change(acme, 1, 1), change(acme, 1, 2), change(acme, 3, 1), change(other, 1, 1),
			}))
			require.NoError(t, tx.AddTriggers(b.ctx, []*store.Trigger{done, waits}))
		})
		before, err := b.Tallies(b.ctx, everything)
		require.NoError(t, err)
		require.NotEmpty(t, before)
		keys := []store.Key{key(acme, 1), key(acme, 2), key(acme, 1), key(acme, 9)}
		b.write(t, func(tx store.Tx) {
			own, _ := tx.Turn()
			require.NotEmpty(t, own)
			removed, err := tx.RemoveCalls(b.ctx, keys)
			require.NoError(t, err)
			require.NoError(t, tx.Bury(b.ctx, keys, now))
			require.NoError(t, tx.Bury(b.ctx, nil, now))
			require.Equal(t, store.Removed{Calls: 2, Legs: 2, Journal: 3, Outbox: 2, Triggers: 1}, removed)
			removed, err = tx.RemoveCalls(b.ctx, nil)
			require.NoError(t, err)
			require.Zero(t, removed)
		})
		require.Equal(t, []string{"c", "d"}, b.bodies(t))
		for _, k := range keys {
			_, err := b.Call(b.ctx, k)
			require.ErrorIs(t, err, store.ErrNotFound)
			_, err = b.Dialog(b.ctx, k)
			require.ErrorIs(t, err, store.ErrNotFound)
		}
		for name, want := range map[string][]string{acme: {uuid(3)}, other: {uuid(1)}} {
			page, err := b.Calls(b.ctx, store.CallFilter{Account: name, Keys: []string{project}})
			require.NoError(t, err)
			require.Equal(t, want, uuidsOf(page))
			page, err = b.Calls(b.ctx, store.CallFilter{Account: name})
			require.NoError(t, err)
			require.Equal(t, want, uuidsOf(page))
		}
		after, err := b.Tallies(b.ctx, everything)
		require.NoError(t, err)
		require.Equal(t, before, after, "figures outlive their calls")
		b.write(t, func(tx store.Tx) {
			triggers, err := tx.TriggersByID(b.ctx, []string{done.ID, waits.ID})
			require.NoError(t, err)
			require.Len(t, triggers, 1)
			stones, err := tx.Tombstones(b.ctx, append(keys, key(acme, 3), key(other, 1)))
			require.NoError(t, err)
			require.ElementsMatch(t, []store.Key{key(acme, 1), key(acme, 2), key(acme, 9)}, stones)
		})
	}},

	{"says after a removal that somebody else has written", func(t *testing.T, b *bundle) {
		var own string
		b.write(t, func(tx store.Tx) {
			own, _ = tx.Turn()
			_, err := tx.RemoveCalls(b.ctx, []store.Key{key(acme, 1)})
			require.NoError(t, err)
		})
		b.write(t, func(tx store.Tx) {
			_, before := tx.Turn()
			require.Equal(t, own, before)
		})
	}},

	{"gives no id again, whatever was removed", func(t *testing.T, b *bundle) {
		row, e := change(acme, 1, 1), entry(acme, uuid(1), "a")
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{e}))
			require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{row}))
		})
		require.NoError(t, b.Advance(b.ctx, row.ID, nil, nil))
		b.write(t, func(tx store.Tx) {
			_, err := tx.RemoveCalls(b.ctx, []store.Key{key(acme, 1)})
			require.NoError(t, err)
		})
		nextRow, next := change(acme, 2, 1), entry(acme, uuid(2), "b")
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Append(b.ctx, []*store.Entry{next}))
			require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{nextRow}))
		})
		require.Greater(t, next.ID, e.ID)
		require.Greater(t, nextRow.ID, row.ID)
		unsent, err := b.Unsent(b.ctx, row.ID, 10)
		require.NoError(t, err)
		require.Equal(t, []int64{nextRow.ID}, idsOf(unsent))
	}},

	{"keeps as ignored what names something that was removed", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Bury(b.ctx, []store.Key{key(acme, 1), key(acme, 2)}, now))
		})
		entries := []*store.Entry{
			told(acme, "its own", uuid(1)), told(acme, "its parent", uuid(5), uuid(2)), told(acme, "another", uuid(5), uuid(6)),
			told(other, "of another account", uuid(1), uuid(2)), entry(acme, uuid(1), "names nothing"),
		}
		b.appendAll(t, entries...)
		var ignored []bool
		for _, e := range entries {
			require.False(t, e.Duplicate)
			ignored = append(ignored, e.Ignored)
		}
		require.Equal(t, []bool{true, true, false, false, false}, ignored)
		kept, err := b.Journal(b.ctx, 0, 10)
		require.NoError(t, err)
		for i, e := range kept {
			require.Equal(t, ignored[i], e.Ignored, "%s", e.Body)
		}
		again := told(acme, "its own", uuid(1))
		b.appendAll(t, again)
		require.True(t, again.Duplicate)

		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.Ignore(b.ctx, []int64{entries[2].ID}))
			require.NoError(t, tx.Ignore(b.ctx, nil))
		})
		kept, err = b.Journal(b.ctx, 0, 10)
		require.NoError(t, err)
		for i, e := range kept {
			require.Equal(t, i < 3, e.Ignored, "%s", e.Body)
		}
	}},

	{"removes other families by their age, in pages that go on from each other", func(t *testing.T, b *bundle) {
		later := now.Add(time.Hour)
		b.appendAll(t,
			family(acme, "1", now), entry(acme, uuid(1), "2"), family(other, "3", now), family("third", "4", now),
			family(acme, "5", now), entry(acme, uuid(1), "6"), family(acme, "7", later), family(acme, "8", now))
		accounts := []string{acme, other, acme}
		var through int64
		for step, want := range []struct {
			limit   int
			removed int
			left    []string
			moved   bool
		}{
			{3, 2, []string{"2", "4", "5", "6", "7", "8"}, true},
			{100, 1, []string{"2", "4", "6", "7", "8"}, true}, // 7 is too young, and nothing is looked at behind it
			{100, 0, []string{"2", "4", "6", "7", "8"}, false},
		} {
			b.write(t, func(tx store.Tx) {
				after, err := tx.RemovedThrough(b.ctx, store.RemovedJournal, accounts)
				require.NoError(t, err)
				require.Equal(t, through, after, "step %d", step)
				var removed int
				removed, through, err = tx.RemoveIgnored(b.ctx, accounts, after, later, want.limit)
				require.NoError(t, err)
				require.Equal(t, want.removed, removed, "step %d", step)
				require.Equal(t, want.moved, through > after, "step %d", step)
			})
			require.Equal(t, want.left, b.bodies(t), "step %d", step)
		}
		b.write(t, func(tx store.Tx) {
			after, err := tx.RemovedThrough(b.ctx, store.RemovedJournal, []string{acme, "third"})
			require.NoError(t, err)
			require.Zero(t, after, "the third account was not looked at")
			after, err = tx.RemovedThrough(b.ctx, store.RemovedOutbox, accounts)
			require.NoError(t, err)
			require.Zero(t, after)
			removed, _, err := tx.RemoveIgnored(b.ctx, []string{"third"}, 0, later, 100)
			require.NoError(t, err)
			require.Equal(t, 1, removed)
			removed, _, err = tx.RemoveIgnored(b.ctx, accounts, through, aYear, 100)
			require.NoError(t, err)
			require.Equal(t, 2, removed)
		})
		require.Equal(t, []string{"2", "6"}, b.bodies(t))
	}},

	{"removes outbox history as far as it was published, and what is not held back", func(t *testing.T, b *bundle) {
		rows := []*store.OutboxRow{
			change(acme, 1, 11), change(other, 2, 12), change(acme, 3, 13), change(acme, 4, 14), change(acme, 5, 15),
			change(acme, 6, 16),
		}
		rows[4].CreatedAt = now.Add(time.Hour)
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.AppendOutbox(b.ctx, rows)) })
		ids := func() (left []int64) {
			for _, row := range rows {
				found, err := b.OutboxRows(b.ctx, []int64{row.ID})
				require.NoError(t, err)
				if len(found) == 1 {
					left = append(left, row.JournalID)
				}
			}
			return left
		}
		remove := func(before time.Time) (removed int) {
			b.write(t, func(tx store.Tx) {
				after, err := tx.RemovedThrough(b.ctx, store.RemovedOutbox, []string{acme})
				require.NoError(t, err)
				removed, _, err = tx.RemoveHistory(b.ctx, []string{acme}, after, before, 100)
				require.NoError(t, err)
			})
			return removed
		}
		require.Zero(t, remove(aYear), "nothing is published")
		require.NoError(t, b.Advance(b.ctx, rows[2].ID, []store.Held{{
			OutboxID: rows[2].ID, Account: acme, CallUUID: uuid(3), Poison: true, Reason: "x",
		}}, nil))
		require.Equal(t, 1, remove(now.Add(time.Minute)))
		require.Equal(t, []int64{12, 13, 14, 15, 16}, ids())
		require.NoError(t, b.Advance(b.ctx, rows[5].ID, nil, nil))
		require.Equal(t, 1, remove(now.Add(time.Minute)))
		require.Equal(t, []int64{12, 13, 15, 16}, ids(), "15 is too young")
		b.write(t, func(tx store.Tx) {
			last, err := tx.EventsRemoved(b.ctx)
			require.NoError(t, err)
			require.Equal(t, map[string]int64{acme: 14}, last)
		})
		require.Equal(t, 2, remove(aYear))
		require.Equal(t, []int64{12, 13}, ids())
	}},

	{"removes from quarantine what came last long ago", func(t *testing.T, b *bundle) {
		for n, at := range []time.Time{now, now.Add(time.Hour), now, now} {
			name := []string{acme, acme, acme, other}[n]
			require.NoError(t, b.Quarantine(b.ctx, store.Refused{
				Account: name, ReceivedAt: now, LastAt: at, SHA256: [32]byte{byte(n)}, Body: []byte{byte('a' + n)},
			}))
		}
		b.write(t, func(tx store.Tx) {
			for _, want := range []int{1, 1, 0} {
				removed, err := tx.RemoveRefused(b.ctx, acme, now.Add(time.Minute), 1)
				require.NoError(t, err)
				require.Equal(t, want, removed)
			}
		})
		for name, want := range map[string]string{acme: "b", other: "d"} {
			left, err := b.Quarantined(b.ctx, name, 10)
			require.NoError(t, err)
			require.Len(t, left, 1)
			require.Equal(t, want, string(left[0].Body))
		}
	}},

	{"removes triggers of no call that ended long ago", func(t *testing.T, b *bundle) {
		var triggers []*store.Trigger
		for n := range 6 {
			one := pending(100+n, 1, "")
			one.CallUUID, one.CreatedAt, one.State, one.EndedAt = "", now.Add(time.Duration(n)), store.TriggerDone, now
			triggers = append(triggers, one)
		}
		triggers[1].CallUUID = uuid(1)
		triggers[2].Account = other
		triggers[3].State, triggers[3].EndedAt = store.TriggerPending, time.Time{}
		triggers[4].EndedAt = now.Add(time.Minute)
		b.addTriggers(t, triggers...)
		b.write(t, func(tx store.Tx) {
			for _, want := range []int{1, 1, 0} {
				removed, err := tx.RemoveTriggers(b.ctx, acme, now.Add(time.Minute), 1)
				require.NoError(t, err)
				require.Equal(t, want, removed)
			}
			var ids []string
			for _, one := range triggers {
				ids = append(ids, one.ID)
			}
			left, err := tx.TriggersByID(b.ctx, ids)
			require.NoError(t, err)
			require.ElementsMatch(t, []string{ids[1], ids[2], ids[3], ids[4]}, triggerIDs(left))
		})
	}},

	{"drops old tombstones, the oldest first", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) {
			for n := range 3 {
				require.NoError(t, tx.Bury(b.ctx, []store.Key{key(acme, n)}, now.Add(time.Duration(n)*time.Hour)))
			}
			require.NoError(t, tx.Bury(b.ctx, []store.Key{key(acme, 0)}, now.Add(time.Minute)))
			keys := []store.Key{key(acme, 0), key(acme, 1), key(acme, 2)}
			dropped, err := tx.DropTombstones(b.ctx, now.Add(time.Minute), 10)
			require.NoError(t, err)
			require.Zero(t, dropped, "it was removed again since")
			dropped, err = tx.DropTombstones(b.ctx, now.Add(90*time.Minute), 1)
			require.NoError(t, err)
			require.Equal(t, 1, dropped)
			stones, err := tx.Tombstones(b.ctx, keys)
			require.NoError(t, err)
			require.ElementsMatch(t, keys[1:], stones)
		})
	}},
}
