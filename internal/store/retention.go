package store

import (
	"context"
	"time"

	"webhookd/internal/dialog"
)

// Removed counts rows that retention took out, by table. Figures of calls (facts) are never among them.
type Removed struct {
	Calls    int64 // calls, those that were merged into others included
	Legs     int64
	Journal  int64
	Outbox   int64
	Triggers int64
	// Subscribers counts those that came of calls by themselves, and Broadcasts those that were through.
	Subscribers int64
	Broadcasts  int64
	Quarantine  int64
	Tombstones  int64 // tombstones that were a year old
	Erasures    int64 // erasures of which the marks were removed, because nobody is to be recognised by them any more
}

// Add adds other counts.
func (r *Removed) Add(other Removed) {
	r.Calls += other.Calls
	r.Legs += other.Legs
	r.Journal += other.Journal
	r.Outbox += other.Outbox
	r.Triggers += other.Triggers
	r.Subscribers += other.Subscribers
	r.Broadcasts += other.Broadcasts
	r.Quarantine += other.Quarantine
	r.Tombstones += other.Tombstones
	r.Erasures += other.Erasures
}

// Retention is what a transaction does for retention. What belongs together and what is old is decided by the caller.
//
//nolint:interfacebloat // what one transaction does with all of the tables
type Retention interface {
	// Accounts names, in order, every account that has anything in the journal, the outbox or the quarantine, or that has
	// subscribers or broadcasts.
	Accounts(ctx context.Context) ([]string, error)
	// CallsFrom gives up to limit calls of an account, without their records, that began before a moment, in the order of
	// that beginning and then of their UUIDs, from after a place on; merged calls are left out.
	CallsFrom(ctx context.Context, account string, after Cursor, before dialog.Time, limit int) ([]Call, error)
	// Unfinished gives those of the calls of which something is still to be done or was done lately: a row of the outbox
	// that the relay has not published or has held back, a settling or a reaping that is due some time, a trigger that is
	// pending or ended at or after a moment.
	Unfinished(ctx context.Context, calls []Key, since time.Time) ([]Key, error)
	// RemoveCalls takes out all that there is about dialogs and calls: journal entries, legs, calls with their search keys,
	// outbox rows, and triggers that are not pending; their facts stay.
	RemoveCalls(ctx context.Context, keys []Key) (Removed, error)
	// Bury gives each key, whatever there was of it, a tombstone.
	Bury(ctx context.Context, keys []Key, at time.Time) error
	// Ignore marks journal entries as ignored.
	Ignore(ctx context.Context, ids []int64) error
	// RemoveIgnored looks at up to limit journal entries with an ID above after, in order, up to the first ignored one of
	// these accounts that arrived at or after a moment, and takes out those of the accounts that are ignored. It gives the
	// last ID that it looked at, after itself if there was none, and remembers it (RemovedThrough).
	RemoveIgnored(ctx context.Context, accounts []string, after int64, before time.Time, limit int) (
		removed int, through int64, err error)
	// RemoveHistory does the same with outbox rows that were written before a moment. It goes as far as the relay has
	// published, and leaves those that are held back.
	RemoveHistory(ctx context.Context, accounts []string, after int64, before time.Time, limit int) (
		removed int, through int64, err error)
	// RemovedThrough gives the least ID up to which RemoveIgnored or RemoveHistory has looked for every one of the
	// accounts; 0 if there is one for which it has not.
	RemovedThrough(ctx context.Context, what RemovedWhat, accounts []string) (int64, error)
	// EventsRemoved gives, by account, the last journal entry of which RemoveHistory took out the events. An event of this
	// entry, or of one before it, that the outbox lacks was there.
	EventsRemoved(ctx context.Context) (map[string]int64, error)
	// RemoveRefused takes up to limit bodies out of quarantine that came last before a moment, the oldest first.
	RemoveRefused(ctx context.Context, account string, before time.Time, limit int) (int, error)
	// RemoveTriggers takes out up to limit triggers of an account that belong to no call, were created and have ended before
	// a moment, the oldest first.
	RemoveTriggers(ctx context.Context, account string, before time.Time, limit int) (int, error)
	// RemoveParties looks at up to limit subscribers with an ID above after that is an E.164 number, by ID, and takes out those
	// that became subscribers as parties of calls: made before a moment, with no call that began at it or later, on no
	// topic, and never written over the API. It gives the last ID that it looked at, "" if there are no more.
	RemoveParties(ctx context.Context, account, after string, before time.Time, limit int) (removed int, last string, err error)
	// RemoveBroadcasts looks at up to limit broadcasts with an ID above after, by ID, and takes out those that are not running
	// and last went on before a moment. It gives the last ID that it looked at, "" if there are no more.
	RemoveBroadcasts(ctx context.Context, account, after string, before time.Time, limit int) (
		removed int, last string, err error)
	// Tombstones gives those of the keys that have a tombstone. Order is not defined.
	Tombstones(ctx context.Context, keys []Key) ([]Key, error)
	// DropTombstones removes up to limit tombstones from before a moment, the oldest first, and says how many.
	DropTombstones(ctx context.Context, before time.Time, limit int) (int, error)
}

// RemovedWhat is what a mark of [Retention.RemovedThrough] is about.
type RemovedWhat string

// The tables that retention goes through in the order of their IDs.
const (
	RemovedJournal RemovedWhat = "journal"
	RemovedOutbox  RemovedWhat = "outbox"
)
