// Package store says what is kept and how it is asked for: the journal of webhooks, the legs and calls worked out from
// it, the outbox of events, the rows that wait for their time, and the quarantine. It holds the interface and its
// types; store/postgres and store/sqlite are the two adapters, and store/storetest is the suite that both must pass.
//
// It knows no HTTP and no NATS, and it decides nothing about calls: evidence and records are bytes to it.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/flow"
	"webhookd/internal/stats"
)

// Errors that callers decide on. Adapters wrap them; use errors.Is.
var (
	// ErrNotFound says that there is no such row in this account.
	ErrNotFound = errors.New("not found")
	// ErrRefused says that the database refuses the data itself (a poison row): the same data will be refused again.
	// The transaction was rolled back; other data may well be taken.
	ErrRefused = errors.New("data refused by the database")
	// ErrUnavailable says that the database could not be asked: away, full, read-only, or too slow. What was to be
	// written must be taken for not written, and may be tried again.
	ErrUnavailable = errors.New("database unavailable")
	// ErrLeaderElsewhere says that another instance leads the relay now.
	ErrLeaderElsewhere = errors.New("another instance leads")
)

// Store is one installation's database. All methods are safe for concurrent use. Every method that does I/O may return
// ErrUnavailable; further errors are named with the method.
type Store interface {
	Writer
	Reader
	Outbox
	// Ping says whether the database answers and its schema is the one that this program knows, or a later one: every
	// migration leaves the version before able to work.
	Ping(ctx context.Context) error
	// Kind is "postgres" or "sqlite".
	Kind() string
	Close() error
}

// Writer changes what is kept.
type Writer interface {
	// Write runs fn in one transaction. Only one Write of an installation runs at a time, over all instances, so what
	// fn reads stays true until it commits, journal and outbox ids are given in commit order, and there is nothing to
	// deadlock on. If fn returns an error nothing is kept, and the error comes back wrapped. When the transaction put
	// changes into the outbox, the commit wakes every [Outbox.Wake] of the installation.
	// It returns ErrRefused or ErrUnavailable as the database says.
	Write(ctx context.Context, fn func(Tx) error) error
	// Quarantine keeps a refused body with its reason. The same body (account, SHA-256) again only raises its count
	// and moves its last time.
	Quarantine(ctx context.Context, refused Refused) error
	// DropRefused takes a body out of quarantine for good. ErrNotFound.
	DropRefused(ctx context.Context, account string, id int64) error
}

// Tx is one transaction of [Writer.Write]. It is used by one goroutine, and not after fn has returned.
//
//nolint:interfacebloat // what one transaction does with all of the tables
type Tx interface {
	// Turn names this Write, and the last one before it that wrote legs or calls, over all instances: what the caller
	// knows of these from its own Write is still true if that is the one before. A Write that was rolled back is never
	// the one before, and no two have one name.
	Turn() (own, before string)
	// Append writes entries to the journal in their order, sets their IDs, and sets Duplicate (and writes nothing)
	// where the account has an entry of this SHA-256 already, be it from before or earlier in entries. It sets Ignored
	// where one of the Named has a tombstone ([Retention.Bury]).
	Append(ctx context.Context, entries []*Entry) error
	// Legs gives every leg of every call that one of the keys stands for, a key being the UUID of a call, or of a
	// dialog that belongs to a call: the whole calls, not only the legs named. Order is not defined.
	Legs(ctx context.Context, keys []Key) ([]Leg, error)
	// Calls gives the calls with these UUIDs that exist, also those merged away, without their records: whoever writes a
	// call derives its record anyway, and reading it is a fifth of a batch. Order is not defined.
	Calls(ctx context.Context, keys []Key) ([]Call, error)
	// WholeCalls gives the same calls with their records.
	WholeCalls(ctx context.Context, keys []Key) ([]Call, error)
	// PutLegs writes legs, new or known (by account and dialog UUID).
	PutLegs(ctx context.Context, legs []Leg) error
	// PutCalls writes calls, new or known (by account and call UUID), with their search columns and keys.
	PutCalls(ctx context.Context, calls []Call) error
	// AppendOutbox adds changes to the outbox in their order and sets their IDs.
	AppendOutbox(ctx context.Context, rows []*OutboxRow) error
	// PutDue writes rows that wait for their time, new or known (by account, call UUID and kind).
	PutDue(ctx context.Context, rows []Due) error
	// DropDue removes rows by account, call UUID and kind; those that are not there are no error.
	DropDue(ctx context.Context, rows []Due) error
	// Keep is PutLegs, PutCalls, AppendOutbox, PutDue and DropDue in one go. No due row may be in both lists.
	Keep(ctx context.Context, changes Changes) error
	// Journal gives up to limit entries with an ID above after, in journal order.
	Journal(ctx context.Context, after int64, limit int) ([]Entry, error)
	// EntriesOf gives, in journal order, the entries that are about one of the keys, each a dialog or a call.
	EntriesOf(ctx context.Context, keys []Key) ([]Entry, error)
	// EventsOf gives the outbox history of calls in order, without the records.
	EventsOf(ctx context.Context, calls []Key) ([]OutboxRow, error)
	// DropCalls removes calls with their search keys; those that are not there are no error.
	DropCalls(ctx context.Context, calls []Key) error
	// Due gives up to limit rows whose time is at or before now, the oldest first.
	Due(ctx context.Context, now time.Time, limit int) ([]Due, error)
	Facts
	Triggers
	Repairs
	Retention
	PersonWriter
}

