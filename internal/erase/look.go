package erase

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"webhookd/internal/ingest"
	"webhookd/internal/person"
	"webhookd/internal/store"
)

// wanted is whom the journal is looked through for.
type wanted struct {
	numbers person.Finder
	// pseudonym, if not empty, stands for the person where an erasure has been: what it found is found again by that.
	pseudonym string
}

// number says whether a body names the person's number.
func (w wanted) number(body []byte) bool {
	_, hit := person.Bytes(body, w.numbers)
	return hit
}

// disguised says whether a body has the pseudonym in it, however its beginning is escaped.
func (w wanted) disguised(body []byte) bool {
	return w.pseudonym != "" && bytes.Contains(body, []byte(strings.TrimPrefix(w.pseudonym, person.Prefix)))
}

// find finds the person's number, and what stands in its place.
func (w wanted) find(text string) (string, bool) {
	if w.pseudonym != "" && strings.HasPrefix(text, w.pseudonym) {
		return text, true
	}
	return w.numbers(text)
}

// found is where a person is in the journal.
type found struct {
	through int64
	dialogs map[string]bool // whose webhooks name the person
	calls   map[string]bool // their calls
	others  []store.Entry   // of other families, and of dialogs that there is no leg of
	names   map[string]bool
}

// look goes through the journal from where it was left, and says how many entries name the person's number.
func (s *Service) look(ctx context.Context, account string, who wanted, f *found) (hits int, err error) {
	for size := pageSize; size == pageSize; {
		page, err := s.Store.Journal(ctx, f.through, pageSize)
		if err != nil {
			return hits, fmt.Errorf("read journal: %w", err)
		}
		if size = len(page); size > 0 {
			f.through = page[size-1].ID
		}
		for i := range page {
			entry := &page[i]
			if entry.Account != account {
				continue
			}
			number := who.number(entry.Body)
			if !number && !who.disguised(entry.Body) {
				continue
			}
			if number {
				hits++
			}
			for _, name := range person.Names(entry.Body, who.find) {
				f.names[name] = true
			}
			if ok, err := s.hasLeg(ctx, entry, f); err != nil {
				return hits, err
			} else if !ok {
				f.others = append(f.others, *entry)
				continue
			}
			f.dialogs[entry.DialogUUID] = true
		}
	}
	return hits, s.lookAtLegs(ctx, account, who.find, f)
}

// hasLeg says whether there is a leg of what an entry is about. What comes of a dialog that retention has removed is kept
// without one.
func (s *Service) hasLeg(ctx context.Context, entry *store.Entry, f *found) (bool, error) {
	if entry.DialogUUID == "" || f.dialogs[entry.DialogUUID] {
		return entry.DialogUUID != "", nil
	}
	_, err := s.Store.Dialog(ctx, store.Key{Account: entry.Account, UUID: entry.DialogUUID})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read dialog: %w", err)
	}
	return true, nil
}

// lookAtLegs finds the calls, and names that only stand in other webhooks of a leg than the number.
func (s *Service) lookAtLegs(ctx context.Context, account string, numbers person.Finder, f *found) error {
	for id := range f.dialogs {
		leg, err := s.Store.Dialog(ctx, store.Key{Account: account, UUID: id})
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read dialog: %w", err)
		}
		f.calls[leg.CallUUID] = true
		theirs, err := ingest.OnLeg(leg, numbers)
		if err != nil {
			return err
		}
		if theirs {
			if err := s.lookForNames(ctx, leg, numbers, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookForNames finds every name that was told of a leg that is the person's.
func (s *Service) lookForNames(ctx context.Context, leg store.Leg, numbers person.Finder, f *found) error {
	entries, err := s.Store.Entries(ctx, store.Key{Account: leg.Account, UUID: leg.CallUUID})
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	for i := range entries {
		if entries[i].DialogUUID != leg.DialogUUID {
			continue
		}
		names, err := ingest.NamesOn(leg, entries[i].Body, numbers)
		if err != nil {
			return err
		}
		for _, name := range names {
			f.names[name] = true
		}
	}
	return nil
}

func nothingFound() *found {
	return &found{dialogs: map[string]bool{}, calls: map[string]bool{}, names: map[string]bool{}}
}
