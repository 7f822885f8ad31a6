package ingest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/flow"
	"webhookd/internal/person"
	"webhookd/internal/store"
)

// Erased counts what was changed.
type Erased struct {
	Entries, Legs, Calls int
	Open                 int // of the calls, those that are not settled: their entries in the bucket are replaced
}

// Add adds counts up.
func (e *Erased) Add(other Erased) {
	e.Entries += other.Entries
	e.Legs += other.Legs
	e.Calls += other.Calls
	e.Open += other.Open
}

// Erase puts pseudonyms into everything that is kept of whole calls: the bodies of their journal entries, their legs,
// records and search keys. Each key is the UUID of a call or of a dialog of one. Afterwards the journal gives these legs
// and calls again, byte for byte: what find gives must be one-to-one. No event is published; calls that are not settled get
// an outbox row without events, which replaces their entry in the bucket.
func (e *Engine) Erase(ctx context.Context, tx store.Tx, keys []store.Key, find person.Finder) (Erased, error) {
	legs, err := tx.Legs(ctx, keys)
	if err != nil {
		return Erased{}, fmt.Errorf("read legs: %w", err)
	}
	var erased Erased
	changed, err := replaceLegs(legs, find)
	if err != nil {
		return Erased{}, err
	}
	erased.Legs = len(changed)
	about := map[store.Key]bool{}
	calls := map[store.Key]bool{}
	for _, leg := range legs {
		about[store.Key{Account: leg.Account, UUID: leg.DialogUUID}] = true
		about[store.Key{Account: leg.Account, UUID: leg.CallUUID}] = true
		calls[store.Key{Account: leg.Account, UUID: leg.CallUUID}] = true
	}
	entries, err := tx.EntriesOf(ctx, sortedKeys(about))
	if err != nil {
		return Erased{}, fmt.Errorf("read journal: %w", err)
	}
	if erased.Entries, err = EraseEntries(ctx, tx, entries, find); err != nil {
		return Erased{}, err
	}
	if len(changed) == 0 {
		return erased, nil
	}
	if err := tx.PutLegs(ctx, changed); err != nil {
		return Erased{}, fmt.Errorf("write legs: %w", err)
	}
	e.memory = memory{} // what it knew of these legs is no more
	b := newBatch(e, tx, time.Time{})
	b.wanted = sortedKeys(calls)
	if err := b.load(ctx); err != nil {
		return Erased{}, err
	}
	var changes store.Changes
	for _, key := range sortedKeys(calls) {
		a := b.account(key.Account)
		call, state := a.set.Call(key.UUID), a.calls[key.UUID]
		if call == nil || state == nil || state.row.MergedInto != "" {
			continue
		}
		state.row.Record = flow.EncodeRecord(call, state.row.Seq, state.row.Revision, state.row.UpdatedAt)
		state.row.Index = index(call)
		changes.Calls = append(changes.Calls, state.row)
		erased.Calls++
		if state.row.Revision == 0 || call.State != correlate.StateEnded {
			erased.Open++
			changes.Outbox = append(changes.Outbox, &store.OutboxRow{
				Change: flow.Change{Account: key.Account, CallUUID: key.UUID, Record: state.row.Record},
			})
		}
	}
	if err := tx.Keep(ctx, changes); err != nil {
		return Erased{}, fmt.Errorf("write calls: %w", err)
	}
	e.memory = memory{}
	return erased, nil
}

func replaceLegs(legs []store.Leg, find person.Finder) ([]store.Leg, error) {
	var changed []store.Leg
	for _, row := range legs {
		leg, err := correlate.DecodeLeg(row.Evidence)
		if err != nil {
			return nil, fmt.Errorf("read leg %s of account %s: %w", row.DialogUUID, row.Account, err)
		}
		evidence := leg.Replace(func(member, text string) string {
			replaced, _ := person.Member(member, text, find)
			return replaced
		}).Encode()
		if !slices.Equal(evidence, row.Evidence) {
			row.Evidence = evidence
			changed = append(changed, row)
		}
	}
	return changed, nil
}

// EraseEntries puts pseudonyms into the bodies of journal entries, and says how many it changed. Where the journal has such
// a body already, which a webhook was made into that came meanwhile, a line feed at the end makes it another one: both
// entries stay, so that the calls are still what the journal gives.
func EraseEntries(ctx context.Context, tx store.Tx, entries []store.Entry, find person.Finder) (int, error) {
	var rewrites []store.Rewrite
	var of []*store.Entry // of each rewrite
	hashes := map[string][][32]byte{}
	for i := range entries {
		entry := &entries[i]
		body, changed := person.Bytes(entry.Body, find)
		if !changed {
			continue
		}
		hash := hashOf(entry.Origin, body)
		rewrites = append(rewrites, store.Rewrite{ID: entry.ID, SHA256: hash, Rank: rankOf(entry), Body: body})
		of = append(of, entry)
		hashes[entry.Account] = append(hashes[entry.Account], hash)
	}
	if len(rewrites) == 0 {
		return 0, nil
	}
	taken := map[bodyKey]bool{}
	for account := range hashes {
		if err := alsoTaken(ctx, tx, account, hashes[account], taken); err != nil {
			return 0, err
		}
	}
	for i := range rewrites {
		r, entry := &rewrites[i], of[i]
		for taken[bodyKey{entry.Account, r.SHA256}] {
			r.Body = append(slices.Clone(r.Body), '\n')
			r.SHA256 = hashOf(entry.Origin, r.Body)
			if err := alsoTaken(ctx, tx, entry.Account, [][32]byte{r.SHA256}, taken); err != nil {
				return 0, err
			}
		}
		taken[bodyKey{entry.Account, r.SHA256}] = true
	}
	if err := tx.RewriteJournal(ctx, rewrites); err != nil {
		return 0, fmt.Errorf("rewrite journal: %w", err)
	}
	return len(rewrites), nil
}

// alsoTaken notes those of the hashes that the journal has.
func alsoTaken(ctx context.Context, tx store.Tx, account string, hashes [][32]byte, taken map[bodyKey]bool) error {
	there, err := tx.Journaled(ctx, account, hashes)
	if err != nil {
		return fmt.Errorf("look for journal entries: %w", err)
	}
	for _, hash := range there {
		taken[bodyKey{account, hash}] = true
	}
	return nil
}

// bodyKey is by what the journal has a body once.
type bodyKey struct {
	account string
	hash    [32]byte
}

func sortedKeys(keys map[store.Key]bool) []store.Key {
	return slices.SortedFunc(maps.Keys(keys), compareKeys)
}

// OnLeg says whether a leg is that of an outside party that has one of the numbers, or one of which the peer is that.
func OnLeg(row store.Leg, numbers person.Finder) (bool, error) {
	leg, err := correlate.DecodeLeg(row.Evidence)
	if err != nil {
		return false, fmt.Errorf("read leg %s of account %s: %w", row.DialogUUID, row.Account, err)
	}
	self, peer := person.OnLeg(leg.Told, numbers)
	return self || peer, nil
}

// NamesOn gives the names that a webhook of a leg tells of a person of whom OnLeg says that the leg is theirs.
func NamesOn(row store.Leg, body []byte, numbers person.Finder) ([]string, error) {
	leg, err := correlate.DecodeLeg(row.Evidence)
	if err != nil {
		return nil, fmt.Errorf("read leg %s of account %s: %w", row.DialogUUID, row.Account, err)
	}
	self, peer := person.OnLeg(leg.Told, numbers)
	return person.NamesOf(body, self, peer, numbers), nil
}
