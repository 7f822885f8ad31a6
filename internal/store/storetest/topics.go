package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func topic(account, key, name string) store.Topic {
	return store.Topic{Account: account, Key: key, Name: name, CreatedAt: now}
}

var topicTests = []test{
	{"gives topics back as they were written, in pages by key", func(t *testing.T, b *bundle) {
		renamed := topic(acme, "b", "new name")
		renamed.CreatedAt = now.Add(time.Hour)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutTopics(b.ctx, []store.Topic{
				topic(acme, "c", "C"), topic(acme, "a", ""), topic(acme, "b", "old name"), topic(other, "a", "foreign"),
				topic(acme, "a", "A"), topic(acme, "c", ""),
			}))
			require.NoError(t, tx.PutTopics(b.ctx, []store.Topic{renamed, topic(acme, "a", "")}))
			require.NoError(t, tx.PutTopics(b.ctx, nil))
			got, err := tx.TopicsByKey(b.ctx, acme, []string{"c", "x", "a", "c"})
			require.NoError(t, err)
			require.ElementsMatch(t, []store.Topic{topic(acme, "a", "A"), topic(acme, "c", "C")}, got)
			got, err = tx.TopicsByKey(b.ctx, acme, nil)
			require.NoError(t, err)
			require.Empty(t, got)
		})
		page, err := b.Topics(b.ctx, acme, "", 2)
		require.NoError(t, err)
		require.Equal(t, []store.Topic{topic(acme, "a", "A"), topic(acme, "b", "new name")}, page)
		page, err = b.Topics(b.ctx, acme, "b", 2)
		require.NoError(t, err)
		require.Equal(t, []store.Topic{topic(acme, "c", "C")}, page)
		one, err := b.Topic(b.ctx, other, "a")
		require.NoError(t, err)
		require.Equal(t, topic(other, "a", "foreign"), one)
		_, err = b.Topic(b.ctx, other, "b")
		require.ErrorIs(t, err, store.ErrNotFound)
	}},

	{"takes subscribers on and off", func(t *testing.T, b *bundle) {
		var all []store.Subscriber
		var ids []string
		for n := range 120 {
			all = append(all, subscriber(fmt.Sprintf("s%03d", n)))
			ids = append(ids, all[n].ID)
		}
		foreign := subscriber("x")
		foreign.Account = other
		b.putSubscribers(t, false, append(all, foreign, subscriber("nobody"))...)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutTopics(b.ctx, []store.Topic{topic(acme, "t", ""), topic(acme, "empty", ""), topic(other, "t", "")}))
			joined, err := tx.JoinTopic(b.ctx, acme, "t", []string{"s001", "x", "unknown", "s000", "s001"})
			require.NoError(t, err)
			require.Equal(t, []string{"s000", "s001"}, joined)
			joined, err = tx.JoinTopic(b.ctx, acme, "t", ids)
			require.NoError(t, err)
			require.Equal(t, ids, joined)
			joined, err = tx.JoinTopic(b.ctx, acme, "t", nil)
			require.NoError(t, err)
			require.Empty(t, joined)
		})
		b.write(t, func(tx store.Tx) {
			_, err := tx.JoinTopic(b.ctx, acme, "no such", []string{"s001"})
			require.ErrorIs(t, err, store.ErrNotFound)
			require.NotErrorIs(t, err, store.ErrUnavailable)
			require.NoError(t, tx.LeaveTopic(b.ctx, acme, "t", []string{"s000", "s119", "unknown"}))
			require.NoError(t, tx.LeaveTopic(b.ctx, acme, "no such", []string{"s001"}))
			require.NoError(t, tx.LeaveTopic(b.ctx, acme, "t", nil))
		})
		var members []string
		for after := ""; ; after = members[len(members)-1] {
			page, err := b.TopicMembers(b.ctx, acme, "t", after, 50)
			require.NoError(t, err)
			b.write(t, func(tx store.Tx) {
				inside, err := tx.TopicSubscribers(b.ctx, acme, "t", after, 50)
				require.NoError(t, err)
				require.Equal(t, page, inside)
			})
			members = append(members, subscriberIDs(page)...)
			if len(page) < 50 {
				break
			}
		}
		require.Equal(t, ids[1:119], members)
		got, err := b.Topic(b.ctx, acme, "t")
		require.NoError(t, err)
		require.Equal(t, 118, got.Subscribers)
		page, err := b.Topics(b.ctx, acme, "", 10)
		require.NoError(t, err)
		require.Equal(t, []int{0, 118}, []int{page[0].Subscribers, page[1].Subscribers})
	}},

	{"drops topics with their lists", func(t *testing.T, b *bundle) {
		b.putSubscribers(t, false, subscriber("a"))
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutTopics(b.ctx, []store.Topic{topic(acme, "t", ""), topic(acme, "u", ""), topic(other, "t", "")}))
			for _, key := range []string{"t", "u"} {
				_, err := tx.JoinTopic(b.ctx, acme, key, []string{"a"})
				require.NoError(t, err)
			}
			require.NoError(t, tx.DropTopics(b.ctx, acme, []string{"t", "x"}))
			require.NoError(t, tx.DropTopics(b.ctx, acme, nil))
			require.NoError(t, tx.PutTopics(b.ctx, []store.Topic{topic(acme, "t", "again")}))
		})
		page, err := b.Topics(b.ctx, acme, "", 10)
		require.NoError(t, err)
		require.Equal(t, []int{0, 1}, []int{page[0].Subscribers, page[1].Subscribers})
		_, err = b.Topic(b.ctx, other, "t")
		require.NoError(t, err)
	}},

	{"refuses a key that is too long", func(t *testing.T, b *bundle) {
		put := func(key string) error {
			return b.Write(b.ctx, func(tx store.Tx) error { return tx.PutTopics(b.ctx, []store.Topic{topic(acme, key, "")}) })
		}
		require.NoError(t, put(strings.Repeat("é", store.MaxKey/2)))
		require.ErrorIs(t, put(strings.Repeat("é", store.MaxKey/2)+"x"), store.ErrRefused)
	}},
}
