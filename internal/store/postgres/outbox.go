package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lib/pq"

	"webhookd/internal/flow"
	"webhookd/internal/store"
)

const appendOutbox = `
outbox_put as (
    insert into outbox (id, journal_id, account, call_uuid, created_at, record, events)
    select id, journal_id, account, call_uuid, created_at::timestamptz,
           coalesce(convert_from(substring($6::bytea from record_at for record_size), 'UTF8'), ''),
           convert_from(substring($7::bytea from events_at for events_size), 'UTF8')
    from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $8::integer[], $9::integer[],
                $10::integer[], $11::integer[])
         as new(id, journal_id, account, call_uuid, created_at, record_at, record_size, events_at, events_size)
)`

// AppendOutbox implements [store.Tx].
func (t *tx) AppendOutbox(ctx context.Context, rows []*store.OutboxRow) error {
	added, err := t.outboxPiece(rows)
	if err != nil {
		return t.fail(ctx, "append to outbox", err)
	}
	return t.keep(ctx, "append to outbox", added)
}

// outboxPiece gives the rows their IDs.
func (t *tx) outboxPiece(rows []*store.OutboxRow) (piece, error) {
	if len(rows) == 0 {
		return piece{}, nil
	}
	now := t.store.now().UTC().Truncate(time.Microsecond)
	texted := make([][]byte, len(rows))
	for i, row := range rows {
		if row.CreatedAt.IsZero() {
			row.CreatedAt = now
		}
		text, err := encodeEvents(row.Events)
		if err != nil {
			return piece{}, fmt.Errorf("%w: %w", store.ErrRefused, err)
		}
		texted[i] = text
		t.lastOutbox++
		row.ID = t.lastOutbox
	}
	t.added = append(t.added, rows...)
	records := pack(rows, func(r *store.OutboxRow) []byte { return r.Record })
	events := pack(texted, func(text []byte) []byte { return text })
	return piece{sql: appendOutbox, args: []any{
		ints(rows, func(r *store.OutboxRow) int64 { return r.ID }),
		ints(rows, func(r *store.OutboxRow) int64 { return r.JournalID }),
		texts(rows, func(r *store.OutboxRow) string { return r.Account }),
		texts(rows, func(r *store.OutboxRow) string { return r.CallUUID }),
		moments(rows, func(r *store.OutboxRow) time.Time { return r.CreatedAt }),
		records.data, events.data, records.at, records.size, events.at, events.size,
	}}, nil
}

func encodeEvents(events []flow.Event) ([]byte, error) {
	if len(events) == 0 {
		return []byte("[]"), nil
	}
	text, err := json.Marshal(events)
	if err != nil {
		return nil, fmt.Errorf("encode events: %w", err)
	}
	return text, nil
}

type outboxRow struct {
	ID        int64     `db:"id"`
	JournalID int64     `db:"journal_id"`
	Account   string    `db:"account"`
	CallUUID  string    `db:"call_uuid"`
	CreatedAt time.Time `db:"created_at"`
	Record    []byte    `db:"record"`
	Events    []byte    `db:"events"`
}

const (
	selectOutbox     = `select id, journal_id, account, call_uuid, created_at, record, events from outbox `
	selectUnsent     = selectOutbox + `where id > $1 order by id limit $2`
	selectOutboxRows = selectOutbox + `where id = any($1::bigint[]) order by id`
	selectChanges    = selectOutbox + `where account = $1 and call_uuid = $2 order by id`
)

func (s *Store) outboxRows(ctx context.Context, query string, args ...any) ([]store.OutboxRow, error) {
	var rows []outboxRow
	if err := s.list(ctx, "read outbox", &rows, query, args...); err != nil {
		return nil, err
	}
	return changesFrom(rows)
}

func changesFrom(rows []outboxRow) ([]store.OutboxRow, error) {
	found := make([]store.OutboxRow, len(rows))
	for i, row := range rows {
		found[i] = store.OutboxRow{
			ID: row.ID, JournalID: row.JournalID, CreatedAt: row.CreatedAt.UTC(),
			Change: flow.Change{Account: row.Account, CallUUID: row.CallUUID, Record: row.Record},
		}
		if err := json.Unmarshal(row.Events, &found[i].Events); err != nil {
			return nil, fmt.Errorf("read events of outbox row %d: %w", row.ID, err)
		}
	}
	return found, nil
}

// Unsent implements [store.Outbox].
func (s *Store) Unsent(ctx context.Context, after int64, limit int) ([]store.OutboxRow, error) {
	if rows, ok := s.tail.After(after, limit); ok {
		return rows, nil
	}
	return s.outboxRows(ctx, selectUnsent, after, max(0, limit))
}

// OutboxRows implements [store.Outbox].
func (s *Store) OutboxRows(ctx context.Context, ids []int64) ([]store.OutboxRow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return s.outboxRows(ctx, selectOutboxRows, pq.Int64Array(ids))
}

// Changes implements [store.Reader].
func (s *Store) Changes(ctx context.Context, call store.Key) ([]store.OutboxRow, error) {
	return s.outboxRows(ctx, selectChanges, call.Account, call.UUID)
}
