package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func subscriber(id string) store.Subscriber {
	return store.Subscriber{Account: acme, ID: id, CreatedAt: now, UpdatedAt: now}
}

func (b *bundle) putSubscribers(t *testing.T, keep bool, subscribers ...store.Subscriber) {
	t.Helper()
	b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutSubscribers(b.ctx, subscribers, keep)) })
}

func (b *bundle) subscriber(t *testing.T, id string) store.Subscriber {
	t.Helper()
	kept, err := b.Subscriber(b.ctx, acme, id)
	require.NoError(t, err)
	return plain(kept)[0]
}

// plain makes data that is not there equal, however it is empty.
func plain(subscribers ...store.Subscriber) []store.Subscriber {
	for i := range subscribers {
		if len(subscribers[i].Data) == 0 {
			subscribers[i].Data = nil
		}
	}
	return subscribers
}

func subscriberIDs(subscribers []store.Subscriber) []string {
	ids := make([]string, len(subscribers))
	for i, s := range subscribers {
		ids[i] = s.ID
	}
	return ids
}

var subscriberTests = []test{
	{"gives a subscriber back as it was written", func(t *testing.T, b *bundle) {
		full := store.Subscriber{
			Account: acme, ID: "a/ł", Email: "a@b.example", Phone: "+48501502503", FirstName: "Ann", LastName: "Żak",
			Locale: "pl_PL", Avatar: "https://a.example/x", Data: json.RawMessage(`{"b": 1, "a":"\u0000"}`),
			CreatedAt: now, UpdatedAt: now.Add(time.Hour),
		}
		b.putSubscribers(t, false, full, subscriber("b"))
		b.putSubscribers(t, false)
		require.Equal(t, full, b.subscriber(t, "a/ł"))
		require.Equal(t, subscriber("b"), b.subscriber(t, "b"))
		for _, missing := range [][2]string{{other, "b"}, {acme, "c"}} {
			_, err := b.Subscriber(b.ctx, missing[0], missing[1])
			require.ErrorIs(t, err, store.ErrNotFound)
		}
		b.write(t, func(tx store.Tx) {
			got, err := tx.SubscribersByID(b.ctx, acme, []string{"b", "c", "a/ł", "b"})
			require.NoError(t, err)
			require.ElementsMatch(t, []store.Subscriber{full, subscriber("b")}, plain(got...))
			got, err = tx.SubscribersByID(b.ctx, acme, nil)
			require.NoError(t, err)
			require.Empty(t, got)
		})
	}},

	{"overwrites what is given, also within a batch, or leaves a known one as it is", func(t *testing.T, b *bundle) {
		ann := subscriber("ann")
		ann.Email, ann.Phone, ann.Data = "ann@old.example", "1", json.RawMessage(`1`)
		b.putSubscribers(t, false, ann)

		byCall := subscriber("ann")
		byCall.Phone, byCall.UpdatedAt = "2", now.Add(time.Minute)
		unknown, again := subscriber("bob"), subscriber("bob")
		unknown.Phone, again.Phone = "3", "4"
		b.putSubscribers(t, true, byCall, unknown, again)
		require.Equal(t, ann, b.subscriber(t, "ann"))
		require.Equal(t, "3", b.subscriber(t, "bob").Phone)

		first, second := subscriber("ann"), subscriber("ann")
		first.Email, first.FirstName, first.Data, first.UpdatedAt = "ann@new.example", "An", json.RawMessage(`2`), now.Add(time.Hour)
		second.FirstName, second.LastName, second.Locale, second.Avatar = "Ann", "Żak", "pl", "x"
		second.CreatedAt, second.UpdatedAt = now.Add(time.Hour), now.Add(2*time.Hour)
		b.putSubscribers(t, false, first, second)
		require.Equal(t, store.Subscriber{
			Account: acme, ID: "ann", Email: "ann@new.example", Phone: "1", FirstName: "Ann", LastName: "Żak", Locale: "pl",
			Avatar: "x", Data: json.RawMessage(`2`), CreatedAt: now, UpdatedAt: now.Add(2 * time.Hour),
		}, b.subscriber(t, "ann"))
	}},

	{"gives pages by id, and counts", func(t *testing.T, b *bundle) {
		var all []store.Subscriber
		for n := range 250 {
			all = append(all, subscriber(fmt.Sprintf("s%03d", n)))
		}
		foreign := subscriber("s0005")
		foreign.Account = other
		b.putSubscribers(t, false, append(all, foreign, subscriber("Z"), subscriber("ż"))...)
		var ids []string
		b.write(t, func(tx store.Tx) {
			for after := ""; ; after = ids[len(ids)-1] {
				page, err := tx.SubscribersPage(b.ctx, acme, after, 100)
				require.NoError(t, err)
				outside, err := b.Subscribers(b.ctx, acme, after, 100)
				require.NoError(t, err)
				require.Equal(t, page, outside)
				ids = append(ids, subscriberIDs(page)...)
				if len(page) < 100 {
					break
				}
			}
			count, err := tx.CountSubscribers(b.ctx, acme)
			require.NoError(t, err)
			require.EqualValues(t, 252, count)
			count, err = tx.CountSubscribers(b.ctx, "nobody")
			require.NoError(t, err)
			require.Zero(t, count)
		})
		want := append([]string{"Z"}, subscriberIDs(all)...)
		require.Equal(t, append(want, "ż"), ids, "byte by byte")
	}},

	{"refuses an id that is too long, and leaves out a party of a call that has one", func(t *testing.T, b *bundle) {
		most := strings.Repeat("é", store.MaxKey/2)
		b.putSubscribers(t, false, subscriber(most))
		err := b.Write(b.ctx, func(tx store.Tx) error {
			return tx.PutSubscribers(b.ctx, []store.Subscriber{subscriber(most + "x")}, false)
		})
		require.ErrorIs(t, err, store.ErrRefused)
		b.putSubscribers(t, true, subscriber(most+"x"))
		b.putSubscribers(t, true, subscriber(most+"x"), subscriber("short"))
		page, err := b.Subscribers(b.ctx, acme, "", 10)
		require.NoError(t, err)
		require.Equal(t, []string{"short", most}, subscriberIDs(page))
	}},

	{"drops subscribers, also from topics", func(t *testing.T, b *bundle) {
		foreign := subscriber("a")
		foreign.Account = other
		b.putSubscribers(t, false, subscriber("a"), subscriber("b"), foreign)
		b.write(t, func(tx store.Tx) {
			for _, account := range []string{acme, other} {
				require.NoError(t, tx.PutTopics(b.ctx, []store.Topic{{Account: account, Key: "t"}}))
				_, err := tx.JoinTopic(b.ctx, account, "t", []string{"a", "b"})
				require.NoError(t, err)
			}
			require.NoError(t, tx.DropSubscribers(b.ctx, acme, []string{"a", "x"}))
			require.NoError(t, tx.DropSubscribers(b.ctx, acme, nil))
			require.NoError(t, tx.PutSubscribers(b.ctx, []store.Subscriber{subscriber("a")}, false))
		})
		for account, want := range map[string][]string{acme: {"b"}, other: {"a"}} {
			members, err := b.TopicMembers(b.ctx, account, "t", "", 10)
			require.NoError(t, err)
			require.Equal(t, want, subscriberIDs(members))
		}
	}},
}
