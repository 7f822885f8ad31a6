package ingest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"webhookd/internal/store"
)

// bury sees to what follows where webhooks are ignored because the parent that they tell was removed: their dialog counts
// as removed, too, unless it is in a call that is there. So its other webhooks are ignored alike, also those that come with
// them and name no parent, and make no call of their own.
func bury(ctx context.Context, tx store.Tx, now time.Time, pieces []*Piece) error {
	late := slices.ContainsFunc(pieces, func(p *Piece) bool { return p.late() })
	if !late {
		return nil
	}
	done, err := decided(ctx, tx, pieces)
	if err != nil {
		return err
	}
	buried := map[store.Key]bool{}
	var ignored []int64
	for _, p := range pieces {
		if p.Evidence == nil || p.Entry.Duplicate {
			continue
		}
		names := func(set map[store.Key]bool) bool {
			return slices.ContainsFunc(p.Entry.Named, func(id string) bool {
				return set[store.Key{Account: p.Entry.Account, UUID: id}]
			})
		}
		if !p.Entry.Ignored && names(buried) {
			p.Entry.Ignored = true
			ignored = append(ignored, p.Entry.ID)
		}
		if own := (store.Key{Account: p.Entry.Account, UUID: p.Evidence.UUID}); p.Entry.Ignored && !done[own] {
			buried[own] = true
		}
		if !p.Entry.Ignored {
			for _, id := range p.Entry.Named {
				done[store.Key{Account: p.Entry.Account, UUID: id}] = true
			}
		}
	}
	if err := tx.Ignore(ctx, ignored); err != nil {
		return fmt.Errorf("ignore what was removed: %w", err)
	}
	if err := tx.Bury(ctx, sortedKeys(buried), now); err != nil {
		return fmt.Errorf("remember what was removed: %w", err)
	}
	return nil
}

// late says whether a piece tells of what was removed.
func (p *Piece) late() bool { return p.Evidence != nil && p.Entry.Ignored && !p.Entry.Duplicate }

// decided gives which dialogs of the pieces are, or were, in a call that is there, or are one, and which are known to be
// removed.
func decided(ctx context.Context, tx store.Tx, pieces []*Piece) (map[store.Key]bool, error) {
	asked := map[store.Key]bool{}
	for _, p := range pieces {
		if p.Evidence != nil {
			asked[store.Key{Account: p.Entry.Account, UUID: p.Evidence.UUID}] = true
		}
	}
	keys := sortedKeys(asked)
	legs, err := tx.Legs(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read legs: %w", err)
	}
	calls, err := tx.Calls(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	stones, err := tx.Tombstones(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read tombstones: %w", err)
	}
	done := map[store.Key]bool{}
	for _, stone := range stones {
		done[stone] = true
	}
	for _, leg := range legs {
		done[store.Key{Account: leg.Account, UUID: leg.DialogUUID}] = true
		done[store.Key{Account: leg.Account, UUID: leg.CallUUID}] = true
	}
	for _, call := range calls {
		done[store.Key{Account: call.Account, UUID: call.CallUUID}] = true
	}
	return done, nil
}
