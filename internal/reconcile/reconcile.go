// Package reconcile repairs calls from the PBX's own records, and imports history from them. It says about which calls
// the PBX is asked, when, how often, and for which stretch of time; what a record means is for correlate to say, how it
// gets into the journal for ingest, and how the PBX is spoken to for pbxapi.
//
// Several instances may work beside each other: which calls are asked about are due rows, and a row that one instance
// has taken is put off for as long as asking can take. A question that is asked twice all the same changes nothing.
package reconcile

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
	"webhookd/internal/pbxapi"
	"webhookd/internal/store"
)

const (
	// Lease is how long calls that one instance asks about are left alone by the others.
	Lease = 5 * time.Minute
	// askTime is how long asking may take; what is not done then is asked again when the lease is over.
	askTime = 4 * time.Minute
	// claimTime is how long asking about the calls of one claim takes at least, if every call is a question of its own. It
	// is three quarters of askTime because an answer may have several pages.
	claimTime = askTime * 3 / 4
	// requests is how many a question takes at least: one for the records, and one that says that there are no more.
	requests = 2
	// Later is how long calls wait that cannot be asked about because others are.
	Later = time.Minute
	// sweepEvery is how often calls that are open for long are looked for.
	sweepEvery = time.Hour
	// keepQuestions is how long it is kept how asking about a call went.
	keepQuestions = 30 * 24 * time.Hour
	// pageSize is how many calls are read, or how many questions are dropped, at once.
	pageSize = 256
)

// pauses are how long is waited after the first, the second … question about a call that did not help. After the last of
// them the call is not asked about any more.
var pauses = []time.Duration{2 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// After a question that the PBX answered to nobody, a call waits as long again as it has waited since the one before, from
// firstWait to longestWait, until the PBX answers: it says nothing about the call.
const (
	firstWait   = 2 * time.Minute
	longestWait = time.Hour
)

// notAsked begins the reason of calls that were not asked about because the PBX had just failed with others.
const notAsked = "not asked, because the PBX had just failed: "

// fewAsks is how often the PBX is asked about a call of which the end is known and something else is missing.
const fewAsks = 2

// PBX is asked for records. *pbxapi.Client is one.
type PBX interface {
	// Dialogs hands over, page by page, the records of the dialogs that began at or after from and before to.
	Dialogs(ctx context.Context, from, to dialog.Time, each func(page []json.RawMessage) error) error
	// Rate is how many requests a second it takes at most.
	Rate() int
}

// Config is what a Reconciler needs.
type Config struct {
	Store interface {
		store.Writer
		Call(ctx context.Context, key store.Key) (store.Call, error)
		Calls(ctx context.Context, filter store.CallFilter) ([]store.Call, error)
		Backfill(ctx context.Context, which store.Backfill) (store.Backfill, error)
	}
	Engine *ingest.Engine
	PBXs   map[string]PBX // by account; of the others nobody is asked
	// OpenAfter is the age from which a call that is open is asked about.
	OpenAfter time.Duration
	Logger    *slog.Logger
	Now       func() time.Time
	// Committed, if not nil, is called after every commit that may have changed a call.
	Committed func()
}

// Reconciler asks PBXs. It may be used by several goroutines at once.
type Reconciler struct {
	cfg Config

	mu    sync.Mutex
	stats map[string]Stats
}

// Stats says what was done for one account since the start.
type Stats struct {
	Asked   int64 // calls that the PBX was asked about
	Failed  int64 // of these, for which it gave no records that can be used
	Changed int64 // of these, that its records changed
	Records int64 // records that told something new, of history too

	Answered   int64 // questions, each about one or several calls, that the PBX answered
	Unanswered int64 // questions that it did not, or with nothing that can be used
}

// New makes a Reconciler.
func New(cfg Config) *Reconciler { return &Reconciler{cfg: cfg, stats: map[string]Stats{}} }

// Stats gives the counts by account; every account with a PBX is there.
func (r *Reconciler) Stats() map[string]Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	stats := make(map[string]Stats, len(r.cfg.PBXs))
	for account := range r.cfg.PBXs {
		stats[account] = r.stats[account]
	}
	return stats
}

func (r *Reconciler) count(account string, more Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats[account]
	s.Asked += more.Asked
	s.Failed += more.Failed
	s.Changed += more.Changed
	s.Records += more.Records
	s.Answered += more.Answered
	s.Unanswered += more.Unanswered
	r.stats[account] = s
}

// Has says whether there is a PBX to ask for an account.
func (r *Reconciler) Has(account string) bool { return r.cfg.PBXs[account] != nil }

