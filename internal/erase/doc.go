// Package erase shows everything that is stored of a person, found by number, and takes the person out of it: numbers and
// names become pseudonyms, and the calls with all their figures stay. docs/personal-data.md says what that means.
//
// A person may be in any body of the journal, also in members that nobody else reads, so all of an account's rows are looked
// at. That is reading, outside of transactions. What is changed is changed a few calls at a time, so that webhooks never
// wait long.
package erase

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"webhookd/internal/ingest"
	"webhookd/internal/person"
	"webhookd/internal/store"
)

// ErrNumber says that a number has fewer than three digits, or is none.
var ErrNumber = errors.New("not a number")

// GuardFor is how long webhooks that come late are recognised after an erasure.
const GuardFor = 30 * 24 * time.Hour

const (
	pageSize  = 1000 // rows read at once
	callBatch = 20   // dialogs whose calls are changed in one transaction
	rowBatch  = 100  // rows changed in one transaction
)

// Store is what is needed of a store.
type Store interface {
	Write(ctx context.Context, fn func(store.Tx) error) error
	Call(ctx context.Context, key store.Key) (store.Call, error)
	Dialog(ctx context.Context, key store.Key) (store.Leg, error)
	Entries(ctx context.Context, call store.Key) ([]store.Entry, error)
	Journal(ctx context.Context, after int64, limit int) ([]store.Entry, error)
	store.PersonReader
}

// Service finds persons. It may be used by several goroutines.
type Service struct {
	Store  Store
	Engine *ingest.Engine
	// Region is where a number without a country code belongs, as calls are derived with it.
	Region string
	Now    func() time.Time
	Logger *slog.Logger // nil: nothing is logged
	// Stream is where published events are; nil: they are not reached.
	Stream Stream
}

// Stream takes published events back; natsbus.Bus is one.
type Stream interface {
	// Expunge removes the events of an account of which about says so, and says how many. After an error some may be.
	Expunge(ctx context.Context, account string, about func(body []byte) bool) (removed int, err error)
}

// whoever finds a person by the number itself.
func (s *Service) finder(number string) (id string, find person.Finder, err error) {
	id, ok := person.Canonical(number, s.Region)
	if !ok {
		return "", nil, fmt.Errorf("%w: it has three digits or more, between them nothing but spaces and + - . / ( ) _", ErrNumber)
	}
	return id, person.ByNumber(id, s.Region), nil
}

// found is where a person is in the journal.
type found struct {
	through int64
	dialogs map[string]bool // whose webhooks name the person
	calls   map[string]bool // their calls
	others  []store.Entry   // of other families, and of dialogs that there is no leg of
	names   map[string]bool
}

// look goes through the journal from where it was left, and says how many entries name the person.
func (s *Service) look(ctx context.Context, account string, numbers person.Finder, f *found) (hits int, err error) {
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
			if _, hit := person.Bytes(entry.Body, numbers); !hit {
				continue
			}
			hits++
			for _, name := range person.Names(entry.Body, numbers) {
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
	return hits, s.lookAtLegs(ctx, account, numbers, f)
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

// rows goes through a table of an account.
func (s *Service) rows(ctx context.Context, account string, table store.PersonTable, each func(store.PersonRow) error) error {
	after := ""
	for size := pageSize; size == pageSize; {
		page, err := s.Store.PersonRows(ctx, account, table, after, pageSize)
		if err != nil {
			return err
		}
		if size = len(page); size > 0 {
			after = page[size-1].Key
		}
		for _, row := range page {
			if err := each(row); err != nil {
				return err
			}
		}
	}
	return nil
}
