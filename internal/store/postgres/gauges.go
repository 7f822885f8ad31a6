package postgres

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
select greatest(writer.outbox - relay.through, 0) as outbox,
       (select created_at from outbox where id > relay.through order by id limit 1) as outbox_oldest,
       (select count(*) from (select 1 from due where due_at <= $1 limit $2) overdue) as overdue,
       (select count(*) from (select 1 from quarantine order by id limit $2) quarantined) as quarantined
from writer, relay`

	selectOpen = `
select account, count(*) as open
from (select account from calls where open and merged_into is null limit $1) calls
group by account`
)

// Gauges implements [store.Reader].
func (s *Store) Gauges(ctx context.Context, now time.Time) (store.Gauges, error) {
	const doing = "read gauges"
	var row struct {
		Outbox       int64        `db:"outbox"`
		OutboxOldest sql.NullTime `db:"outbox_oldest"`
		Overdue      int64        `db:"overdue"`
		Quarantined  int64        `db:"quarantined"`
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
		Outbox: row.Outbox, OutboxOldest: momentOf(row.OutboxOldest), Overdue: row.Overdue,
		Quarantined: row.Quarantined, Open: make(map[string]int64, len(open)),
	}
	for _, one := range open {
		gauges.Open[one.Account] = one.Open
	}
	return gauges, nil
}