// Claim puts off due rows for as long as asking can take, in the transaction that took them, and gives the calls. Rows
// of accounts without a PBX are gone, and those that are more than can be asked about at the PBXs' rates wait.
func (r *Reconciler) Claim(ctx context.Context, tx store.Tx, now time.Time, rows []store.Due) ([]store.Key, error) {
	var calls []store.Key
	var again []store.Due
	var takes time.Duration
	for _, row := range rows {
		if !r.Has(row.Account) {
			continue
		}
		one := requests * time.Second / time.Duration(max(1, r.cfg.PBXs[row.Account].Rate()))
		if takes+one <= claimTime {
			takes += one
			calls = append(calls, store.Key{Account: row.Account, UUID: row.CallUUID})
			row.At = now.Add(Lease)
		} else {
			row.At = now.Add(Later)
		}
		again = append(again, row)
	}
	if len(again) == 0 {
		return nil, nil
	}
	if err := tx.PutDue(ctx, again); err != nil {
		return nil, fmt.Errorf("write due rows: %w", err)
	}
	return calls, nil
}

// NextSweep is when calls that are open for long are to be looked for again.
func (r *Reconciler) NextSweep(now time.Time) time.Time { return now.Add(sweepEvery) }

// Outcome counts what came of questions, by call.
type Outcome struct {
	Asked     int // calls
	Changed   int
	Unchanged int
	Missing   int // no record that would help
	Failed    int // no answer that can be used
	Records   int // that told something new
	Removed   int // records that were left out: of dialogs that retention removed, or that name such a dialog
	// Stopped counts accounts whose PBX was not asked on because it answered nobody. Their other calls are not among those
	// above.
	Stopped int
}

func (o *Outcome) add(outcome string) {
	o.Asked++
	switch outcome {
	case store.QuestionChanged:
		o.Changed++
	case store.QuestionUnchanged:
		o.Unchanged++
	case store.QuestionMissing:
		o.Missing++
	case store.QuestionFailed:
		o.Failed++
	}
}

// sum adds counts up.
func (o *Outcome) sum(other Outcome) {
	o.Asked += other.Asked
	o.Changed += other.Changed
	o.Unchanged += other.Unchanged
	o.Missing += other.Missing
	o.Failed += other.Failed
	o.Records += other.Records
	o.Removed += other.Removed
}

// Ask asks the PBXs about calls and takes in what they tell. What goes wrong with a PBX is in the outcome, in the log,
// and in the questions that are kept; an error is the database's, or that of a stop.
func (r *Reconciler) Ask(ctx context.Context, calls []store.Key) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	var total Outcome
	byAccount := map[string][]store.Key{}
	for _, call := range calls {
		byAccount[call.Account] = append(byAccount[call.Account], call)
	}
	var failed error
	for _, account := range slices.Sorted(maps.Keys(byAccount)) {
		if !r.Has(account) {
			continue
		}
		if _, err := r.askAccount(ctx, account, byAccount[account], false, &total); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return total, failed
}

// subject is a call that is asked about.
type subject struct {
	key      store.Key
	call     *correlate.Call
	record   []byte // as it was before
	question store.Question
}

// askAccount asks about calls of one account. A PBX that failed once is not asked on: broken says why, and which calls got
// no answer; it is nil if all did.
func (r *Reconciler) askAccount(
	ctx context.Context, account string, calls []store.Key, dry bool, total *Outcome,
) (broken *breakOff, err error) {
	subjects, gone, err := r.subjects(ctx, account, calls)
	if err != nil {
		return nil, err
	}
	if err := r.dropGone(ctx, gone, dry); err != nil {
		return nil, err
	}
	var refused *refusal
	for _, window := range windows(subjects) {
		var records []ingest.Recorded
		if broken == nil {
			records, err = r.fetch(ctx, account, window)
			switch {
			case ctx.Err() != nil:
				return nil, fmt.Errorf("ask about calls: %w", context.Cause(ctx))
			case err == nil:
				r.count(account, Stats{Answered: 1})
			default:
				r.count(account, Stats{Unanswered: 1})
				r.cfg.Logger.Warn("the PBX could not be asked about calls; it is tried again later",
					"account", account, "error", err)
				broken, refused = &breakOff{err: err}, newRefusal(err)
			}
		}
		if err := r.take(ctx, account, window.subjects, records, refused, dry, total); err != nil {
			return nil, err
		}
		if broken != nil {
			refused = refused.ofOthers()
			for _, s := range window.subjects {
				broken.left = append(broken.left, s.key)
			}
		}
	}
	return broken, nil
}

// breakOff is why a PBX was not asked on, and about which calls it gave no answer.
type breakOff struct {
	err  error
	left []store.Key
}

// refusal is a question that the PBX did not answer, as one of its calls sees it.
type refusal struct {
	reason     string
	retryAfter time.Duration
	about      bool // it may be about what was asked for this call
}

func newRefusal(err error) *refusal {
	refused := &refusal{reason: err.Error(), about: true}
	if told, ok := errors.AsType[*pbxapi.Error](err); ok {
		refused.retryAfter, refused.about = told.RetryAfter, told.Narrow
	}
	return refused
}

