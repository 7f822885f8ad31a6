package store

import (
	"context"
	"time"

	"webhookd/internal/dialog"
)

// Repairs is what is kept of asking the PBX for its own records.
type Repairs interface {
	// Questions gives what is known of asking about calls, of those of which anything is. Order is not defined.
	Questions(ctx context.Context, calls []Key) ([]Question, error)
	// PutQuestions writes questions, new or known (by account and call UUID).
	PutQuestions(ctx context.Context, questions []Question) error
	// DropQuestions removes up to limit questions that were last asked before a time, and says how many these were.
	DropQuestions(ctx context.Context, before time.Time, limit int) (int, error)
	// PutBackfill writes how far an import of history is, new or known (by account, from, to and publish).
	PutBackfill(ctx context.Context, backfill Backfill) error
}

// RepairReader answers questions about repairs.
type RepairReader interface {
	// Backfill gives how far an import of history is, by its account, from, to and publish. ErrNotFound.
	Backfill(ctx context.Context, which Backfill) (Backfill, error)
	// QuestionsOf gives up to limit questions of an account, the one that was asked last first.
	QuestionsOf(ctx context.Context, account string, limit int) ([]Question, error)
}

// The outcomes of a Question.
const (
	QuestionChanged   = "changed"   // the PBX's records changed the call
	QuestionUnchanged = "unchanged" // they told nothing new
	QuestionMissing   = "missing"   // the PBX has no record that would help; it is asked again, unless that was often enough
	QuestionFailed    = "failed"    // the PBX did not answer, or in a way that cannot be used; likewise
)

// Question is how asking the PBX about a call went.
type Question struct {
	Account  string
	CallUUID string
	Asked    int       // how often it was asked
	AskedAt  time.Time // the last time, UTC, microseconds
	Outcome  string    // one of the outcomes
	Reason   string    // for people, "" if nothing went wrong
}

// Backfill is an import of history. The times are of the dialogs' beginnings; From is part of it, To is not.
type Backfill struct {
	Account   string
	From, To  dialog.Time
	Publish   bool
	Reached   dialog.Time // everything before is imported
	Records   int64       // that the PBX gave
	Taken     int64       // that told something new
	UpdatedAt time.Time   // UTC, microseconds
}
