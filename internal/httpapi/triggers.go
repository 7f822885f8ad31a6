package httpapi

import (
	"context"

	"webhookd/internal/store"
	"webhookd/internal/triggerapi"
)

// Triggers does what the trigger API is asked to do. Every method may return store.ErrUnavailable, ingest.ErrBusy and
// ingest.ErrStopping; nothing was done then. Further errors are named with the method. Accounts and texts have been
// checked before, bodies are read, and no argument is the caller's any more.
type Triggers interface {
	// Trigger does the requests, in their order, and returns once they are on disk: an outcome for each. One that cannot
	// be done (its Outcome.Err or Status says why) does not stop the others. TransactionID is set in all of them; one that
	// the account has had before is not done again, and its outcome is what it was.
	//
	// once is nil, or asks that a repeated call does nothing: where an answer is kept under once.Key, it comes back as
	// kept, and outcomes are nil.
	Trigger(ctx context.Context, account string, requests []triggerapi.Request, once *triggerapi.Once) (
		outcomes []triggerapi.Outcome, kept *triggerapi.Answer, err error)
	// Broadcast begins to trigger for every subscriber of the account, and returns once that is on disk; it goes on by
	// itself. To is empty. once is as with Trigger, with one outcome.
	Broadcast(ctx context.Context, account string, request triggerapi.Request, once *triggerapi.Once) (
		outcome triggerapi.Outcome, kept *triggerapi.Answer, err error)
	// Cancel calls off what is pending of a transaction, a broadcast that is under way included, and says whether there
	// was anything.
	Cancel(ctx context.Context, account, transactionID string) (bool, error)
	// BroadcastProgress gives a broadcast. ErrNotFound.
	BroadcastProgress(ctx context.Context, account, transactionID string) (triggerapi.Progress, error)
}

// Directory keeps whom triggers can go to. Its errors are those of Triggers.
type Directory interface {
	// PutSubscriber creates a subscriber or changes what is given and not empty, and gives it as it is then.
	PutSubscriber(ctx context.Context, account string, subscriber store.Subscriber) (store.Subscriber, error)
	// DropSubscriber removes a subscriber, also from all topics. ErrNotFound.
	DropSubscriber(ctx context.Context, account, id string) error
	// PutTopic creates a topic or, where a name is given, renames it; created says which.
	PutTopic(ctx context.Context, account string, topic triggerapi.Topic) (kept store.Topic, created bool, err error)
	// RenameTopic gives a topic that there is another name. ErrNotFound.
	RenameTopic(ctx context.Context, account string, topic triggerapi.Topic) (store.Topic, error)
	// DropTopic removes a topic. ErrNotFound.
	DropTopic(ctx context.Context, account, key string) error
	// JoinTopic puts subscribers on a topic, which is created if there is none, in the order of ids. Those that are no
	// subscribers are left out and named.
	JoinTopic(ctx context.Context, account, key string, ids []string) (triggerapi.Joined, error)
	// LeaveTopic takes subscribers off a topic; those that are not on it are no error. ErrNotFound.
	LeaveTopic(ctx context.Context, account, key string, ids []string) error
}

// Handlers changes handlers and tries them. Every method may return store.ErrUnavailable. A change is on disk when the
// method returns, and in force in all instances soon after.
//
// scope is the account that the caller may change handlers of; "" is an operator, who may change all. With a scope, a
// definition without an account gets it, one with another account is ErrForeign, and handlers of other accounts, or of
// all accounts, are store.ErrNotFound where they are named; only Try takes those of all accounts, too.
type Handlers interface {
	// CreateHandler keeps a new handler; definition is the client's JSON. *trigger.DefinitionError, ErrExists (also of
	// another account's handler: names are unique in the installation), ErrForeign.
	CreateHandler(ctx context.Context, scope string, definition []byte) (store.Handler, error)
	// ReplaceHandler keeps a handler, new or known by its name. Where the definition has the redaction mark for an
	// action's secret, the handler keeps the secret that it has there. *trigger.DefinitionError, ErrOfFile, ErrForeign,
	// and ErrExists where the name is taken by a handler out of scope.
	ReplaceHandler(ctx context.Context, scope, name string, definition []byte) (handler store.Handler, created bool, err error)
	// SwitchHandler switches a handler on or off, also one from the file, which then stays so until its definition
	// changes. ErrNotFound.
	SwitchHandler(ctx context.Context, scope, name string, enabled bool) (store.Handler, error)
	// DropHandler removes a handler. ErrNotFound, ErrOfFile.
	DropHandler(ctx context.Context, scope, name string) error
	// TryHandler says what a handler would do, and changes and publishes nothing. The call of the trial exists.
	// ErrNotFound; *triggerapi.InvalidError where the event of the trial cannot be read; of a trial with a definition
	// *trigger.DefinitionError and ErrForeign, too.
	TryHandler(ctx context.Context, scope, name string, trial triggerapi.Trial) (triggerapi.Tried, error)
}

// TriggerReader is the part of store.TriggerReader that the API needs.
type TriggerReader interface {
	AllHandlers(ctx context.Context) (handlers []store.Handler, revision int64, err error)
	Handler(ctx context.Context, name string) (store.Handler, error)
	TriggersOfCall(ctx context.Context, call store.Key) ([]store.Trigger, error)
	TriggersOfHandler(ctx context.Context, name string, limit int) ([]store.Trigger, error)
	Subscribers(ctx context.Context, account, after string, limit int) ([]store.Subscriber, error)
	Subscriber(ctx context.Context, account, id string) (store.Subscriber, error)
	Topics(ctx context.Context, account, after string, limit int) ([]store.Topic, error)
	Topic(ctx context.Context, account, key string) (store.Topic, error)
	TopicMembers(ctx context.Context, account, key, after string, limit int) ([]store.Subscriber, error)
}