// ofOthers is the refusal as calls see it that were not asked about any more.
func (r *refusal) ofOthers() *refusal {
	if strings.HasPrefix(r.reason, notAsked) {
		return r
	}
	return &refusal{reason: notAsked + r.reason, retryAfter: r.retryAfter}
}

// subjects reads the calls that are to be asked about; gone are those that there are not any more.
func (r *Reconciler) subjects(ctx context.Context, account string, calls []store.Key) ([]*subject, []store.Key, error) {
	var subjects []*subject
	var gone []store.Key
	for _, key := range calls {
		row, err := r.cfg.Store.Call(ctx, key)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && row.MergedInto != "":
			gone = append(gone, key)
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("read call: %w", err)
		}
		call := new(correlate.Call)
		if err := json.Unmarshal(row.Record, call); err != nil {
			r.cfg.Logger.Error("the record of a call cannot be read, so the PBX is not asked about it: webhookd rebuild mends it",
				"account", key.Account, "call_uuid", key.UUID, "error", err)
			gone = append(gone, key)
			continue
		}
		subjects = append(subjects, &subject{
			key: key, call: call, record: row.Record, question: store.Question{Account: account, CallUUID: key.UUID},
		})
	}
	if len(subjects) == 0 {
		return nil, gone, nil
	}
	return subjects, gone, r.recall(ctx, subjects)
}

