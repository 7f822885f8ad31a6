package ingest

import (
	"errors"
	"fmt"
)

// Result is what became of a webhook; it is the "status" of the door's answer.
type Result string

// The results of a webhook that was taken.
const (
	Accepted  Result = "accepted"  // a dialog webhook: in the journal, its call is up to date; or any, in the spool
	Duplicate Result = "duplicate" // the same body was in the account's journal before
	Ignored   Result = "ignored"   // another family: in the journal, changes no call
)

// Answer says what became of a webhook. By then it is on disk.
type Answer struct {
	Result     Result
	JournalID  int64  // 0 for a duplicate
	DialogUUID string // "" unless Accepted
	CallUUID   string // "" unless Accepted
	// Spooled says that the database is away and the webhook is in the spool: it is Accepted, and what becomes of it is
	// decided when the spool drains. Nothing else is set then.
	Spooled bool
}

// RefusedError says that a body is no webhook that can be kept as one; it has gone to quarantine, or to the spool on its
// way there. The same body will be refused again.
type RefusedError struct {
	Code   string // machine-readable, e.g. "malformed_json", "missing_event_time"
	Reason string // for people: what is wrong and where
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("refuse webhook: %s (%s)", e.Reason, e.Code)
}

// ErrStopping says that the service is stopping and takes nothing any more; the sender should try again.
var ErrStopping = errors.New("service is stopping")

// ErrBusy says that too many webhooks wait already; the sender should try again.
var ErrBusy = errors.New("too many webhooks waiting")
