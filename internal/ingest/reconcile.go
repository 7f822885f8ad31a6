package ingest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/store"
)

// The event names of journal entries that hold a record of the PBX.
const (
	// EventRecord is a record that was asked for to repair a call, or history that is to be published.
	EventRecord = "cdr_dialog"
	// EventHistory is a record of history. Calls of which nothing was published before stay unpublished: they have
	// their record, their place in lists and in statistics, and no events.
	EventHistory = "cdr_dialog_history"
)

// The first question about a call is asked so many settle_delays after it was reaped, or settled with gaps: a minute, or
// two, by default. Until then it has settled, and the PBX has had time to write its record.
const (
	askAfterReap   = 6
	askAfterSettle = 12
)

// Recorded is one record of the PBX as it came, and read.
type Recorded struct {
	Record *dialog.Record
	Body   []byte // kept, not copied
}

// Reconciled says what became of records.
type Reconciled struct {
	Taken    int // told something new, and are in the journal
	New      int // of these, of dialogs that were not known
	Known    int // told nothing new
	Unplaced int // of dialogs that are not known and that nothing links to a call; left out
	Removed  int // of dialogs that retention removed, or that name such a dialog; left out
}

// Add adds counts up.
func (r *Reconciled) Add(other Reconciled) {
	r.Taken += other.Taken
	r.New += other.New
	r.Known += other.Known
	r.Unplaced += other.Unplaced
	r.Removed += other.Removed
}

// Reconcile takes records of the PBX into the calls of an account: those that tell something new are written to the
// journal, as they came, and applied like webhooks. event is EventRecord or EventHistory. A record of a dialog that
// nothing is known of is taken only if its place is known: another dialog names it, it links to one or to a campaign, or
// it is EXTERNAL, of which nearly every call has one. A colleague's side of a call that cannot be linked would be a call
// of its own, and count twice.
//
// It returns the store's errors and correlate.ErrEvidence, as Apply does.
func (e *Engine) Reconcile(
	ctx context.Context, tx store.Tx, now time.Time, account, event string, records []Recorded,
) (Reconciled, error) {
	if len(records) == 0 {
		return Reconciled{}, nil
	}
	pieces := make([]*Piece, 0, len(records))
	for _, one := range records {
		pieces = append(pieces, recordPiece(account, event, now, one))
	}
	names, err := e.disguise(ctx, tx, now, pieces)
	if err != nil {
		return Reconciled{}, err
	}
	result, err := e.reconcile(ctx, tx, now, pieces, records)
	if err != nil {
		return Reconciled{}, err
	}
	return result, e.takeOut(ctx, tx, names)
}

func (e *Engine) reconcile(
	ctx context.Context, tx store.Tx, now time.Time, pieces []*Piece, records []Recorded,
) (result Reconciled, err error) {
	account := pieces[0].Entry.Account
	removed, err := withRemoved(ctx, tx, pieces)
	if err != nil {
		return result, err
	}
	b := newBatch(e, tx, now)
	for _, piece := range pieces {
		b.want(piece)
	}
	if err := b.load(ctx); err != nil {
		return result, err
	}
	a := b.account(account)
	seen := map[string]bool{}
	taken := pieces[:0]
	for i, piece := range pieces {
		known, _ := a.set.Leg(piece.Evidence.UUID)
		_, isCall := a.calls[piece.Evidence.UUID]
		switch {
		case removed[piece]:
			result.Removed++
		case known == nil && !isCall && !placed(records[i].Record):
			result.Unplaced++
		case !correlate.Adds(known, piece.Evidence):
			result.Known++
		default:
			if known == nil && !seen[piece.Evidence.UUID] {
				result.New++
			}
			seen[piece.Evidence.UUID] = true
			taken = append(taken, piece)
		}
	}
	e.memory.keep(b)
	if len(taken) == 0 {
		return result, nil
	}
	span := e.Tracer.Work(ctx, "reconcile", len(taken))
	traceTo(taken, span.Traceparent())
	err = e.Apply(ctx, tx, now, taken)
	span.End(err)
	if err != nil {
		return Reconciled{}, err
	}
	for _, piece := range taken {
		if piece.Entry.Duplicate {
			result.Known++
		} else {
			result.Taken++
		}
	}
	return result, nil
}