// recall reads how often the calls were asked about.
func (r *Reconciler) recall(ctx context.Context, subjects []*subject) error {
	byKey := map[store.Key]*subject{}
	keys := make([]store.Key, 0, len(subjects))
	for _, s := range subjects {
		byKey[s.key] = s
		keys = append(keys, s.key)
	}
	err := r.cfg.Store.Write(ctx, func(tx store.Tx) error {
		questions, err := tx.Questions(ctx, keys)
		for _, question := range questions {
			byKey[store.Key{Account: question.Account, UUID: question.CallUUID}].question = question
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read questions: %w", err)
	}
	return nil
}

func (r *Reconciler) dropGone(ctx context.Context, gone []store.Key, dry bool) error {
	if len(gone) == 0 || dry {
		return nil
	}
	return r.write(ctx, func(tx store.Tx) error { return tx.DropDue(ctx, dueRows(gone)) })
}

func dueRows(calls []store.Key) []store.Due {
	rows := make([]store.Due, 0, len(calls))
	for _, call := range calls {
		rows = append(rows, store.Due{Account: call.Account, CallUUID: call.UUID, Kind: store.DueReconcile})
	}
	return rows
}

// fetch asks for the records of a stretch of time and gives those that are of the calls' dialogs, or link to them.
func (r *Reconciler) fetch(ctx context.Context, account string, w *window) ([]ingest.Recorded, error) {
	wanted := map[string]bool{}
	for _, s := range w.subjects {
		for _, id := range correlate.Dialogs(s.call) {
			wanted[id] = true
		}
	}
	var found []ingest.Recorded
	err := r.cfg.PBXs[account].Dialogs(ctx, w.from, w.to, func(page []json.RawMessage) error {
		for _, one := range r.read(account, page) {
			if wanted[one.Record.DialogUUID] || wanted[one.Record.Told[dialog.CallerDialogUUID]] {
				found = append(found, one)
			}
		}
		return nil
	})
	return found, err
}

// read reads records; those that cannot be read are left out.
func (r *Reconciler) read(account string, page []json.RawMessage) []ingest.Recorded {
	records := make([]ingest.Recorded, 0, len(page))
	for _, body := range page {
		record, err := dialog.DecodeRecord(body)
		if err != nil {
			r.cfg.Logger.Warn("the PBX gave a record that cannot be read; it is left out", "account", account,
				"dialog_uuid", record.DialogUUID, "start_time", record.Start, "error", err)
			continue
		}
		records = append(records, ingest.Recorded{Record: &record, Body: body})
	}
	slices.SortStableFunc(records, func(a, b ingest.Recorded) int {
		return cmp.Or(cmp.Compare(a.Record.Start, b.Record.Start), cmp.Compare(a.Record.DialogUUID, b.Record.DialogUUID))
	})
	return records
}

// errDry undoes a transaction that was only to show what it would do.
var errDry = errors.New("nothing is to be changed")

// take puts records into the calls that they are of, and keeps how it went, in one transaction. refused says why the PBX
// gave none.
func (r *Reconciler) take(
	ctx context.Context, account string, subjects []*subject, records []ingest.Recorded, refused *refusal,
	dry bool, total *Outcome,
) error {
	now := r.cfg.Now().UTC().Truncate(time.Microsecond)
	var outcome Outcome
	err := r.write(ctx, func(tx store.Tx) error {
		outcome = Outcome{}
		reconciled, err := r.cfg.Engine.Reconcile(ctx, tx, now, account, ingest.EventRecord, records)
		if err != nil {
			return err
		}
		outcome.Records, outcome.Removed = reconciled.Taken, reconciled.Removed
		if err := r.conclude(ctx, tx, now, subjects, refused, &outcome); err != nil {
			return err
		}
		if dry {
			return errDry
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDry) {
		return fmt.Errorf("take records of pbx: %w", err)
	}
	total.sum(outcome)
	if !dry {
		r.count(account, Stats{
			Asked: int64(outcome.Asked), Failed: int64(outcome.Failed), Changed: int64(outcome.Changed),
			Records: int64(outcome.Records),
		})
	}
	return nil
}

// conclude looks at what became of the calls and puts down whether they are asked about again.
func (r *Reconciler) conclude(
	ctx context.Context, tx store.Tx, now time.Time, subjects []*subject, refused *refusal, outcome *Outcome,
) error {
	keys := make([]store.Key, 0, len(subjects))
	for _, s := range subjects {
		keys = append(keys, s.key)
	}
	rows, err := tx.WholeCalls(ctx, keys)
	if err != nil {
		return fmt.Errorf("read calls: %w", err)
	}
	after := map[string]store.Call{}
	for _, row := range rows {
		after[row.CallUUID] = row
	}
	var questions []store.Question
	var again, done []store.Due
	for _, s := range subjects {
		question, next, err := judge(s, after[s.key.UUID], refused, now)
		if err != nil {
			return err
		}
		outcome.add(question.Outcome)
		questions = append(questions, question)
		row := store.Due{Account: s.key.Account, CallUUID: s.key.UUID, Kind: store.DueReconcile, At: next}
		if next.IsZero() {
			done = append(done, row)
		} else {
			again = append(again, row)
		}
	}
	if err := tx.PutQuestions(ctx, questions); err != nil {
		return fmt.Errorf("write questions: %w", err)
	}
	if err := tx.DropDue(ctx, done); err != nil {
		return fmt.Errorf("drop due rows: %w", err)
	}
	if err := tx.PutDue(ctx, again); err != nil {
		return fmt.Errorf("write due rows: %w", err)
	}
	return nil
}

// judge says how asking about a call went, and when it is to be asked about again; the zero time is never.
func judge(s *subject, after store.Call, refused *refusal, now time.Time) (store.Question, time.Time, error) {
	question := s.question
	question.Asked++
	question.AskedAt, question.Reason = now, ""
	question.Outcome = store.QuestionUnchanged
	if string(after.Record) != string(s.record) {
		question.Outcome = store.QuestionChanged
	}
	asks := 0
	if after.MergedInto == "" && len(after.Record) > 0 {
		var call correlate.Call
		if err := json.Unmarshal(after.Record, &call); err != nil {
			return question, time.Time{}, fmt.Errorf("read record of call %s: %w", s.key.UUID, err)
		}
		if call.State != correlate.StateEnded {
			question.Asked = 1 // it is asked about as long as it is open, and that is not held against it
		}
		gaps := correlate.Gaps(&call)
		switch {
		case slices.Contains(gaps, correlate.GapEnd):
			asks = len(pauses) + 1
		case len(gaps) > 0:
			asks = fewAsks
		}
		if asks > 0 && question.Outcome == store.QuestionUnchanged {
			question.Outcome = store.QuestionMissing
		}
	}
	var retryAfter time.Duration
	if refused != nil {
		question.Outcome, question.Reason = store.QuestionFailed, refused.reason
		retryAfter = refused.retryAfter
		if asks > 0 && !refused.about {
			question.Asked = s.question.Asked // it is not held against the call
			return question, now.Add(max(wait(s.question, now), retryAfter)), nil
		}
		if asks > 0 {
			asks = len(pauses) + 1 // the question itself was not answered
		}
	}
	if question.Asked >= asks {
		return question, time.Time{}, nil
	}
	return question, now.Add(max(pauses[question.Asked-1], retryAfter)), nil
}

// wait is how long a call waits for a PBX that answers nobody.
func wait(before store.Question, now time.Time) time.Duration {
	if before.Outcome != store.QuestionFailed {
		return firstWait
	}
	return max(firstWait, min(2*now.Sub(before.AskedAt), longestWait))
}

// write runs a transaction.
func (r *Reconciler) write(ctx context.Context, fn func(tx store.Tx) error) error {
	err := r.cfg.Store.Write(ctx, func(tx store.Tx) (err error) {
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("take records of pbx: panic: %v", value)
			}
		}()
		return fn(tx)
	})
	if err == nil && r.cfg.Committed != nil {
		r.cfg.Committed()
	}
	return err //nolint:wrapcheck // those who call it say what they did
}