// Reader answers questions. Readers see a Write as soon as it has returned.
//
//nolint:interfacebloat // what readers ask of all of the tables
type Reader interface {
	// Call gives one call, also a merged one (MergedInto is set then). ErrNotFound.
	Call(ctx context.Context, key Key) (Call, error)
	// Calls gives one page, by started_at descending, then by call UUID descending; merged calls are left out.
	Calls(ctx context.Context, filter CallFilter) ([]Call, error)
	// Dialog gives one leg. ErrNotFound.
	Dialog(ctx context.Context, key Key) (Leg, error)
	// Entries gives the journal entries of a call's legs and of the call itself (settle and such), in journal order.
	Entries(ctx context.Context, call Key) ([]Entry, error)
	// Changes gives the outbox history of a call in order.
	Changes(ctx context.Context, call Key) ([]OutboxRow, error)
	// Journal is [Tx.Journal] outside of a transaction: entries that are being written are not seen.
	Journal(ctx context.Context, after int64, limit int) ([]Entry, error)
	// Empty says whether the journal holds nothing.
	Empty(ctx context.Context) (bool, error)
	// NextDue gives the time of the earliest due row; ok is false when there is none.
	NextDue(ctx context.Context) (at time.Time, ok bool, err error)
	// Quarantined gives the refused bodies of an account, the one that came last first, at most limit.
	Quarantined(ctx context.Context, account string, limit int) ([]Refused, error)
	// RefusedPage gives a page of the same, from after a place on; of each Body only the first RefusedBeginning bytes.
	RefusedPage(ctx context.Context, account string, before *RefusedCursor, limit int) ([]Refused, error)
	// Refused gives one refused body, whole. ErrNotFound.
	Refused(ctx context.Context, account string, id int64) (Refused, error)
	FactReader
	GaugeReader
	TriggerReader
	RepairReader
	PersonReader
}

// Outbox is the relay's side: what is to be published, how far it has been, and who does it.
type Outbox interface {
	// Lead makes the caller the only relay of the installation until the lease is released or lost.
	// ErrLeaderElsewhere while another one holds it.
	Lead(ctx context.Context) (Lease, error)
	// Wake gives a channel that gets a value soon after any instance has committed outbox rows, or when such a commit
	// may have been missed. Values may be merged; one means "look again". It ends with ctx.
	Wake(ctx context.Context) (<-chan struct{}, error)
	// Position says up to which outbox ID everything has been dealt with, and which rows at or below it are held
	// back, in ID order.
	Position(ctx context.Context) (Position, error)
	// Unsent gives up to limit outbox rows with an ID above after, in ID order.
	Unsent(ctx context.Context, after int64, limit int) ([]OutboxRow, error)
	// OutboxRows gives the outbox rows with these IDs that still exist, in ID order.
	OutboxRows(ctx context.Context, ids []int64) ([]OutboxRow, error)
	// Advance moves the position, but never back, and, in the same transaction, holds rows back and lets held rows go.
	// A row in both lists is held.
	Advance(ctx context.Context, through int64, hold []Held, letGo []int64) error
}

