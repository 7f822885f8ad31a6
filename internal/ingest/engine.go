package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/dispatch"
	"webhookd/internal/stats"
	"webhookd/internal/store"
	"webhookd/internal/tracing"
)

// Engine applies journal entries to calls inside a transaction of the store. What it remembers between transactions
// only saves reading; it may be used by several goroutines, but with one store only.
type Engine struct {
	memory memory

	// Rules is what the installation configured about the meaning of calls.
	Rules correlate.Rules
	// SettleDelay is how long after its end a call is settled (design §6).
	SettleDelay time.Duration
	// RingLimit and CallLimit are how long a call that is not, or is, connected may go without a webhook before its
	// open legs are closed for it (design §6).
	RingLimit, CallLimit time.Duration
	// Dispatcher does what handlers say about the events of a batch; nil if there are none.
	Dispatcher *dispatch.Dispatcher
	// Reaped, if not nil, is told how many calls were closed because nothing was heard of them. It is told what was worked
	// out; a transaction that fails at its end is worked out, and told, again.
	Reaped func(calls int)
	// Reconciles says of an account whether the PBX can be asked for its records; calls that were reaped, or settled with
	// gaps, are asked about then. Nil: of none.
	Reconciles func(account string) bool
	// Tracer tells of what is done to calls that no webhook asks for; nil: of none.
	Tracer *tracing.Tracer
}

// Piece is one journal entry and what it tells of a dialog.
type Piece struct {
	Entry    *store.Entry
	Evidence *correlate.Leg // nil for what changes no call
	CallUUID string         // set by Apply: the call that the dialog belongs to after the whole batch

	received []byte // a webhook's body as it came, which a transaction that nobody waits for any more does not touch
}

// NewPiece makes a piece of a webhook of the PBX. The body is kept, not copied.
func NewPiece(account string, receivedAt time.Time, w *dialog.Webhook, body []byte) *Piece {
	p := &Piece{received: body, Entry: &store.Entry{
		Account: account, ReceivedAt: receivedAt, Origin: store.OriginPBX, EventName: w.EventName,
		EventTime: w.EventTime, DialogUUID: w.DialogUUID, Ignored: w.Kind == dialog.Other, SHA256: w.SHA256, Body: body,
	}}
	if w.Kind != dialog.Other {
		p.Evidence = correlate.NewLeg(w)
		p.Entry.Named = dialogsNamed(p.Evidence)
	}
	return p
}

// Named gives the UUIDs of the dialogs and calls that a webhook is about or names: its dialog's first, then those of the
// dialog's parent and of the call of its campaign, if it tells them. Only what is named together can be one call.
func Named(account string, evidence *correlate.Leg) []string {
	ids := []string{
		evidence.UUID, evidence.Told(dialog.CallerDialogUUID), correlate.CampaignCall(account, evidence),
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == "" })
}

// dialogsNamed gives those of them that are dialogs: what retention buries. The id of a campaign's call is not: the next
// call of the same case may have it again.
func dialogsNamed(evidence *correlate.Leg) []string {
	if parent := evidence.Told(dialog.CallerDialogUUID); parent != "" {
		return []string{evidence.UUID, parent}
	}
	return []string{evidence.UUID}
}

// NamedIn gives the same of a journal entry: what it is about, and what else it names; and which of these are dialogs. It
// gives nothing of an entry that changes no call.
func NamedIn(entry *store.Entry) (named, dialogs []string, err error) {
	if entry.Ignored {
		return nil, nil, nil
	}
	var evidence *correlate.Leg
	switch entry.Origin {
	case store.OriginPBX:
		webhook, err := dialog.Decode(entry.Body)
		if err != nil {
			return nil, nil, fmt.Errorf("read journal entry %d: %w", entry.ID, err)
		}
		evidence = correlate.NewLeg(&webhook)
	case store.OriginReconciled:
		if evidence, err = RecordOf(entry); err != nil {
			return nil, nil, err
		}
	default:
		if entry.DialogUUID != "" {
			return []string{entry.DialogUUID}, []string{entry.DialogUUID}, nil
		}
		return []string{entry.CallUUID}, nil, nil
	}
	return Named(entry.Account, evidence), dialogsNamed(evidence), nil
}

