package trigger

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/expr-lang/expr/vm"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/flow"
)

// Occasion is what handlers are evaluated over: an event and what is known around it, or a trigger that came over the
// API. It is used by one goroutine at a time, and is not changed once it was evaluated (see [Occasion.WithCall]).
type Occasion struct {
	Account string
	// Event is the event of a call, or one that a handler made. Of the API, its Type is [TypeAPI] and its UUID that of
	// the transaction.
	Event flow.Event
	// Call is the call of the event, nil where there is none. Seq and Revision are those of its record.
	Call     *correlate.Call
	Seq      int64
	Revision int
	// Record is the call's record as readers see it. It may be left out; it is then made of Call if it is asked for.
	Record json.RawMessage
	// Payload is what was given over the API. Its values are what JSON has, numbers as float64.
	Payload map[string]any
	// Subscriber is whom a trigger of the API goes to; nil for an event.
	Subscriber *Subscriber
	// Depth is how many triggers led to the event, one from the other: 0 for an event of a call and for the API.
	Depth int
	// At is the time of the transaction in which it is evaluated, UTC.
	At            time.Time
	TransactionID string // of the API

	vars     *variables
	callVars *callVars // part of vars; events of one change share it
	machine  *vm.VM    // evaluates expressions, one after the other
}

// Subscriber is somebody whom triggers of the API go to.
type Subscriber struct {
	ID        string          `json:"id"`
	Email     string          `json:"email,omitempty"`
	Phone     string          `json:"phone,omitempty"`
	FirstName string          `json:"first_name,omitempty"`
	LastName  string          `json:"last_name,omitempty"`
	Locale    string          `json:"locale,omitempty"`
	Avatar    string          `json:"avatar,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
}

// MaxDepth is how deep triggers may lead to triggers: the first one has depth 1.
const MaxDepth = 5

// Contact is what the scope contact counts by: the number of the external party in E.164, else as the PBX wrote it; of
// the API, the subscriber's telephone number likewise, else the subscriber's id. It is "" where there is none; the scope
// then falls back to the call.
func (o *Occasion) Contact() string {
	if number := o.number(); number != "" || o.Subscriber == nil {
		return number
	}
	return o.Subscriber.ID
}

// CallUUID is the id of the call, "" if there is none.
func (o *Occasion) CallUUID() string {
	if o.Call == nil {
		return ""
	}
	return o.Call.CallUUID
}

// happenedAt is when the event happened; what the API asks for happens when it is evaluated.
func (o *Occasion) happenedAt() dialog.Time {
	if o.Event.CreatedOn.IsZero() {
		return dialog.TimeOf(o.At)
	}
	return o.Event.CreatedOn
}

// WithCall gives the occasion with the call as it is now, and its record: what is due after a delay tells of the call as
// it is then. Without a record, Seq and Revision stay as they are.
func (o *Occasion) WithCall(call *correlate.Call, record json.RawMessage) *Occasion {
	changed := *o
	changed.Call, changed.Record = call, record
	changed.vars, changed.callVars, changed.machine = nil, nil, nil
	var counts struct {
		Seq      int64 `json:"seq"`
		Revision int   `json:"revision"`
	}
	if len(record) > 0 && json.Unmarshal(record, &counts) == nil {
		changed.Seq, changed.Revision = counts.Seq, counts.Revision
	}
	return &changed
}

// WithTime gives the occasion at another time, UTC.
func (o *Occasion) WithTime(at time.Time) *Occasion {
	changed := *o
	changed.At, changed.vars, changed.machine = at, nil, nil
	return &changed
}

// Next gives the occasion of an event that a trigger of this occasion made: one deeper, over the same call.
func (o *Occasion) Next(event flow.Event) *Occasion {
	next := *o
	next.Event, next.Depth, next.vars, next.machine = event, o.Depth+1, nil, nil
	return &next
}

// Beside gives the occasion of another event of the same change: with the same call and record, at the same depth. What
// was worked out for one is used for the other.
func (o *Occasion) Beside(event flow.Event) *Occasion {
	other := *o
	other.Event, other.vars = event, nil
	return &other
}

// occasionJSON is how an occasion is kept.
type occasionJSON struct {
	Account       string          `json:"account"`
	Event         flow.Event      `json:"event"`
	Call          json.RawMessage `json:"call,omitempty"`
	Payload       map[string]any  `json:"payload,omitempty"`
	Subscriber    *Subscriber     `json:"subscriber,omitempty"`
	Depth         int             `json:"depth,omitempty"`
	At            time.Time       `json:"at"`
	TransactionID string          `json:"transaction_id,omitempty"`
}

// Encode gives the occasion as JSON, for keeping; [DecodeOccasion] reads it.
func (o *Occasion) Encode() ([]byte, error) {
	data, err := json.Marshal(occasionJSON{
		Account: o.Account, Event: o.Event, Call: o.record(), Payload: o.Payload, Subscriber: o.Subscriber,
		Depth: o.Depth, At: o.At.UTC(), TransactionID: o.TransactionID,
	})
	if err != nil {
		return nil, fmt.Errorf("encode occasion: %w", err)
	}
	return data, nil
}

// record gives the call's record, nil if there is no call.
func (o *Occasion) record() json.RawMessage {
	if o.Call == nil || len(o.Record) > 0 {
		return o.Record
	}
	return flow.EncodeRecord(o.Call, o.Seq, o.Revision, o.At)
}

// DecodeOccasion reads what Encode writes.
func DecodeOccasion(data []byte) (*Occasion, error) {
	var kept occasionJSON
	if err := json.Unmarshal(data, &kept); err != nil {
		return nil, fmt.Errorf("decode occasion: %w", err)
	}
	o := &Occasion{
		Account: kept.Account, Event: kept.Event, Payload: kept.Payload, Subscriber: kept.Subscriber,
		Depth: kept.Depth, At: kept.At, TransactionID: kept.TransactionID,
	}
	if len(kept.Call) > 0 {
		var record flow.Record
		if err := json.Unmarshal(kept.Call, &record); err != nil {
			return nil, fmt.Errorf("decode occasion: %w", err)
		}
		o.Call, o.Seq, o.Revision, o.Record = &record.Call, record.Seq, record.Revision, kept.Call
	}
	return o, nil
}
