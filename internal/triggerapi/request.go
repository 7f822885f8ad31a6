package triggerapi

import (
	"encoding/json"

	"webhookd/internal/store"
)

// Limits of what a request may hold.
const (
	MaxBulk       = 100 // triggers of one bulk request
	MaxRecipients = 100 // entries of one trigger's "to"; a topic is one
	MaxIDs        = 100 // subscribers that are put on or taken off a topic at once
	MaxDepth      = 32  // how deep objects and lists may be nested
	MaxText       = 256 // bytes of a name, an address and such
	// MaxObject is how many bytes a payload, overrides or a subscriber's data may have. They are part of what is published,
	// beside the record of a call, and a message of NATS has a megabyte at most.
	MaxObject = 256 << 10

	maxURL    = 2048
	maxFaults = 20 // more are not told
	maxPairs  = 10_000
)

// Request is a trigger or a broadcast as a client asks for it.
type Request struct {
	Name string // of a handler, or of a flow that the configuration names
	// To is whom it goes to: empty of a broadcast, which goes to everybody, and where the client gave an empty list.
	To            []Recipient
	Payload       json.RawMessage   // an object, {} where none was given
	Overrides     json.RawMessage   // an object; nil where none was given
	TransactionID string            // at most store.MaxKey bytes. Read leaves it empty where the client gave none
	Actor         *store.Subscriber // on whose behalf; nil where none was given
}

// Recipient is a subscriber, or the subscribers of a topic.
type Recipient struct {
	Topic string // the topic's key; "" of a subscriber
	// Subscriber is what the client says of the subscriber: an ID, and perhaps more, which is to be kept. Account and
	// times are empty.
	Subscriber store.Subscriber
}

// Element is one trigger of a bulk request: one that can be done, or what is wrong with it.
type Element struct {
	Request
	Err error // *InvalidError
}

// Topic is what a client says of a topic.
type Topic struct{ Key, Name string }
