package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"webhookd/internal/dialog"
)

// What triggers need kept: handlers, the triggers that they made, what calls triggers off, requests that leave the
// process, and whom triggers go to. Definitions, occasions and specifications are bytes to the store.
//
// All moments are UTC with microseconds (finer parts are cut off); a zero one means that there is none. Where a method
// writes a moment that was left zero, the store's clock stands in if the row cannot be without it.

// MaxKey is how many bytes a subscriber's id, a topic's key or a transaction id may have. A longer one is refused with
// [ErrRefused].
const MaxKey = 400

// BoundedKey gives a text as it is kept and compared in [Trigger.Contact], [Trigger.OnceKey], [Mark.Contact] and in what
// asks for them: the text itself, or, of one with more than [MaxKey] bytes, its SHA-256. They hold what a sender sent,
// and a sender's nonsense must not refuse the whole webhook. The store applies it by itself; applying it twice changes
// nothing.
func BoundedKey(text string) string {
	if len(text) <= MaxKey {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Where a handler comes from.
const (
	HandlerFromFile = "file"
	HandlerFromAPI  = "api"
)

// Handler is one handler: its definition, and how it has been doing.
type Handler struct {
	Name       string // unique in the installation
	Account    string // "" is every account
	Source     string // HandlerFromFile or HandlerFromAPI
	Definition []byte // JSON, UTF-8; the program's own form. It may hold secrets
	Enabled    bool   // what counts, whatever the definition says
	Failures   int    // in a row; 0 after a success, and when it is switched on
	LastError  string // for people; stays after a success
	Fired      int64
	FiredAt    time.Time // when it fired last; zero if never
	UpdatedAt  time.Time // when definition, account, source or Enabled last changed
}

// HandlerCount is what one transaction did with a handler.
type HandlerCount struct {
	Name      string
	Fired     int
	Failed    int
	Succeeded bool   // at least once: failures in a row begin again at 0, and those of this count are left out
	LastError string // "" leaves the one that is there
	At        time.Time
}

// TriggerState says what became of a trigger.
type TriggerState string

// The states of triggers. Only a pending one ever changes.
const (
	TriggerPending   TriggerState = "pending"   // it waits for FireAt
	TriggerDone      TriggerState = "done"      // it fired
	TriggerCancelled TriggerState = "cancelled" // it was called off
	TriggerFailed    TriggerState = "failed"    // it fired, and its actions failed
	TriggerSkipped   TriggerState = "skipped"   // it did nothing, for example because its handler is gone
)

// Trigger is a handler that matched. Rows stay after the trigger has ended: they are the history of what was fired.
type Trigger struct {
	ID            string // unique in the installation
	Account       string
	Handler       string
	TransactionID string // of the trigger API, at most MaxKey bytes; "" for what an event made
	CallUUID      string // "" where there is no call
	Contact       string // "" where there is none; see BoundedKey
	EventType     string
	EventUUID     string
	EventAt       dialog.Time
	State         TriggerState
	// Occasion is what it is to be fired over; the program's own form. Only [Triggers.TriggersByID] gives it.
	Occasion    []byte
	CancelOn    []string // event types that call it off
	CancelScope string   // CancelScopeCall or CancelScopeContact
	OnceKey     string   // what it may be made once for; "" for no such limit; see BoundedKey
	Depth       int
	CreatedAt   time.Time
	FireAt      time.Time // zero for one that fired at once
	EndedAt     time.Time // zero while pending
	Reason      string    // for people
	Known       bool      // set by AddTriggers; not stored
}

// The values of [Trigger.CancelScope].
const (
	CancelScopeCall    = "call"
	CancelScopeContact = "contact"
)

// OnceQuery asks whether a handler has had its turn.
type OnceQuery struct {
	Account, Handler, OnceKey string
	Since                     time.Time // the window's beginning, itself not in it; zero for ever
}

// CancelQuery asks which pending triggers an event may call off.
type CancelQuery struct {
	Account   string
	CallUUID  string // "" for no call
	Contact   string // "" for no contact
	EventType string
}

// Mark says that an event came that calls triggers off, for those that are armed after it only because their own event
// came late.
type Mark struct {
	Account   string
	CallUUID  string // "" for no call
	Contact   string // "" for no contact
	EventType string
	At        dialog.Time // when it happened
	SeenAt    time.Time   // when it became known
}

// MarkQuery asks for a mark of one of the types, of this call or of this contact, that happened at Since or later.
type MarkQuery struct {
	Account    string
	CallUUID   string // "" for no call
	Contact    string // "" for no contact
	EventTypes []string
	Since      dialog.Time
}

// Request is something that has to leave the process for a trigger. It is removed when it is done.
type Request struct {
	ID          string // unique in the installation
	Account     string
	TriggerID   string
	Handler     string
	Spec        []byte // the program's own form. It may hold secrets
	Attempts    int
	CreatedAt   time.Time
	LeasedUntil time.Time // until then somebody is at it; zero if nobody ever was
	LastError   string    // for people
}

// Subscriber is somebody whom triggers can go to.
type Subscriber struct {
	Account   string
	ID        string // at most MaxKey bytes
	Email     string
	Phone     string
	FirstName string
	LastName  string
	Locale    string
	Avatar    string
	Data      json.RawMessage // empty if there is none
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Topic is a list of subscribers with a name.
type Topic struct {
	Account     string
	Key         string // at most MaxKey bytes
	Name        string
	CreatedAt   time.Time
	Subscribers int // how many it has; not written
}

// The states of broadcasts.
const (
	BroadcastRunning   = "running"
	BroadcastDone      = "done"
	BroadcastCancelled = "cancelled"
	BroadcastFailed    = "failed"
)

// Broadcast is a trigger for all subscribers of an account, and how far it has come.
type Broadcast struct {
	ID            string
	Account       string
	Name          string
	TransactionID string
	Spec          []byte // the program's own form
	After         string // the last subscriber's id that it went to; "" at the beginning
	Sent          int64
	Total         int64
	State         string
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Idempotent is the answer to a request that may come again.
type Idempotent struct {
	Account string
	Key     [32]byte
	Status  int // of HTTP
	Body    []byte
	At      time.Time
}

// Triggers is what a transaction does for triggers. Lists of what was found have no order unless one is named. A batch
// may name a row twice: it is as if the one came after the other.
//
//nolint:interfacebloat // what one transaction does with all of the tables
type Triggers interface {
	// PutHandlers writes handlers, new or known by name: account, source, definition and Enabled. Counters of a known
	// one stay, those of a new one begin at 0; only a handler that was off and is on now has no failures in a row any
	// more. If anything is different now, the handlers' revision is raised.
	PutHandlers(ctx context.Context, handlers []Handler) error
	// ReplaceFileHandlers makes these handlers the ones from the file: those of an earlier file that are not among them
	// are dropped, and Source is HandlerFromFile whatever it says. The file takes a name over that the API had. A handler
	// with the account and the definition (byte for byte) that it has already stays on or off as it is: who switched it
	// is right until the definition changes, also over restarts. Counters and revision are as with PutHandlers.
	ReplaceFileHandlers(ctx context.Context, handlers []Handler) error
	// DropHandlers removes handlers; those that are not there are no error. Their triggers stay.
	DropHandlers(ctx context.Context, names []string) error
	// Handlers gives all handlers by name.
	Handlers(ctx context.Context) ([]Handler, error)
	// CountHandlers adds counts up, and leaves the revision as it is. Handlers that are not there are no error.
	CountHandlers(ctx context.Context, counts []HandlerCount) error
	// SwitchOff switches a handler off, keeps the reason as its last error, and raises the revision. It says false, and
	// changes nothing, where the handler is off already or is not there.
	SwitchOff(ctx context.Context, name, reason string) (bool, error)
	// SwitchOn switches a handler on with no failures in a row, and raises the revision. It says false, and changes
	// nothing, where the handler is on already or is not there.
	SwitchOn(ctx context.Context, name string) (bool, error)

	// AddTriggers writes triggers. It sets Known, and writes nothing, where there is one with this ID already, be it from
	// before or earlier in the list.
	AddTriggers(ctx context.Context, triggers []*Trigger) error
	// EndTriggers gives pending triggers the State, EndedAt and Reason that are given with their ID, and says which IDs
	// it changed, in the order given. What is not pending stays as it is: of firing and calling off, the first one wins.
	EndTriggers(ctx context.Context, triggers []Trigger) ([]string, error)
	// TriggersByID gives the triggers with these IDs that exist, with their occasions.
	TriggersByID(ctx context.Context, ids []string) ([]Trigger, error)
	// TriggersOf gives the triggers of a transaction of the trigger API.
	TriggersOf(ctx context.Context, account, transactionID string) ([]Trigger, error)
	// OnceTaken says for each query whether the account has a trigger of this handler and key that was created after
	// Since and was neither cancelled nor skipped. An empty key has never been taken.
	OnceTaken(ctx context.Context, queries []OnceQuery) ([]bool, error)
	// PendingOf gives, each once, the pending triggers that name one of the event types in CancelOn and are of its call,
	// or, where their scope is the contact, of its contact.
	PendingOf(ctx context.Context, queries []CancelQuery) ([]Trigger, error)

	// AddMarks keeps marks: of one call or one contact and one event type, only that which happened last, and only when
	// the last one became known.
	AddMarks(ctx context.Context, marks []Mark) error
	// MarksSince says for each query whether there is such a mark.
	MarksSince(ctx context.Context, queries []MarkQuery) ([]bool, error)
	// DropMarks removes up to limit marks that became known before a moment, the oldest first, and says how many.
	DropMarks(ctx context.Context, before time.Time, limit int) (int, error)

	// PutRequests writes requests, new or known by ID.
	PutRequests(ctx context.Context, requests []Request) error
	// ClaimRequests gives those of the requests whose lease is over by the store's clock, and leases them until the given
	// moment: LeasedUntil says it. Attempts is left to the caller.
	ClaimRequests(ctx context.Context, ids []string, until time.Time) ([]Request, error)
	// Requests gives the requests with these IDs that exist.
	Requests(ctx context.Context, ids []string) ([]Request, error)
	// DropRequests removes requests; those that are not there are no error.
	DropRequests(ctx context.Context, ids []string) error

	// PutSubscribers writes subscribers, new or known by account and ID. With keep a known one stays as it is, which is
	// for the parties of calls: one of these whose ID has more than MaxKey bytes is left out. Otherwise what is given and
	// not empty replaces what is there.
	PutSubscribers(ctx context.Context, subscribers []Subscriber, keep bool) error
	// DropSubscribers removes subscribers, also from all topics; those that are not there are no error.
	DropSubscribers(ctx context.Context, account string, ids []string) error
	// SubscribersByID gives the subscribers with these IDs that exist.
	SubscribersByID(ctx context.Context, account string, ids []string) ([]Subscriber, error)
	// SubscribersPage gives up to limit subscribers with an ID above after, by ID.
	SubscribersPage(ctx context.Context, account, after string, limit int) ([]Subscriber, error)
	// CountSubscribers says how many subscribers an account has. It counts them: a million take a good part of a second.
	CountSubscribers(ctx context.Context, account string) (int64, error)
	// PutTopics writes topics, new or known by account and key. An empty name leaves the one that is there.
	PutTopics(ctx context.Context, topics []Topic) error
	// DropTopics removes topics with their lists; those that are not there are no error.
	DropTopics(ctx context.Context, account string, keys []string) error
	// TopicsByKey gives the topics with these keys that exist.
	TopicsByKey(ctx context.Context, account string, keys []string) ([]Topic, error)
	// JoinTopic adds subscribers to a topic and gives, by ID, those of the ids that are subscribers of the account: the
	// others are not added. ErrNotFound where there is no such topic; the transaction can go on.
	JoinTopic(ctx context.Context, account, key string, ids []string) ([]string, error)
	// LeaveTopic takes subscribers off a topic; those that are not on it are no error.
	LeaveTopic(ctx context.Context, account, key string, ids []string) error
	// TopicSubscribers gives up to limit subscribers of a topic with an ID above after, by ID.
	TopicSubscribers(ctx context.Context, account, key, after string, limit int) ([]Subscriber, error)

	// PutBroadcast writes a broadcast, new or known by account and ID.
	PutBroadcast(ctx context.Context, broadcast Broadcast) error
	// Broadcast gives one broadcast. ErrNotFound; the transaction can go on.
	Broadcast(ctx context.Context, account, id string) (Broadcast, error)

	// Idempotent gives the answer that was kept; ok is false when there is none.
	Idempotent(ctx context.Context, account string, key [32]byte) (answer Idempotent, ok bool, err error)
	// KeepIdempotent keeps an answer, in place of an earlier one of this key.
	KeepIdempotent(ctx context.Context, answer Idempotent) error
	// DropIdempotent removes up to limit answers from before a moment, the oldest first, and says how many.
	DropIdempotent(ctx context.Context, before time.Time, limit int) (int, error)
}

// TriggerReader answers questions about triggers outside of a transaction.
//
//nolint:interfacebloat // what readers ask of all of the tables
type TriggerReader interface {
	// AllHandlers gives all handlers by name, with a revision that is theirs, or an older one if a change came between.
	AllHandlers(ctx context.Context) (handlers []Handler, revision int64, err error)
	// HandlersRevision gives the revision: another number than before says that some handler was changed, added, dropped
	// or switched. Counting leaves it as it is.
	HandlersRevision(ctx context.Context) (int64, error)
	// Handler gives one handler. ErrNotFound.
	Handler(ctx context.Context, name string) (Handler, error)
	// TriggersOfCall gives the triggers of a call, the oldest first.
	TriggersOfCall(ctx context.Context, call Key) ([]Trigger, error)
	// TriggersOfHandler gives up to limit triggers of a handler, in all accounts, the newest first.
	TriggersOfHandler(ctx context.Context, name string, limit int) ([]Trigger, error)
	// Subscribers is [Triggers.SubscribersPage] outside of a transaction.
	Subscribers(ctx context.Context, account, after string, limit int) ([]Subscriber, error)
	// Subscriber gives one subscriber. ErrNotFound.
	Subscriber(ctx context.Context, account, id string) (Subscriber, error)
	// Topics gives up to limit topics with a key above after, by key.
	Topics(ctx context.Context, account, after string, limit int) ([]Topic, error)
	// Topic gives one topic. ErrNotFound.
	Topic(ctx context.Context, account, key string) (Topic, error)
	// TopicMembers is [Triggers.TopicSubscribers] outside of a transaction.
	TopicMembers(ctx context.Context, account, key, after string, limit int) ([]Subscriber, error)
	// ReadBroadcast is [Triggers.Broadcast] outside of a transaction.
	ReadBroadcast(ctx context.Context, account, id string) (Broadcast, error)
}
