package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"webhookd/internal/store"
)

type topicRow struct {
	Account     string    `db:"account"`
	Key         string    `db:"key"`
	Name        string    `db:"name"`
	CreatedAt   time.Time `db:"created_at"`
	Subscribers int       `db:"subscribers"`
}

func (r topicRow) topic() store.Topic {
	return store.Topic{
		Account: r.Account, Key: r.Key, Name: r.Name, CreatedAt: r.CreatedAt.UTC(), Subscribers: r.Subscribers,
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
	putTopics = `
insert into topics as known (account, key, name, created_at)
select account, key, name, created_at::timestamptz
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as new(account, key, name, created_at)
on conflict (account, key) do update set name = excluded.name where excluded.name <> ''`

	dropTopics = `
with gone as (
    delete from topics where account = $1 and key = any($2::text[])
)
delete from topic_subscribers where account = $1 and topic_key = any($2::text[])`

	topicExists = `select exists (select from topics where account = $1 and key = $2)`

	joinTopic = `
with known as (
    select account, id from subscribers where account = $1 and id = any($3::text[])
), joined as (
    insert into topic_subscribers (account, topic_key, subscriber_id)
    select account, $2, id from known
    on conflict do nothing
)
select id from known`

	leaveTopic = `
delete from topic_subscribers where account = $1 and topic_key = $2 and subscriber_id = any($3::text[])`

	topicSubscribers = `
select ` + subscriberColumns + `
from topic_subscribers member
     join subscribers known on known.account = member.account and known.id = member.subscriber_id
where member.account = $1 and member.topic_key = $2 and member.subscriber_id > $3
order by member.subscriber_id
limit $4`

	selectTopics = `
select account, key, name, created_at,
       (select count(*) from topic_subscribers member
        where member.account = topics.account and member.topic_key = topics.key) as subscribers
from topics
where account = $1 and `
	topicsByKey = selectTopics + `key = any($2::text[])`
	topicsPage  = selectTopics + `key > $2 order by key limit $3`
	selectTopic = selectTopics + `key = $2`
)

// PutTopics implements [store.Triggers].
func (t *tx) PutTopics(ctx context.Context, topics []store.Topic) error {
	if len(topics) == 0 {
		return nil
	}
	place := make(map[store.Key]int, len(topics))
	once := make([]store.Topic, 0, len(topics))
	for _, topic := range topics {
		key := store.Key{Account: topic.Account, UUID: topic.Key}
		at, known := place[key]
		switch {
		case !known:
			place[key] = len(once)
			once = append(once, topic)
		case topic.Name != "":
			once[at].Name = topic.Name
		}
	}
	return t.exec(ctx, "write topics", putTopics,
		texts(once, func(g store.Topic) string { return g.Account }),
		texts(once, func(g store.Topic) string { return g.Key }),
		texts(once, func(g store.Topic) string { return g.Name }),
		moments(once, func(g store.Topic) time.Time { return t.orNow(g.CreatedAt) }))
}

// DropTopics implements [store.Triggers].
func (t *tx) DropTopics(ctx context.Context, account string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return t.exec(ctx, "drop topics", dropTopics, account, list(keys))
}

// JoinTopic implements [store.Triggers].
func (t *tx) JoinTopic(ctx context.Context, account, key string, ids []string) ([]string, error) {
	const doing = "join topic"
	var exists []bool
	if err := t.SelectContext(ctx, &exists, topicExists, account, key); err != nil {
		return nil, t.fail(ctx, doing, err)
	}
	if !exists[0] { // no statement failed: the transaction can go on
		return nil, fmt.Errorf("%s: %w", doing, store.ErrNotFound)
	}
	joined := make([]string, 0, len(ids))
	if err := t.change(ctx, &joined, joinTopic, account, key, list(ids)); err != nil {
		return nil, t.fail(ctx, doing, err)
	}
	slices.Sort(joined)
	return joined, nil
}

// LeaveTopic implements [store.Triggers].
func (t *tx) LeaveTopic(ctx context.Context, account, key string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return t.exec(ctx, "leave topic", leaveTopic, account, key, list(ids))
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
	if len(keys) == 0 {
		return nil, nil
	}
	var rows []topicRow
	if err := t.SelectContext(ctx, &rows, topicsByKey, account, list(keys)); err != nil {
		return nil, t.fail(ctx, "read topics", err)
	}
	return topicsFrom(rows), nil
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
