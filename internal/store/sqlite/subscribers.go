package sqlite

import (
	"context"
	"encoding/json"

	"webhookd/internal/store"
)

type subscriberRow struct {
	Account   string  `db:"account"`
	ID        string  `db:"id"`
	Email     string  `db:"email"`
	Phone     string  `db:"phone"`
	FirstName string  `db:"first_name"`
	LastName  string  `db:"last_name"`
	Locale    string  `db:"locale"`
	Avatar    string  `db:"avatar"`
	Data      *string `db:"data"`
	CreatedAt int64   `db:"created_at"`
	UpdatedAt int64   `db:"updated_at"`
}

func (r subscriberRow) subscriber() store.Subscriber {
	subscriber := store.Subscriber{
		Account: r.Account, ID: r.ID, Email: r.Email, Phone: r.Phone, FirstName: r.FirstName, LastName: r.LastName,
		Locale: r.Locale, Avatar: r.Avatar, CreatedAt: momentOf(r.CreatedAt), UpdatedAt: momentOf(r.UpdatedAt),
	}
	if r.Data != nil {
		subscriber.Data = json.RawMessage(*r.Data)
	}
	return subscriber
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

	addSubscriber = `
insert into subscribers as known (account, id, email, phone, first_name, last_name, locale, avatar, data, created_at,
                                  updated_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	keepSubscriber = addSubscriber + `
on conflict (account, id) do nothing`

	putSubscriber = addSubscriber + `
on conflict (account, id) do update set
    email = coalesce(nullif(excluded.email, ''), known.email),
    phone = coalesce(nullif(excluded.phone, ''), known.phone),
    first_name = coalesce(nullif(excluded.first_name, ''), known.first_name),
    last_name = coalesce(nullif(excluded.last_name, ''), known.last_name),
    locale = coalesce(nullif(excluded.locale, ''), known.locale),
    avatar = coalesce(nullif(excluded.avatar, ''), known.avatar),
    data = coalesce(excluded.data, known.data),
    updated_at = excluded.updated_at`

	dropSubscriber       = `delete from subscribers where account = ? and id = ?`
	dropFromTopics       = `delete from topic_subscribers where account = ? and subscriber_id = ?`
	selectSubscribers    = `select ` + subscriberColumns + ` from subscribers known where known.account = ? and `
	selectSubscriber     = selectSubscribers + `known.id = ?`
	selectSubscriberList = selectSubscribers + `known.id in (select value from json_each(?))`
	subscribersPage      = selectSubscribers + `known.id > ? order by known.id limit ?`
	countSubscribers     = `select count(*) from subscribers where account = ?`
)

// PutSubscribers implements [store.Triggers].
func (t *tx) PutSubscribers(ctx context.Context, subscribers []store.Subscriber, keep bool) error {
	query, written := putSubscriber, subscribers
	if keep {
		query, written = keepSubscriber, nil
		for _, subscriber := range subscribers {
			if len(subscriber.ID) <= store.MaxKey {
				written = append(written, subscriber)
			}
		}
	}
	return each(ctx, t, "write subscribers", query, written, func(s store.Subscriber) []any {
		return []any{
			s.Account, s.ID, s.Email, s.Phone, s.FirstName, s.LastName, s.Locale, s.Avatar, optional(string(s.Data)),
			t.orNow(s.CreatedAt), t.orNow(s.UpdatedAt),
		}
	})
}

// DropSubscribers implements [store.Triggers].
func (t *tx) DropSubscribers(ctx context.Context, account string, ids []string) error {
	const doing = "drop subscribers"
	args := func(id string) []any { return []any{account, id} }
	if err := each(ctx, t, doing, dropFromTopics, ids, args); err != nil {
		return err
	}
	return each(ctx, t, doing, dropSubscriber, ids, args)
}

func (t *tx) subscribers(ctx context.Context, query string, args ...any) ([]store.Subscriber, error) {
	rows, err := ask[subscriberRow](ctx, t, "read subscribers", query, args...)
	return subscribersFrom(rows), err
}

// SubscribersByID implements [store.Triggers].
func (t *tx) SubscribersByID(ctx context.Context, account string, ids []string) ([]store.Subscriber, error) {
	return t.subscribers(ctx, selectSubscriberList, account, encodeKeys(ids))
}

// SubscribersPage implements [store.Triggers].
func (t *tx) SubscribersPage(ctx context.Context, account, after string, limit int) ([]store.Subscriber, error) {
	return t.subscribers(ctx, subscribersPage, account, after, max(0, limit))
}

// CountSubscribers implements [store.Triggers].
func (t *tx) CountSubscribers(ctx context.Context, account string) (int64, error) {
	counts, err := ask[int64](ctx, t, "count subscribers", countSubscribers, account)
	if err != nil {
		return 0, err
	}
	return counts[0], nil
}

func (s *Store) subscribers(ctx context.Context, query string, args ...any) ([]store.Subscriber, error) {
	var rows []subscriberRow
	err := s.list(ctx, "read subscribers", &rows, query, args...)
	return subscribersFrom(rows), err
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
