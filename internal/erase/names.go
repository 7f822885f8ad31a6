package erase

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"

	"webhookd/internal/person"
	"webhookd/internal/store"
)

// tellingNames are the tables in which clients of the trigger API tell of a person beside the number.
var tellingNames = []store.PersonTable{store.PersonSubscribers, store.PersonTriggers, store.PersonBroadcasts}

// lookAtRows finds the names, and addresses, that stand beside the number in rows of these tables.
func (s *Service) lookAtRows(ctx context.Context, account string, numbers person.Finder, f *found) error {
	for _, table := range tellingNames {
		_, err := s.rows(ctx, account, table, "", func(row store.PersonRow) error {
			if _, hit := rewritten(row, numbers); !hit {
				return nil
			}
			body, err := json.Marshal(exportedRow(table, row))
			if err != nil {
				return fmt.Errorf("read row: %w", err)
			}
			for _, name := range person.Names(body, numbers) {
				f.names[name] = true
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("look for names in %s: %w", table, err)
		}
	}
	return nil
}

// exportedRow gives a row with the names of its columns.
func exportedRow(table store.PersonTable, row store.PersonRow) ExportedRow {
	made := ExportedRow{}
	for i, column := range store.PersonColumns[table] {
		made[column.Name] = shown(row.Values[i])
	}
	return made
}

// wouldErase gives an erasure of what was found that only tells what it would change.
func (s *Service) wouldErase(account, id string, f *found) *eraser {
	e := &eraser{
		Service: s, account: account, dryRun: true, found: f, guard: person.NewGuard(random(sha256.Size), s.Region),
		calls: map[string]bool{},
	}
	maps.Copy(e.calls, f.calls)
	maps.Copy(e.calls, f.dialogs)
	marks := make([]string, 0, 2+len(f.names))
	marks = append(marks, e.guard.NumberMark(account, id), e.guard.TailMark(account, id))
	for name := range f.names {
		marks = append(marks, e.guard.NameMark(account, name))
	}
	e.guard.Add(person.Prefix+"not", marks)
	e.all = e.guard.NumbersAndNames(account)
	return e
}
