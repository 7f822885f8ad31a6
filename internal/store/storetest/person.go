package storetest

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/flow"
	"webhookd/internal/store"
)

var personTests = []test{
	{"gives the rows of every table in pages, writes them anew and drops them", func(t *testing.T, b *bundle) {
		b.change(t, func(tx store.Tx) error {
			for _, account := range []string{acme, other} {
				if err := tx.AppendOutbox(b.ctx, []*store.OutboxRow{
					{Change: flow.Change{Account: account, CallUUID: "c", Record: []byte(`{"a":1}`)}},
					{Change: flow.Change{Account: account, CallUUID: "c", Record: []byte(`{"a":2}`)}},
				}); err != nil {
					return err
				}
				if err := tx.AddTriggers(b.ctx, []*store.Trigger{{
					ID: "t-" + account, Account: account, Handler: "h", Contact: "48501502503", EventType: "call_missed", EventUUID: "e",
					State: store.TriggerPending, Occasion: []byte("over"), CreatedAt: now, FireAt: now,
				}}); err != nil {
					return err
				}
				if err := tx.PutRequests(b.ctx, []store.Request{{
					ID: "r-" + account, Account: account, TriggerID: "t", Handler: "h", Spec: []byte("spec"), CreatedAt: now,
				}}); err != nil {
					return err
				}
				if err := tx.PutBroadcast(b.ctx, store.Broadcast{
					ID: "b", Account: account, Name: "n", Spec: []byte("cast"), State: store.BroadcastDone, CreatedAt: now, UpdatedAt: now,
				}); err != nil {
					return err
				}
				if err := tx.AddMarks(b.ctx, []store.Mark{{Account: account, Contact: "48501502503", EventType: "x", At: 1, SeenAt: now}}); err != nil {
					return err
				}
				if err := tx.PutSubscribers(b.ctx, []store.Subscriber{{Account: account, ID: "48501502503", FirstName: "Jan"}}, false); err != nil {
					return err
				}
				if err := tx.PutTopics(b.ctx, []store.Topic{{Account: account, Key: "vip"}}); err != nil {
					return err
				}
				if _, err := tx.JoinTopic(b.ctx, account, "vip", []string{"48501502503"}); err != nil {
					return err
				}
				if err := tx.KeepIdempotent(b.ctx, store.Idempotent{Account: account, Key: [32]byte{1}, Status: 200, Body: []byte("answer")}); err != nil {
					return err
				}
			}
			return nil
		})
		for _, account := range []string{acme, other} {
			require.NoError(t, b.Quarantine(b.ctx, refused(account, "refused\xff", now)))
		}
		first := map[store.PersonTable]string{
			store.PersonOutbox: `{"a":1}`, store.PersonTriggers: "48501502503", store.PersonRequests: "spec", store.PersonBroadcasts: "cast",
			store.PersonMarks: "contact:48501502503", store.PersonSubscribers: "48501502503", store.PersonTopics: "48501502503",
			store.PersonAnswers: "answer", store.PersonQuarantine: "refused\xff",
		}
		require.Len(t, first, len(store.PersonTables))
		for _, table := range store.PersonTables {
			rows, err := b.PersonRows(b.ctx, acme, table, "", 1)
			require.NoError(t, err, table)
			require.Len(t, rows, 1, table)
			require.Len(t, rows[0].Values, len(store.PersonColumns[table]))
			require.Equal(t, first[table], string(rows[0].Values[0]), table)
			more, err := b.PersonRows(b.ctx, acme, table, rows[0].Key, 10)
			require.NoError(t, err)
			if table == store.PersonOutbox {
				require.Len(t, more, 1)
				require.JSONEq(t, `{"a":2}`, string(more[0].Values[0]))
			} else {
				require.Empty(t, more, table)
			}
			if table == store.PersonMarks || table == store.PersonSubscribers || table == store.PersonTopics {
				continue // they are keys, and are dropped
			}
			changed := rows[0]
			b.change(t, func(tx store.Tx) error {
				same, err := tx.PersonRowsByKey(b.ctx, acme, table, []string{changed.Key, changed.Key})
				require.NoError(t, err)
				require.Equal(t, rows, same, table)
				nobodys, err := tx.PersonRowsByKey(b.ctx, "nobody", table, []string{changed.Key})
				require.NoError(t, err)
				require.Empty(t, nobodys, table)
				none, err := tx.PersonRowsByKey(b.ctx, acme, table, nil)
				require.NoError(t, err)
				require.Empty(t, none, table)
				return nil
			})
			changed.Values[0] = []byte(`{"a":"other"}`)
			b.change(t, func(tx store.Tx) error { return tx.RewriteRows(b.ctx, acme, table, []store.PersonRow{changed}) })
			again, err := b.PersonRows(b.ctx, acme, table, "", 1)
			require.NoError(t, err)
			require.Equal(t, changed, again[0], table)
		}
		for _, table := range store.PersonTables {
			rows, err := b.PersonRows(b.ctx, acme, table, "", 1)
			require.NoError(t, err)
			b.change(t, func(tx store.Tx) error { return tx.DropRows(b.ctx, acme, table, []string{rows[0].Key, rows[0].Key}) })
			again, err := b.PersonRows(b.ctx, acme, table, "", 1)
			require.NoError(t, err)
			require.NotEqual(t, rows, again, table)
			kept, err := b.PersonRows(b.ctx, other, table, "", 10)
			require.NoError(t, err)
			require.NotEmpty(t, kept)
			require.Equal(t, first[table], string(kept[0].Values[0]), "another account's %s", table)
		}
	}},

	{"gives every row once, page by page, whatever is in its key", func(t *testing.T, b *bundle) {
		const rows = 23
		b.change(t, func(tx store.Tx) error {
			require.NoError(t, tx.PutTopics(b.ctx, []store.Topic{{Account: acme, Key: "a"}, {Account: acme, Key: "a\n1"}, {Account: acme, Key: "1:"}}))
			for n := range rows {
				id := fmt.Sprintf("%d:\n%s", n%10, strings.Repeat("ż", n))
				require.NoError(t, tx.PutSubscribers(b.ctx, []store.Subscriber{{Account: acme, ID: id}}, false))
				for _, topic := range []string{"a", "a\n1", "1:"} {
					_, err := tx.JoinTopic(b.ctx, acme, topic, []string{id})
					require.NoError(t, err)
				}
				require.NoError(t, tx.AddMarks(b.ctx, []store.Mark{
					{Account: acme, Contact: id, EventType: "x", At: 1, SeenAt: now}, {Account: acme, Contact: id, EventType: "", At: 1, SeenAt: now},
				}))
				require.NoError(t, tx.KeepIdempotent(b.ctx, store.Idempotent{Account: acme, Key: sha256.Sum256([]byte(id)), Status: 200}))
				require.NoError(t, tx.AppendOutbox(b.ctx, []*store.OutboxRow{{Change: flow.Change{Account: acme, CallUUID: "c", Record: []byte(`{}`)}}}))
			}
			return nil
		})
		for table, want := range map[store.PersonTable]int{
			store.PersonSubscribers: rows, store.PersonTopics: 3 * rows, store.PersonMarks: 2 * rows, store.PersonAnswers: rows,
			store.PersonOutbox: rows,
		} {
			seen := map[string]bool{}
			for after := ""; ; {
				page, err := b.PersonRows(b.ctx, acme, table, after, 4)
				require.NoError(t, err)
				if len(page) == 0 {
					break
				}
				var keys []string
				for _, row := range page {
					require.False(t, seen[row.Key], "%s gives %q twice", table, row.Key)
					seen[row.Key] = true
					keys = append(keys, row.Key)
				}
				after = page[len(page)-1].Key
				b.change(t, func(tx store.Tx) error {
					again, err := tx.PersonRowsByKey(b.ctx, acme, table, keys)
					require.ElementsMatch(t, page, again)
					return err
				})
			}
			require.Len(t, seen, want, table)
		}
		_, err := b.PersonRows(b.ctx, acme, store.PersonTopics, "no key of ours", 4)
		require.ErrorIs(t, err, store.ErrRefused)
	}},

	{"gives journal entries other bodies, and keeps what orders them", func(t *testing.T, b *bundle) {
		body, changed := []byte("body"), []byte("changed\x00\xff")
		entry := &store.Entry{
			Account: acme, ReceivedAt: now, Origin: store.OriginPBX, EventName: "x", SHA256: sha256.Sum256(body), Body: body,
		}
		late := &store.Entry{
			Account: acme, ReceivedAt: now, Origin: store.OriginPBX, EventName: "x", SHA256: sha256.Sum256([]byte("late")), Rank: [32]byte{7},
			Body: []byte("late"),
		}
		b.change(t, func(tx store.Tx) error { return tx.Append(b.ctx, []*store.Entry{entry, late}) })
		b.change(t, func(tx store.Tx) error {
			return tx.RewriteJournal(b.ctx, []store.Rewrite{
				{ID: entry.ID, SHA256: sha256.Sum256(changed), Rank: entry.SHA256, Body: changed},
			})
		})
		entries, err := b.Journal(b.ctx, 0, 10)
		require.NoError(t, err)
		require.Len(t, entries, 2)
		require.Equal(t, changed, entries[0].Body)
		require.Equal(t, sha256.Sum256(changed), entries[0].SHA256)
		require.Equal(t, sha256.Sum256(body), entries[0].Rank)
		require.Equal(t, [32]byte{7}, entries[1].Rank)
		b.change(t, func(tx store.Tx) error {
			found, err := tx.EntriesByID(b.ctx, []int64{late.ID, entry.ID, late.ID, late.ID + 7})
			require.NoError(t, err)
			require.Equal(t, entries, found)
			found, err = tx.EntriesByID(b.ctx, nil)
			require.Empty(t, found)
			return err
		})
		b.change(t, func(tx store.Tx) error {
			there, err := tx.Journaled(b.ctx, acme, [][32]byte{sha256.Sum256(body), sha256.Sum256(changed), late.SHA256, {}})
			require.NoError(t, err)
			require.ElementsMatch(t, [][32]byte{sha256.Sum256(changed), late.SHA256}, there)
			for account, hashes := range map[string][][32]byte{acme: nil, other: {late.SHA256}} {
				there, err = tx.Journaled(b.ctx, account, hashes)
				require.NoError(t, err)
				require.Empty(t, there, account)
			}
			return nil
		})
		again := &store.Entry{
			Account: acme, ReceivedAt: now, Origin: store.OriginPBX, EventName: "x", SHA256: sha256.Sum256(changed), Body: changed,
		}
		b.change(t, func(tx store.Tx) error { return tx.Append(b.ctx, []*store.Entry{again}) })
		require.True(t, again.Duplicate)
		err = b.Write(b.ctx, func(tx store.Tx) error {
			return tx.RewriteJournal(b.ctx, []store.Rewrite{{ID: late.ID, SHA256: sha256.Sum256(changed), Rank: late.Rank, Body: changed}})
		})
		require.ErrorIs(t, err, store.ErrRefused)
	}},

	{"keeps erasures and forgets their marks", func(t *testing.T, b *bundle) {
		var secret, same []byte
		one := store.Erasure{ID: "1", Account: acme, At: now, Pseudonym: "erased-1", Marks: []string{"a", "b"}, GuardUntil: now.Add(time.Hour)}
		two := store.Erasure{ID: "2", Account: other, At: now, Pseudonym: "erased-2", Marks: []string{"c"}, GuardUntil: now.Add(2 * time.Hour)}
		b.change(t, func(tx store.Tx) (err error) {
			none, _, err := tx.GuardedErasures(b.ctx, now)
			require.NoError(t, err)
			require.Empty(t, none)
			secret, err = tx.ErasureSecret(b.ctx, []byte("first"))
			require.NoError(t, err)
			same, err = tx.ErasureSecret(b.ctx, []byte("second"))
			require.NoError(t, err)
			require.NoError(t, tx.PutErasure(b.ctx, one))
			return tx.PutErasure(b.ctx, two)
		})
		require.Equal(t, []byte("first"), secret)
		require.Equal(t, secret, same)
		one.Certificate = []byte(`{"id":"1"}`)
		b.change(t, func(tx store.Tx) error {
			guarded, got, err := tx.GuardedErasures(b.ctx, now)
			require.NoError(t, err)
			require.Equal(t, secret, got)
			require.Len(t, guarded, 2)
			require.Equal(t, one.Marks, guarded[0].Marks)
			guarded, _, err = tx.GuardedErasures(b.ctx, now.Add(time.Hour))
			require.NoError(t, err)
			require.Equal(t, []store.Erasure{two}, guarded)
			require.NoError(t, tx.PutErasure(b.ctx, one))
			forgotten, err := tx.ForgetMarks(b.ctx, now.Add(time.Hour-time.Second))
			require.NoError(t, err)
			require.Zero(t, forgotten)
			forgotten, err = tx.ForgetMarks(b.ctx, now.Add(time.Hour))
			require.Equal(t, 1, forgotten)
			return err
		})
		kept, err := b.Erasures(b.ctx, acme)
		require.NoError(t, err)
		one.Marks = nil
		require.Equal(t, []store.Erasure{one}, kept)
		kept, err = b.Erasures(b.ctx, other)
		require.NoError(t, err)
		require.Equal(t, []store.Erasure{two}, kept)
	}},

	{"adds marks to an erasure until they are forgotten", func(t *testing.T, b *bundle) {
		kept := store.Erasure{
			ID: "1", Account: acme, At: now, Pseudonym: "erased-1", Marks: []string{"a", "c"}, GuardUntil: now.Add(time.Hour),
			Certificate: []byte(`{"id":"1"}`),
		}
		var before, own string
		b.change(t, func(tx store.Tx) error { return tx.PutErasure(b.ctx, kept) })
		b.change(t, func(tx store.Tx) error {
			own, _ = tx.Turn()
			require.NoError(t, tx.AddErasureMarks(b.ctx, "nobody's", []string{"x"}))
			return tx.AddErasureMarks(b.ctx, "1", []string{"d", "b", "c"})
		})
		b.change(t, func(tx store.Tx) error { _, before = tx.Turn(); return nil })
		require.Equal(t, own, before, "whoever writes next looks again")
		there, err := b.Erasures(b.ctx, acme)
		require.NoError(t, err)
		kept.Marks = []string{"a", "b", "c", "d"}
		require.Equal(t, []store.Erasure{kept}, there)
		b.change(t, func(tx store.Tx) error {
			_, err := tx.ForgetMarks(b.ctx, now.Add(time.Hour))
			require.NoError(t, err)
			return tx.AddErasureMarks(b.ctx, "1", []string{"e"})
		})
		there, err = b.Erasures(b.ctx, acme)
		require.NoError(t, err)
		require.Empty(t, there[0].Marks)
	}},

	{"tells whoever writes next that a person was erased", func(t *testing.T, b *bundle) {
		var before, own string
		b.change(t, func(tx store.Tx) error {
			own, _ = tx.Turn()
			return tx.PutErasure(b.ctx, store.Erasure{ID: "1", Account: acme, At: now, Pseudonym: "erased-1", GuardUntil: now})
		})
		b.change(t, func(tx store.Tx) error { _, before = tx.Turn(); return nil })
		require.Equal(t, own, before)
	}},
}

// change is write for what may fail.
func (b *bundle) change(t *testing.T, fn func(tx store.Tx) error) {
	t.Helper()
	require.NoError(t, b.Write(b.ctx, fn))
}
