package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"webhookd/internal/flow"
	"webhookd/internal/store"
)

// AppendOutbox implements [store.Tx].
func (t *tx) AppendOutbox(ctx context.Context, rows []*store.OutboxRow) error {
	if len(rows) == 0 {
		return nil
	}
	const doing = "append to outbox"
	insert, err := t.prepare(ctx, doing, `
insert into outbox (id, journal_id, account, call_uuid, created_at, record, events)
values ((select max(outbox, coalesce((select max(id) from outbox), 0)) + 1 from last_ids), ?, ?, ?, ?, ?, ?)
returning id`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	now := t.store.now().UTC().Truncate(time.Microsecond)
	for _, row := range rows {
		if row.CreatedAt.IsZero() {
			row.CreatedAt = now
		}
		events, err := encodeEvents(row.Events)
		if err != nil {
			return t.fail(doing, fmt.Errorf("%w: %w", store.ErrRefused, err))
		}
		var ids []int64
		err = insert.list(&ids, row.JournalID, row.Account, row.CallUUID, moment(row.CreatedAt), string(row.Record), events)
		if err != nil {
			return err
		}
		row.ID = ids[0]
	}
	t.added = append(t.added, rows...)
	return nil
}

func encodeEvents(events []flow.Event) (string, error) {
	if len(events) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(events)
	if err != nil {
		return "", fmt.Errorf("encode events: %w", err)
	}
	return string(text), nil
}

const (
	selectOutbox     = `select id, journal_id, account, call_uuid, created_at, record, events from outbox `
	selectUnsent     = selectOutbox + `where id > ? order by id limit ?`
	selectOutboxRows = selectOutbox + `where id in (select value from json_each(?)) order by id`
	selectChanges    = selectOutbox + `where account = ? and call_uuid = ? order by id`
)

type outboxRow struct {
	ID        int64  `db:"id"`
	JournalID int64  `db:"journal_id"`
	Account   string `db:"account"`
	CallUUID  string `db:"call_uuid"`
	CreatedAt int64  `db:"created_at"`
	Record    string `db:"record"`
	Events    string `db:"events"`
}

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
			ID: row.ID, JournalID: row.JournalID, CreatedAt: momentOf(row.CreatedAt),
			Change: flow.Change{Account: row.Account, CallUUID: row.CallUUID, Record: json.RawMessage(row.Record)},
		}
		if err := json.Unmarshal([]byte(row.Events), &found[i].Events); err != nil {
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
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("encode outbox ids: %w", err)
	}
	return s.outboxRows(ctx, selectOutboxRows, string(list))
}

// Changes implements [store.Reader].
func (s *Store) Changes(ctx context.Context, call store.Key) ([]store.OutboxRow, error) {
	return s.outboxRows(ctx, selectChanges, call.Account, call.UUID)
}
