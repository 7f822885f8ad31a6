package triggerapi

import (
	"encoding/json"
	"time"

	"webhookd/internal/store"
)

// Status is what became of a trigger, in Novu's words.
type Status string

// The statuses that are given. Novu has more, for things that there are none of here.
const (
	StatusProcessed         Status = "processed"
	StatusError             Status = "error"
	StatusNotActive         Status = "trigger_not_active" // its handler is switched off
	StatusInvalidRecipients Status = "invalid_recipients" // it would go to nobody
)

// Outcome is what became of one trigger or broadcast.
type Outcome struct {
	Status        Status
	TransactionID string
	Errors        []string // for people; of StatusError
	// Err says that there was nothing to be done: ErrUnknownName. The rest is empty then.
	Err error
}

// Once asks that what is done is done once, however often the client asks for it with the same key and body.
type Once struct {
	// Key is the SHA-256 over the client's key, the route and the body.
	Key [32]byte
	// Answer gives the answer to the outcomes. One with a Status below 300 is to be kept under Key, in the transaction
	// that does what was asked.
	Answer func([]Outcome) Answer
}

// Answer is an answer as the client got it.
type Answer struct {
	Status int // of HTTP
	Body   []byte
}

// Joined says which subscribers were put on a topic, and which are not known.
type Joined struct {
	Succeeded []string
	NotFound  []string
}

// Trial asks what a handler would do. Either CallUUID or Event is given.
type Trial struct {
	Account   string
	CallUUID  string          // a call that is kept
	EventType string          // which of its events; "" for any that the handler is for
	Event     json.RawMessage // an event as it is published; an object
	// Definition is tried in place of the handler that is kept under the name; nil for that one. It need not be kept at all.
	Definition json.RawMessage
}

// Tried says what a handler would do.
type Tried struct {
	Matches bool
	Reason  string            // why it does not match, for people; "" where it does
	FireAt  time.Time         // when it would fire; zero for at once
	Events  []json.RawMessage // what it would publish, as it is published
	// Requests are what it would send out, with their secrets redacted; each an object for people to look at.
	Requests []json.RawMessage
}

// Progress is a broadcast and how far it has come.
type Progress = store.Broadcast
