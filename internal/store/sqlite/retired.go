package sqlite

import (
	"context"
	"time"
)

// What retention takes out of what belongs to triggers: page by page along the primary keys, so that no table has an index
// for its sake.

const (
	// A second is 1,000,000 of the clock's microseconds; calls begin at whole seconds.
	pageOfParties = `
select id, created_at < ?3 and phone = id and email = '' and last_name = '' and locale = '' and avatar = '' and data is null
           and updated_at < created_at + 1000000
           and not exists (
               select 1 from topic_subscribers
               where topic_subscribers.account = ?1 and topic_subscribers.subscriber_id = subscribers.id)
           and not exists (
               select 1 from call_keys
               where call_keys.account = ?1 and call_keys.key = 'number:' || subscribers.id
                 and call_keys.started_at * 1000000 >= ?3) as old
from subscribers where account = ?1 and id > ?2 and id < ',' order by id limit ?4`

	pageOfBroadcasts = `
select id, state <> 'running' and updated_at < ?3 as old
from broadcasts where account = ?1 and id > ?2 order by id limit ?4`

	removeBroadcast = `delete from broadcasts where account = ? and id = ?`
)

// RemoveParties implements [store.Retention].
func (t *tx) RemoveParties(
	ctx context.Context, account, after string, before time.Time, limit int,
) (removed int, last string, err error) {
	old, last, err := t.oldAfter(ctx, "read subscribers", pageOfParties, account, max("+", after), before, limit)
	if err != nil {
		return 0, "", err
	}
	return len(old), last, t.DropSubscribers(ctx, account, old)
}

// RemoveBroadcasts implements [store.Retention].
func (t *tx) RemoveBroadcasts(
	ctx context.Context, account, after string, before time.Time, limit int,
) (removed int, last string, err error) {
	old, last, err := t.oldAfter(ctx, "read broadcasts", pageOfBroadcasts, account, after, before, limit)
	if err != nil {
		return 0, "", err
	}
	return len(old), last, each(ctx, t, "remove broadcasts", removeBroadcast, old,
		func(id string) []any { return []any{account, id} })
}

// oldAfter gives the ids of a page that are old, and the last one of the page; "" if there are no more.
func (t *tx) oldAfter(
	ctx context.Context, doing, query, account, after string, before time.Time, limit int,
) (old []string, last string, err error) {
	rows, err := ask[struct {
		ID  string `db:"id"`
		Old bool   `db:"old"`
	}](ctx, t, doing, query, account, after, moment(before), max(0, limit))
	if err != nil {
		return nil, "", err
	}
	for _, row := range rows {
		if row.Old {
			old = append(old, row.ID)
		}
	}
	if len(rows) > 0 && len(rows) == limit {
		last = rows[len(rows)-1].ID
	}
	return old, last, nil
}