// Lease is leadership of the relay.
type Lease interface {
	// Lost is closed when leadership is lost without Release, for example because the connection that holds it broke.
	Lost() <-chan struct{}
	// Release gives leadership up.
	Release() error
}

// Key names a call or a dialog of an account. UUIDs are lower case.
type Key struct{ Account, UUID string }

// Origin says where a journal entry comes from.
type Origin string

// The origins of journal entries. Everything that changes a call is a journal entry, so that the calls can be worked
// out again from the journal alone.
const (
	OriginPBX        Origin = "pbx"        // a webhook
	OriginSettle     Origin = "settle"     // settle_delay after the end; CallUUID is set
	OriginTimeout    Origin = "timeout"    // a synthetic close by the reaper
	OriginManual     Origin = "manual"     // a synthetic close by hand
	OriginReconciled Origin = "reconciled" // from the PBX's own records
)

// Entry is one row of the journal.
type Entry struct {
	ID         int64
	Account    string
	ReceivedAt time.Time // arrival, UTC, microseconds
	Origin     Origin
	EventName  string
	EventTime  dialog.Time // zero where the webhook has none that can be read (other families)
	DialogUUID string      // "" for other families and for settle
	CallUUID   string      // only of settle
	// Ignored: another family, or about what retention has removed: kept, changes nothing.
	Ignored bool
	// SHA256 is over Body; of what webhookd wrote itself, over Origin, a NUL byte and Body.
	SHA256 [32]byte
	// Rank is what orders the entry among others that contradict it, where that is not SHA256: the hash of the body before
	// a person was taken out of it. Zero otherwise.
	Rank      [32]byte
	Body      []byte // as received, but that a person may have been taken out
	Duplicate bool   // set by Append; not stored
	// Traceparent is the trace of the request, or the work, that brought it, "" for none; not stored here, but with its events.
	Traceparent string
	// Named are the UUIDs of the dialogs that it is about or names, for Append to look for; not stored.
	Named []string
}

// Leg is one dialog with what was merged for it (correlate's evidence, bytes to the store) and the call it belongs to.
type Leg struct {
	Account    string
	DialogUUID string
	CallUUID   string
	Evidence   []byte
}

// Call is one call: its record and what goes with it.
type Call struct {
	Account    string
	CallUUID   string
	MergedInto string          // the call that this one went into, "" for a call of its own
	Record     json.RawMessage // as readers see it, with seq, revision and updated_at; empty if merged
	Ledger     []byte          // flow's count of the events published so far
	Seq        int64
	Revision   int
	HeardAt    time.Time // arrival of its last webhook, UTC
	UpdatedAt  time.Time // UTC
	Index      Index
	// Stored is what the store has for Index, of which StartedAt, EndedAt, Keys and Facts count: search keys and facts are
	// written only where they differ. Tx.Calls and Tx.WholeCalls set it, without Facts; nil means that it is not known.
	Stored *Index
}

// Changes is what a batch writes beside the journal.
type Changes struct {
	Legs            []Leg
	Calls           []Call
	Outbox          []*OutboxRow
	PutDue, DropDue []Due
}

// Index holds what calls are searched by; it repeats what the record says.
type Index struct {
	State       string
	Direction   string
	Disposition string // "" for null
	HangupBy    string // "" for null
	Missed      bool
	Connected   bool
	StartedAt   dialog.Time
	EndedAt     dialog.Time
	// Keys are the call's parties and project in the form of the Key functions, for a missed call each also as a
	// MissedKey: sorted, without repeats.
	Keys []string
	// Facts are what counts of the call in statistics; empty while it has not ended. Their texts are bounded (BoundedKey).
	// Nil leaves those that are stored as they are, and is what reading a call gives: Tx.FactsOf reads them.
	Facts []stats.Fact
}

// ProjectKey gives the search key of a project id.
func ProjectKey(id string) string { return "project:" + id }

