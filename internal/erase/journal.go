package erase

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"webhookd/internal/ingest"
	"webhookd/internal/person"
	"webhookd/internal/store"
)

// journal rewrites the calls, and the entries of other families. What came in between finding and now is found again; if
// that tells a name that was not known, everything that was found is gone through once more.
func (e *eraser) journal(ctx context.Context) error {
	for again := true; again; {
		e.remember(e.found)
		erased, err := e.rewriteFound(ctx)
		if err != nil {
			return err
		}
		e.count("journal", TableCount{Rewritten: erased.Entries})
		e.count("legs", TableCount{Rewritten: erased.Legs})
		e.count("calls", TableCount{Rewritten: erased.Calls})
		e.certificate.Calls += erased.Calls
		e.certificate.OpenCalls += erased.Open
		if e.dryRun {
			return nil
		}
		next := nothingFound()
		next.through, next.names = e.found.through, e.found.names
		hits, err := e.look(ctx, e.account, e.who, next)
		if err != nil {
			return err
		}
		// What came to these legs before they were rewritten may tell a name, and no number.
		before := &found{dialogs: e.found.dialogs, calls: next.calls, names: next.names}
		if err := e.lookAtLegs(ctx, e.account, e.who.find, before); err != nil {
			return err
		}
		e.remember(next)
		learnt, err := e.learn(ctx, next)
		if err != nil {
			return err
		}
		if learnt {
			maps.Copy(next.dialogs, e.found.dialogs)
			next.others = append(e.found.others, next.others...)
		}
		e.found, again = next, hits > 0 || learnt
	}
	return nil
}

// remember notes by what events and rows are known to be of the person's calls.
func (e *eraser) remember(f *found) {
	maps.Copy(e.calls, f.calls)
	maps.Copy(e.calls, f.dialogs)
}

// rewriteFound takes the person out of what was found.
func (e *eraser) rewriteFound(ctx context.Context) (erased ingest.Erased, err error) {
	if e.dryRun {
		if err := e.countCalls(ctx, &erased); err != nil {
			return erased, err
		}
		for _, entry := range e.found.others {
			if _, hit := person.Bytes(entry.Body, e.all); hit {
				erased.Entries++
			}
		}
		return erased, nil
	}
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(e.found.dialogs)), callBatch) {
		keys := make([]store.Key, len(batch))
		for i, id := range batch {
			keys[i] = store.Key{Account: e.account, UUID: id}
		}
		if err := e.write(ctx, func(tx store.Tx) error {
			one, err := e.Engine.Erase(ctx, tx, keys, e.all)
			if err == nil {
				erased.Add(one)
			}
			return err
		}); err != nil {
			return erased, fmt.Errorf("erase calls: %w", err)
		}
	}
	// Entries that belong to no call.
	for batch := range slices.Chunk(e.found.others, rowBatch) {
		ids := make([]int64, len(batch))
		for i := range batch {
			ids[i] = batch[i].ID
		}
		if err := e.write(ctx, func(tx store.Tx) error {
			entries, err := tx.EntriesByID(ctx, ids) // they may have been changed since they were found
			if err != nil {
				return err
			}
			count, err := ingest.EraseEntries(ctx, tx, entries, e.all)
			erased.Entries += count
			return err
		}); err != nil {
			return erased, fmt.Errorf("erase from journal: %w", err)
		}
	}
	return erased, nil
}

// countCalls says what would be changed.
func (e *eraser) countCalls(ctx context.Context, erased *ingest.Erased) error {
	for id := range e.found.calls {
		key := store.Key{Account: e.account, UUID: id}
		call, err := e.Store.Call(ctx, key)
		if err != nil {
			return fmt.Errorf("read call: %w", err)
		}
		entries, err := e.Store.Entries(ctx, key)
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		legs := map[string]bool{}
		for i := range entries {
			if _, hit := person.Bytes(entries[i].Body, e.all); hit {
				erased.Entries++
				legs[entries[i].DialogUUID] = true
			}
		}
		if len(legs) == 0 {
			continue
		}
		erased.Legs += len(legs)
		erased.Calls++
		if call.Revision == 0 {
			erased.Open++
		}
	}
	return nil
}
