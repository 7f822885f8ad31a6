package sqlite

import (
	"context"
	"fmt"
	"slices"

	"webhookd/internal/store"
)

type topicRow struct {
	Account     string `db:"account"`
	Key         string `db:"key"`
	Name        string `db:"name"`
	CreatedAt   int64  `db:"created_at"`
	Subscribers int    `db:"subscribers"`
}

func (r topicRow) topic() store.Topic {
	return store.Topic{
		Account: r.Account, Key: r.Key, Name: r.Name, CreatedAt: momentOf(r.CreatedAt), Subscribers: r.Subscribers,
	}
}

func topicsFrom(rows []topicRow) []store.Topic {
	topics := make([]store.Topic, len(rows))
	for i, row := range rows {
		topics[i] = row.topic()
	}
	return topics
}

const (
	putTopic = `
insert into topics as known (account, key, name, created_at)
values (?, ?, ?, ?)
on conflict (account, key) do update set name = excluded.name where excluded.name <> ''`

	dropTopic        = `delete from topics where account = ? and key = ?`
	dropTopicMembers = `delete from topic_subscribers where account = ? and topic_key = ?`
	topicExists      = `select exists (select 1 from topics where account = ? and key = ?)`
	joining          = `select id from subscribers where account = ? and id in (select value from json_each(?))`
	joinTopic        = `
insert into topic_subscribers (account, topic_key, subscriber_id)
values (?, ?, ?)
on conflict do nothing`
	leaveTopic = `delete from topic_subscribers where account = ? and topic_key = ? and subscriber_id = ?`

	topicSubscribers = `
select ` + subscriberColumns + `
from topic_subscribers member
     join subscribers known on known.account = member.account and known.id = member.subscriber_id
where member.account = ? and member.topic_key = ? and member.subscriber_id > ?
order by member.subscriber_id
limit ?`

	selectTopics = `
select account, key, name, created_at,
       (select count(*) from topic_subscribers member
        where member.account = topics.account and member.topic_key = topics.key) as subscribers
from topics
where account = ? and `
	topicsByKey = selectTopics + `key in (select value from json_each(?))`
	topicsPage  = selectTopics + `key > ? order by key limit ?`
	selectTopic = selectTopics + `key = ?`
)

// PutTopics implements [store.Triggers].
func (t *tx) PutTopics(ctx context.Context, topics []store.Topic) error {
	return each(ctx, t, "write topics", putTopic, topics, func(g store.Topic) []any {
		return []any{g.Account, g.Key, g.Name, t.orNow(g.CreatedAt)}
	})
}

// DropTopics implements [store.Triggers].
func (t *tx) DropTopics(ctx context.Context, account string, keys []string) error {
	const doing = "drop topics"
	args := func(key string) []any { return []any{account, key} }
	if err := each(ctx, t, doing, dropTopicMembers, keys, args); err != nil {
		return err
	}
	return each(ctx, t, doing, dropTopic, keys, args)
}

// JoinTopic implements [store.Triggers].
func (t *tx) JoinTopic(ctx context.Context, account, key string, ids []string) ([]string, error) {
	const doing = "join topic"
	exists, err := ask[bool](ctx, t, doing, topicExists, account, key)
	if err != nil {
		return nil, err
	}
	if !exists[0] { // no statement failed: the transaction can go on
		return nil, fmt.Errorf("%s: %w", doing, store.ErrNotFound)
	}
	joined, err := ask[string](ctx, t, doing, joining, account, encodeKeys(ids))
	if err != nil {
		return nil, err
	}
	slices.Sort(joined)
	return joined, each(ctx, t, doing, joinTopic, joined, func(id string) []any { return []any{account, key, id} })
}

// LeaveTopic implements [store.Triggers].
func (t *tx) LeaveTopic(ctx context.Context, account, key string, ids []string) error {
	return each(ctx, t, "leave topic", leaveTopic, ids, func(id string) []any { return []any{account, key, id} })
}

// TopicSubscribers implements [store.Triggers].
func (t *tx) TopicSubscribers(ctx context.Context, account, key, after string, limit int) ([]store.Subscriber, error) {
	return t.subscribers(ctx, topicSubscribers, account, key, after, max(0, limit))
}

// TopicMembers implements [store.TriggerReader].
func (s *Store) TopicMembers(ctx context.Context, account, key, after string, limit int) ([]store.Subscriber, error) {
	return s.subscribers(ctx, topicSubscribers, account, key, after, max(0, limit))
}

// TopicsByKey implements [store.Triggers].
func (t *tx) TopicsByKey(ctx context.Context, account string, keys []string) ([]store.Topic, error) {
	rows, err := ask[topicRow](ctx, t, "read topics", topicsByKey, account, encodeKeys(keys))
	return topicsFrom(rows), err
}

// Topics implements [store.TriggerReader].
func (s *Store) Topics(ctx context.Context, account, after string, limit int) ([]store.Topic, error) {
	var rows []topicRow
	if err := s.list(ctx, "read topics", &rows, topicsPage, account, after, max(0, limit)); err != nil {
		return nil, err
	}
	return topicsFrom(rows), nil
}

// Topic implements [store.TriggerReader].
func (s *Store) Topic(ctx context.Context, account, key string) (store.Topic, error) {
	var row topicRow
	if err := s.read(ctx, "read topic", &row, selectTopic, account, key); err != nil {
		return store.Topic{}, err
	}
	return row.topic(), nil
}
