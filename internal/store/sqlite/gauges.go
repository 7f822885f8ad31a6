package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"webhookd/internal/store"
)

// Outbox ids have no gaps, so how many rows wait is the difference of two numbers. What is counted is counted in an
// index, and not beyond a bound.
const (
	selectGauges = `
select max(coalesce((select max(id) from outbox), 0) - relay.through, 0) as outbox,
       (select created_at from outbox where id > relay.through order by id limit 1) as outbox_oldest,
       (select count(*) from (select due_at from due where due_at <= ?1 limit ?2)) as overdue,
       (select count(*) from (select id from quarantine indexed by quarantine_last_idx limit ?2)) as quarantined
from relay where relay.single = 1`

	selectOpen = `
select account, count(*) as open
from (select account from calls indexed by calls_open_idx where state <> 'ended' and merged_into is null limit ?1)
group by account`
)

// Gauges implements [store.Reader].
func (s *Store) Gauges(ctx context.Context, now time.Time) (store.Gauges, error) {
	const doing = "read gauges"
	var row struct {
		Outbox       int64         `db:"outbox"`
		OutboxOldest sql.NullInt64 `db:"outbox_oldest"`
		Overdue      int64         `db:"overdue"`
		Quarantined  int64         `db:"quarantined"`
	}
	if err := s.read(ctx, doing, &row, selectGauges, moment(now), store.GaugesMost); err != nil {
		return store.Gauges{}, err
	}
	var open []struct {
		Account string `db:"account"`
		Open    int64  `db:"open"`
	}
	if err := s.list(ctx, doing, &open, selectOpen, store.GaugesMost); err != nil {
		return store.Gauges{}, fmt.Errorf("count open calls: %w", err)
	}
	gauges := store.Gauges{
		Outbox: row.Outbox, Overdue: row.Overdue, Quarantined: row.Quarantined,
		Open: make(map[string]int64, len(open)),
	}
	if row.OutboxOldest.Valid {
		gauges.OutboxOldest = momentOf(row.OutboxOldest.Int64)
	}
	for _, one := range open {
		gauges.Open[one.Account] = one.Open
	}
	return gauges, nil
}