// withRemoved gives those of the pieces that name something that retention removed.
func withRemoved(ctx context.Context, tx store.Tx, pieces []*Piece) (map[*Piece]bool, error) {
	naming := map[store.Key][]*Piece{}
	var keys []store.Key
	for _, piece := range pieces {
		for _, id := range piece.Entry.Named {
			key := store.Key{Account: piece.Entry.Account, UUID: id}
			naming[key] = append(naming[key], piece)
			keys = append(keys, key)
		}
	}
	stones, err := tx.Tombstones(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read tombstones: %w", err)
	}
	removed := map[*Piece]bool{}
	for _, stone := range stones {
		for _, piece := range naming[stone] {
			removed[piece] = true
		}
	}
	return removed, nil
}

// placed says whether a record says by itself where its dialog belongs.
func placed(r *dialog.Record) bool {
	return r.Told[dialog.ApplicationType] != "" || r.Told[dialog.CallerDialogUUID] != "" ||
		r.Told[dialog.DialogType] == "EXTERNAL"
}

func recordPiece(account, event string, now time.Time, one Recorded) *Piece {
	at := one.Record.Hangup
	if at.IsZero() {
		at = one.Record.Start
	}
	record := *one.Record
	record.SHA256 = hashOf(store.OriginReconciled, one.Body)
	evidence := correlate.NewRecordedLeg(&record)
	return &Piece{
		Entry: &store.Entry{
			Account: account, Named: dialogsNamed(evidence),
			ReceivedAt: now.UTC().Truncate(time.Microsecond), Origin: store.OriginReconciled,
			EventName: event, EventTime: at, DialogUUID: one.Record.DialogUUID,
			SHA256: record.SHA256, Body: one.Body,
		},
		Evidence: evidence,
	}
}

// RecordOf reads the record of the PBX that a journal entry of the origin reconciled holds.
func RecordOf(entry *store.Entry) (*correlate.Leg, error) {
	record, err := dialog.DecodeRecord(entry.Body)
	if err != nil {
		return nil, fmt.Errorf("read journal entry %d: %w", entry.ID, err)
	}
	record.SHA256 = rankOf(entry)
	return correlate.NewRecordedLeg(&record), nil
}

// hashOf is by what an entry is known again: a record may have the same bytes as a webhook.
func hashOf(origin store.Origin, body []byte) [sha256.Size]byte {
	if origin == store.OriginPBX {
		return sha256.Sum256(body)
	}
	return sha256.Sum256(slices.Concat([]byte(origin), []byte{0}, body))
}

// quiet says whether what an entry does to a call is not to be published: it is history, and nothing of the call ever
// was.
func quiet(entry *store.Entry, state *callState) bool {
	return entry.EventName == EventHistory && entry.Origin == store.OriginReconciled && state.row.Seq == 0
}

// remember keeps a call of history as it is now, without a word to anybody. It counts as settled, so that what may still
// come later is a revision.
func (b *batch) remember(state *callState, entry *store.Entry, call *correlate.Call) {
	if call.State == correlate.StateEnded && state.row.Revision == 0 {
		state.row.Revision = 1
	}
	b.show(state, entry, call)
}

// reconciles says whether the PBX can be asked about calls of an account.
func (e *Engine) reconciles(account string) bool { return e.Reconciles != nil && e.Reconciles(account) }

// askLater puts down that the PBX is to be asked about calls.
func (e *Engine) askLater(ctx context.Context, tx store.Tx, at time.Time, calls []store.Key) error {
	var rows []store.Due
	for _, call := range calls {
		if e.reconciles(call.Account) {
			rows = append(rows, store.Due{Account: call.Account, CallUUID: call.UUID, Kind: store.DueReconcile, At: at})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.PutDue(ctx, rows); err != nil {
		return fmt.Errorf("write due rows: %w", err)
	}
	return nil
}