// ConsultantKey gives the search key of a consultant: id or username, in lower case.
func ConsultantKey(consultant string) string { return "consultant:" + consultant }

// NumberKey gives the search key of a number, raw or E.164.
func NumberKey(number string) string { return "number:" + number }

// MissedKey gives the search key by which a missed call is found beside another of its keys. A page of a project's missed
// calls is one scan of an index then; without it, most of the project's calls would have to be looked at.
func MissedKey(key string) string { return "missed " + key }

// TransferredKey is the search key of calls that were transferred.
const TransferredKey = "transferred"

// CallFilter chooses calls of one account. Nil and "" mean "any".
type CallFilter struct {
	Account     string
	State       string
	Open        bool // state is not "ended"
	Direction   string
	Disposition string
	HangupBy    string
	Missed      *bool
	Transferred *bool
	Keys        []string    // all of these search keys; without MissedKey, which the store puts in by itself
	From        dialog.Time // started_at >= From
	To          dialog.Time // started_at < To
	Before      *Cursor     // only calls after this one in the page's order
	Limit       int         // 0 means 100
}

// SearchKeys gives the search keys that the filter asks for, Keys and what else is kept as one.
func (f CallFilter) SearchKeys() []string {
	if f.Transferred != nil && *f.Transferred {
		return append(slices.Clone(f.Keys), TransferredKey)
	}
	return f.Keys
}

// Cursor is the place of a call in the order of a page.
type Cursor struct {
	StartedAt dialog.Time
	CallUUID  string
}

// OutboxRow is a change that waits for the relay or has been published.
type OutboxRow struct {
	ID        int64
	JournalID int64     // the entry that made the change; 0 for what a handler published, and, without events, an erasure
	CreatedAt time.Time // UTC
	flow.Change
}

// Position is how far the relay has come.
type Position struct {
	Through int64
	Held    []Held
}

// Held is an outbox row at or below the position that was not published: it cannot be (Poison), or it waits behind
// such a one of the same call.
type Held struct {
	OutboxID int64
	Account  string
	CallUUID string
	Poison   bool
	Reason   string // for people
	At       time.Time
}

// DueKind says what is to be done.
type DueKind string

// The kinds of due rows.
const (
	DueSettle    DueKind = "settle"
	DueReap      DueKind = "reap"
	DueTrigger   DueKind = "trigger"   // a pending trigger; CallUUID holds its id
	DueRequest   DueKind = "request"   // a request that has to leave the process; CallUUID holds its id
	DueBroadcast DueKind = "broadcast" // the next page of a broadcast; CallUUID holds its id
	DueTidy      DueKind = "tidy"      // old answers and marks; one row, of no account and no call
	DueReconcile DueKind = "reconcile" // the PBX is to be asked about a call
	DueSweep     DueKind = "sweep"     // calls that are open for long are looked for, to be asked about; one row, as DueTidy
	// DueRetention is the next batch of what is older than it is to be kept; one row, of no account and no call.
	DueRetention DueKind = "retention"
)

// Triggers says whether a row of this kind is about what handlers do; CallUUID holds the trigger's, request's or
// broadcast's id then.
func (k DueKind) Triggers() bool { return k == DueTrigger || k == DueRequest || k == DueBroadcast }

// Due is a row that waits for its time.
type Due struct {
	Account  string
	CallUUID string
	Kind     DueKind
	At       time.Time // UTC, microseconds
}

// Refused is a body in quarantine.
type Refused struct {
	ID         int64
	Account    string
	ReceivedAt time.Time // of the first one, UTC
	LastAt     time.Time // of the latest one, UTC
	Count      int
	Code       string // machine-readable, e.g. "malformed_json"
	Reason     string // for people
	SHA256     [32]byte
	Body       []byte
	Truncated  bool // Body is only the beginning of what was sent
	Size       int  // of Body as it is kept, in bytes; RefusedPage sets it
}

// RefusedBeginning is how much of each body a page of refused ones has, in bytes.
const RefusedBeginning = 256

// RefusedCursor is the place of a body in the order of a page.
type RefusedCursor struct {
	LastAt time.Time
	ID     int64
}
