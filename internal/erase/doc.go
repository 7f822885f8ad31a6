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