// Apply writes the pieces to the journal and everything that follows from them to legs, calls, outbox and due rows, in
// their order. Duplicates, and what names something that retention has removed, change nothing. It returns the store's
// errors, and correlate.ErrEvidence when what is stored of a leg cannot be read.
func (e *Engine) Apply(ctx context.Context, tx store.Tx, now time.Time, pieces []*Piece) error {
	names, err := e.disguise(ctx, tx, now, pieces)
	if err != nil {
		return err
	}
	if err := e.apply(ctx, tx, now, pieces); err != nil {
		return err
	}
	return e.takeOut(ctx, tx, names)
}

func (e *Engine) apply(ctx context.Context, tx store.Tx, now time.Time, pieces []*Piece) error {
	entries := make([]*store.Entry, len(pieces))
	for i, p := range pieces {
		entries[i] = p.Entry
	}
	if err := tx.Append(ctx, entries); err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	if err := bury(ctx, tx, now, pieces); err != nil {
		return err
	}
	b := newBatch(e, tx, now)
	var live []*Piece
	for _, p := range pieces {
		if !p.Entry.Duplicate && !p.Entry.Ignored && p.Evidence != nil {
			live = append(live, p)
			b.want(p)
		}
	}
	if len(live) == 0 {
		e.memory.keep(b)
		return nil
	}
	if err := b.load(ctx); err != nil {
		return err
	}
	for _, p := range live {
		if err := b.apply(ctx, p); err != nil {
			return err
		}
	}
	for _, p := range live {
		_, link := b.account(p.Entry.Account).set.Leg(p.Evidence.UUID)
		p.CallUUID = link.Call
	}
	return b.write(ctx)
}

// reapAt is when a call is to be looked at for silence.
func (e *Engine) reapAt(call *correlate.Call, heardAt time.Time) time.Time {
	if call.Connected {
		return heardAt.Add(e.CallLimit)
	}
	return heardAt.Add(e.RingLimit)
}

// index gives what a call is searched by.
func index(call *correlate.Call) store.Index {
	keys := []string{}
	add := func(key, text string) {
		if text != "" {
			keys = append(keys, key)
		}
	}
	project := call.Project.ID.Text()
	add(store.ProjectKey(project), project)
	for _, c := range call.Consultants {
		for _, text := range []string{strings.ToLower(c.ID.Text()), strings.ToLower(string(c.Username))} {
			add(store.ConsultantKey(text), text)
		}
	}
	for _, number := range []correlate.Word{call.External.Number, call.External.NumberE164} {
		add(store.NumberKey(string(number)), string(number))
	}
	if len(call.Transfers) > 0 {
		keys = append(keys, store.TransferredKey)
	}
	if call.Missed {
		for _, key := range slices.Clone(keys) {
			keys = append(keys, store.MissedKey(key))
		}
	}
	slices.Sort(keys)
	return store.Index{
		State: call.State, Direction: call.Direction, Disposition: string(call.Disposition),
		HangupBy: string(call.HangupBy), Missed: call.Missed, Connected: call.Connected,
		StartedAt: call.StartedAt, EndedAt: call.EndedAt, Keys: slices.Compact(keys), Facts: Facts(call),
	}
}

// Facts gives what counts of a call in statistics, as it is stored.
func Facts(call *correlate.Call) []stats.Fact {
	facts := stats.FactsOf(call)
	for i := range facts {
		facts[i].Project = store.BoundedKey(facts[i].Project)
		facts[i].Consultant = store.BoundedKey(facts[i].Consultant)
	}
	return facts
}
