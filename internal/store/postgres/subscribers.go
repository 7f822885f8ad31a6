package postgres

import (
	"context"
	"time"

	"webhookd/internal/store"
)

type subscriberRow struct {
	Account   string    `db:"account"`
	ID        string    `db:"id"`
	Email     string    `db:"email"`
	Phone     string    `db:"phone"`
	FirstName string    `db:"first_name"`
	LastName  string    `db:"last_name"`
	Locale    string    `db:"locale"`
	Avatar    string    `db:"avatar"`
	Data      []byte    `db:"data"`
	CreatedAt time.Time `db:"created_at"`
	UpdatedAt time.Time `db:"updated_at"`
}

func (r subscriberRow) subscriber() store.Subscriber {
	return store.Subscriber{
		Account: r.Account, ID: r.ID, Email: r.Email, Phone: r.Phone, FirstName: r.FirstName, LastName: r.LastName,
		Locale: r.Locale, Avatar: r.Avatar, Data: r.Data, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

func subscribersFrom(rows []subscriberRow) []store.Subscriber {
	subscribers := make([]store.Subscriber, len(rows))
	for i, row := range rows {
		subscribers[i] = row.subscriber()
	}
	return subscribers
}

const (
	subscriberColumns = `known.account, known.id, known.email, known.phone, known.first_name, known.last_name,
       known.locale, known.avatar, known.data, known.created_at, known.updated_at`

	addSubscribers = `
insert into subscribers as known (account, id, email, phone, first_name, last_name, locale, avatar, data, created_at,
                                  updated_at)
select account, id, email, phone, first_name, last_name, locale, avatar, nullif(data, ''), created_at::timestamptz,
       updated_at::timestamptz
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::text[])
     as new(account, id, email, phone, first_name, last_name, locale, avatar, data, created_at, updated_at)`

	keepSubscribers = addSubscribers + `
on conflict (account, id) do nothing`

	putSubscribers = addSubscribers + `
on conflict (account, id) do update set
    email = coalesce(nullif(excluded.email, ''), known.email),
    phone = coalesce(nullif(excluded.phone, ''), known.phone),
    first_name = coalesce(nullif(excluded.first_name, ''), known.first_name),
    last_name = coalesce(nullif(excluded.last_name, ''), known.last_name),
    locale = coalesce(nullif(excluded.locale, ''), known.locale),
    avatar = coalesce(nullif(excluded.avatar, ''), known.avatar),
    data = coalesce(excluded.data, known.data),
    updated_at = excluded.updated_at`

	dropSubscribers = `
with gone as (
    delete from subscribers where account = $1 and id = any($2::text[])
)
delete from topic_subscribers where account = $1 and subscriber_id = any($2::text[])`

	selectSubscribers = `select ` + subscriberColumns + ` from subscribers known where known.account = $1 and `
	selectSubscriber  = selectSubscribers + `known.id = $2`
	subscribersByID   = selectSubscribers + `known.id = any($2::text[])`
	subscribersPage   = selectSubscribers + `known.id > $2 order by known.id limit $3`
	countSubscribers  = `select count(*) from subscribers where account = $1`
)

// PutSubscribers implements [store.Triggers].
func (t *tx) PutSubscribers(ctx context.Context, subscribers []store.Subscriber, keep bool) error {
	statement := putSubscribers
	if keep {
		statement = keepSubscribers
	}
	subscribers = eachOnce(subscribers, keep)
	if len(subscribers) == 0 {
		return nil
	}
	return t.exec(ctx, "write subscribers", statement,
		texts(subscribers, func(s store.Subscriber) string { return s.Account }),
		texts(subscribers, func(s store.Subscriber) string { return s.ID }),
		texts(subscribers, func(s store.Subscriber) string { return s.Email }),
		texts(subscribers, func(s store.Subscriber) string { return s.Phone }),
		texts(subscribers, func(s store.Subscriber) string { return s.FirstName }),
		texts(subscribers, func(s store.Subscriber) string { return s.LastName }),
		texts(subscribers, func(s store.Subscriber) string { return s.Locale }),
		texts(subscribers, func(s store.Subscriber) string { return s.Avatar }),
		texts(subscribers, func(s store.Subscriber) string { return string(s.Data) }),
		moments(subscribers, func(s store.Subscriber) time.Time { return t.orNow(s.CreatedAt) }),
		moments(subscribers, func(s store.Subscriber) time.Time { return t.orNow(s.UpdatedAt) }))
}

// eachOnce puts together what a batch says of one subscriber: one statement can write a row only once.
func eachOnce(subscribers []store.Subscriber, keep bool) []store.Subscriber {
	place := make(map[store.Key]int, len(subscribers))
	once := make([]store.Subscriber, 0, len(subscribers))
	for _, subscriber := range subscribers {
		if keep && len(subscriber.ID) > store.MaxKey {
			continue
		}
		key := store.Key{Account: subscriber.Account, UUID: subscriber.ID}
		at, known := place[key]
		switch {
		case !known:
			place[key] = len(once)
			once = append(once, subscriber)
		case !keep:
			once[at] = overwritten(once[at], subscriber)
		}
	}
	return once
}

// overwritten is a subscriber after another one of its id was written, as the statement does it.
func overwritten(known, given store.Subscriber) store.Subscriber {
	for _, field := range []struct{ known, given *string }{
		{&known.Email, &given.Email},
		{&known.Phone, &given.Phone},
		{&known.FirstName, &given.FirstName},
		{&known.LastName, &given.LastName},
		{&known.Locale, &given.Locale},
		{&known.Avatar, &given.Avatar},
	} {
		if *field.given != "" {
			*field.known = *field.given
		}
	}
	if len(given.Data) > 0 {
		known.Data = given.Data
	}
	known.UpdatedAt = given.UpdatedAt
	return known
}

// DropSubscribers implements [store.Triggers].
func (t *tx) DropSubscribers(ctx context.Context, account string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return t.exec(ctx, "drop subscribers", dropSubscribers, account, list(ids))
}

func (t *tx) subscribers(ctx context.Context, query string, args ...any) ([]store.Subscriber, error) {
	var rows []subscriberRow
	if err := t.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, t.fail(ctx, "read subscribers", err)
	}
	return subscribersFrom(rows), nil
}

// SubscribersByID implements [store.Triggers].
func (t *tx) SubscribersByID(ctx context.Context, account string, ids []string) ([]store.Subscriber, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return t.subscribers(ctx, subscribersByID, account, list(ids))
}

// SubscribersPage implements [store.Triggers].
func (t *tx) SubscribersPage(ctx context.Context, account, after string, limit int) ([]store.Subscriber, error) {
	return t.subscribers(ctx, subscribersPage, account, after, max(0, limit))
}

// CountSubscribers implements [store.Triggers].
func (t *tx) CountSubscribers(ctx context.Context, account string) (int64, error) {
	var counts []int64
	if err := t.SelectContext(ctx, &counts, countSubscribers, account); err != nil {
		return 0, t.fail(ctx, "count subscribers", err)
	}
	return counts[0], nil
}

func (s *Store) subscribers(ctx context.Context, query string, args ...any) ([]store.Subscriber, error) {
	var rows []subscriberRow
	if err := s.list(ctx, "read subscribers", &rows, query, args...); err != nil {
		return nil, err
	}
	return subscribersFrom(rows), nil
}

// Subscribers implements [store.TriggerReader].
func (s *Store) Subscribers(ctx context.Context, account, after string, limit int) ([]store.Subscriber, error) {
	return s.subscribers(ctx, subscribersPage, account, after, max(0, limit))
}

// Subscriber implements [store.TriggerReader].
func (s *Store) Subscriber(ctx context.Context, account, id string) (store.Subscriber, error) {
	var row subscriberRow
	if err := s.read(ctx, "read subscriber", &row, selectSubscriber, account, id); err != nil {
		return store.Subscriber{}, err
	}
	return row.subscriber(), nil
}
