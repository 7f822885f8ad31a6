package erase

import (
	"context"
	"fmt"
	"regexp"

	"webhookd/internal/person"
	"webhookd/internal/store"
)

// rows goes through a table of an account, from behind a row on ("": all of it), and says which one was the last.
func (s *Service) rows(
	ctx context.Context, account string, table store.PersonTable, after string, each func(store.PersonRow) error,
) (last string, err error) {
	for size := pageSize; size == pageSize; {
		page, err := s.Store.PersonRows(ctx, account, table, after, pageSize)
		if err != nil {
			return after, err
		}
		if size = len(page); size > 0 {
			after = page[size-1].Key
		}
		for _, row := range page {
			if err := each(row); err != nil {
				return after, err
			}
		}
	}
	return after, nil
}

// tables goes through the further tables. A trigger that fires meanwhile makes rows in tables, or parts of them, that were
// gone through by then, and so does what comes of it. Each does so in one transaction, and leaves rows in the outbox: so
// that is looked at last, and everything once more until nothing is found.
func (e *eraser) tables(ctx context.Context) error {
	sent := "" // the last row of the outbox that was looked at
	for again, first := true, true; again; first = false {
		again = false
		for _, table := range store.PersonTables {
			if !first && !acted(table) {
				continue
			}
			after := ""
			if table == store.PersonOutbox {
				after = sent
			}
			changed, last, err := e.table(ctx, table, after)
			if err != nil {
				return fmt.Errorf("erase from %s: %w", table, err)
			}
			if table == store.PersonOutbox {
				sent = last
			}
			again = again || changed && acted(table) && !e.dryRun
		}
	}
	return nil
}

// acted says whether what is done in its time, a trigger, a request or a page of a broadcast, reads or makes rows of a table.
func acted(table store.PersonTable) bool {
	return table != store.PersonQuarantine && table != store.PersonAnswers
}

// table goes through a further table from behind a row on, and says whether anything was changed, and which row was the last.
func (e *eraser) table(ctx context.Context, table store.PersonTable, after string) (changed bool, last string, err error) {
	var keys []string
	flush := func(least int) error {
		if len(keys) < least {
			return nil
		}
		count, err := e.rewrite(ctx, table, keys)
		e.count(string(table), count)
		changed = changed || count != TableCount{}
		keys = keys[:0]
		return err
	}
	last, err = e.rows(ctx, e.account, table, after, func(row store.PersonRow) error {
		if _, hit := rewritten(row, e.find(row.Values...)); hit {
			keys = append(keys, row.Key)
		}
		return flush(rowBatch)
	})
	if err != nil {
		return changed, last, err
	}
	err = flush(1)
	return changed, last, err
}

// rewrite takes the person out of rows, and counts those of which it did. They are read again in the transaction that
// writes them: another erasure, or whoever else writes, may have changed them since they were found.
func (e *eraser) rewrite(ctx context.Context, table store.PersonTable, keys []string) (count TableCount, err error) {
	if e.dryRun {
		if dropped(table) {
			return TableCount{Removed: len(keys)}, nil
		}
		return TableCount{Rewritten: len(keys)}, nil
	}
	err = e.write(ctx, func(tx store.Tx) error {
		count = TableCount{}
		there, err := tx.PersonRowsByKey(ctx, e.account, table, keys)
		if err != nil {
			return err
		}
		var rows []store.PersonRow
		var gone []string
		for _, row := range there {
			made, hit := rewritten(row, e.find(row.Values...))
			switch {
			case !hit:
			case dropped(table):
				gone = append(gone, row.Key)
			default:
				rows = append(rows, made)
			}
		}
		count = TableCount{Rewritten: len(rows), Removed: len(gone)}
		if err := tx.RewriteRows(ctx, e.account, table, rows); err != nil {
			return err
		}
		if table == store.PersonTriggers {
			return e.callOff(ctx, tx, rows)
		}
		return tx.DropRows(ctx, e.account, table, gone)
	})
	if err != nil {
		return TableCount{}, err
	}
	return count, nil
}

// someUUID finds what may be the UUID of a call.
var someUUID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// find gives what a row, or an event, is looked through for: names only where it names the number, what stands in its place,
// or a call of the person, too. Others may have the same name.
func (e *eraser) find(values ...[]byte) person.Finder {
	numbers := e.guard.Numbers(e.account)
	for _, value := range values {
		if e.who.disguised(value) {
			return e.all
		}
		for _, id := range someUUID.FindAll(value, -1) {
			if e.calls[string(id)] {
				return e.all
			}
		}
	}
	for _, value := range values {
		if _, hit := person.Bytes(value, numbers); hit {
			return e.all
		}
	}
	return numbers
}

// dropped says whether rows that hold something of the person go as a whole: they are no history.
func dropped(table store.PersonTable) bool {
	switch table {
	case store.PersonOutbox, store.PersonTriggers, store.PersonBroadcasts:
		return false
	case store.PersonRequests, store.PersonMarks, store.PersonSubscribers, store.PersonTopics, store.PersonAnswers,
		store.PersonQuarantine:
	}
	return true
}

// callOff ends triggers that were still to be fired for the person.
func (e *eraser) callOff(ctx context.Context, tx store.Tx, rows []store.PersonRow) error {
	triggers := make([]store.Trigger, len(rows))
	for i, row := range rows {
		triggers[i] = store.Trigger{
			ID: row.Key, State: store.TriggerCancelled, EndedAt: e.Now().UTC(), Reason: "the person was erased",
		}
	}
	_, err := tx.EndTriggers(ctx, triggers)
	return err
}
