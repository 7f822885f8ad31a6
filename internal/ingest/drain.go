package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"webhookd/internal/dialog"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/store"
)

// The spool drains in batches that are small beside those of new webhooks: both take turns at the database, and an
// answer waits for at most one of them.
const (
	drainLeast   = 32 // a commit has its cost, however small
	drainMost    = 256
	drainBytes   = 2 << 20
	drainTime    = 100 * time.Millisecond // what one of them should take; if it takes more, the next is smaller
	drainTimeout = 12 * time.Second       // for one of them; more than what another instance may hold the database for

	probeFirst = 250 * time.Millisecond // between looks at a database that is away
	probeMost  = time.Second
	probeWait  = 5 * time.Second // for an answer to a look

	// triesAlone is how often a record may fail all by itself, on a database that answers otherwise, before it is set
	// apart: one that always takes too long, say.
	triesAlone = 5
)

// setAside answers requests from the spool.
func (i *Ingest) setAside(batch []*request) {
	err := fmt.Errorf("%w, and there is no spool", store.ErrUnavailable)
	if i.cfg.Spool != nil {
		records := make([]spool.Record, len(batch))
		for n, r := range batch {
			records[n] = r.record()
		}
		if err = i.cfg.Spool.Append(records); err != nil {
			i.cfg.Logger.Error("webhooks are answered 503: neither database nor spool can take them",
				"webhooks", len(batch), "error", err)
			err = fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
	}
	for _, r := range batch {
		r.spooled = err == nil
		r.done <- err
	}
	i.database.wake()
}

func (r *request) record() spool.Record {
	if r.refused != nil {
		return refusedRecord(r.refused)
	}
	// The rest of the entry may be changing: a transaction that was left behind may still run.
	entry := r.piece.Entry
	return spool.Record{
		Kind: spool.Webhook, Account: entry.Account, ReceivedAt: entry.ReceivedAt, Body: r.piece.received,
		Traceparent: entry.Traceparent,
	}
}

func refusedRecord(r *store.Refused) spool.Record {
	return spool.Record{
		Kind: spool.Refused, Account: r.Account, ReceivedAt: r.ReceivedAt, Code: r.Code, Reason: r.Reason,
		Truncated: r.Truncated, Body: r.Body,
	}
}

// drainer empties the spool into the database.
type drainer struct {
	*Ingest

	batch    spool.Batch // that is being drained
	size     int         // records of the next one
	failures int         // of a record by itself, one after the other
	told     bool        // that the spool drains
}

// drain works until ctx ends: it looks for a database that is away, and empties the spool into one that is there.
func (i *Ingest) drain(ctx context.Context) {
	d := &drainer{Ingest: i, size: drainLeast}
	pause := probeFirst
	for ctx.Err() == nil {
		idle, err := d.round(ctx)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				i.database.lost(err)
			}
			wait(ctx, pause)
			pause = min(2*pause, probeMost)
		case idle:
			pause = probeFirst
			select {
			case <-i.database.nudge:
			case <-ctx.Done():
			}
		default:
			pause = probeFirst
		}
	}
}

func wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// round drains one batch; idle says that there was none. A database that was away is asked first, and counts as there
// when it has taken a batch: the spool is what shows that it takes anything.
func (d *drainer) round(ctx context.Context) (idle bool, err error) {
	if d.database.away() {
		if err := d.probe(ctx); err != nil {
			return false, err
		}
	}
	batch, err := d.cfg.Spool.Read(d.size, drainBytes)
	if err != nil {
		return false, err
	}
	if len(batch.Records) == 0 {
		d.database.found()
		if d.told {
			d.told = false
			d.cfg.Logger.Info("the spool is drained")
		}
		return true, nil
	}
	if !d.told {
		d.told = true
		stats := d.cfg.Spool.Stats()
		d.cfg.Logger.Info("the spool drains", "records", stats.Records, "bytes", stats.Bytes, "oldest", stats.Oldest)
	}
	d.batch = batch
	began := time.Now()
	if err := d.empty(ctx, batch.Records); err != nil {
		return false, err
	}
	d.failures = 0
	switch took := time.Since(began); {
	case d.size < drainLeast || took < drainTime/2:
		d.size = min(2*d.size, drainMost)
	case took > drainTime:
		d.size = max(drainLeast, d.size/2)
	}
	if err := d.cfg.Spool.Drained(batch); err != nil {
		d.cfg.Logger.Warn("how far the spool has drained could not be kept; after a crash some of it comes again", "error", err)
	}
	d.database.found()
	return false, nil
}

// CatchingUp says that webhooks may be on their way of which the database does not know yet: it is away, or came back
// just now, or the spool is not drained. That nothing is heard of a call means nothing then.
func (i *Ingest) CatchingUp() bool {
	return i.cfg.Spool != nil && (!i.database.settled() || i.cfg.Spool.Stats().Records > 0)
}

// probe asks whether the database is there and lets somebody write.
func (d *drainer) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	if d.cfg.Ready != nil {
		if err := d.cfg.Ready(ctx); err != nil {
			return err
		}
	}
	return d.cfg.Store.Write(ctx, func(store.Tx) error { return nil })
}

// empty puts records into the database. If it fails for want of the database, the next batch is smaller; one that fails
// again and again by itself, while the database answers otherwise, is set apart.
func (d *drainer) empty(ctx context.Context, records []spool.Record) error {
	bounded, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	err := d.store(bounded, records)
	if err == nil || ctx.Err() != nil {
		return err
	}
	d.size = max(1, len(records)/2)
	if len(records) > 1 {
		return err
	}
	d.failures++
	if d.failures < triesAlone {
		return err
	}
	return d.setApart(ctx, &records[0], err)
}

// store commits records, the webhooks in one transaction. Poison is searched for as in commit.
func (d *drainer) store(ctx context.Context, records []spool.Record) error {
	var pieces []*Piece
	for n := range records {
		record := &records[n]
		if record.Kind == spool.Refused {
			if err := d.quarantine(ctx, record, record.Code, record.Reason); err != nil {
				return err
			}
			continue
		}
		webhook, err := dialog.Decode(record.Body)
		if err != nil { // it was taken by a version that could read it
			if err := d.setApart(ctx, record, err); err != nil {
				return err
			}
			continue
		}
		piece := NewPiece(record.Account, record.ReceivedAt, &webhook, record.Body)
		piece.Entry.Traceparent = record.Traceparent
		pieces = append(pieces, piece)
	}
	return d.commitPieces(ctx, pieces)
}

func (d *drainer) commitPieces(ctx context.Context, pieces []*Piece) error {
	if len(pieces) == 0 {
		return nil
	}
	began := time.Now()
	span := d.trace(ctx, pieces)
	err := d.transact(ctx, pieces)
	span.End(err)
	switch {
	case err == nil:
		d.committed(len(pieces), began)
		return nil
	case !isPoison(ctx, err):
		return err
	case len(pieces) > 1:
		middle := len(pieces) / 2
		if err := d.commitPieces(ctx, pieces[:middle]); err != nil {
			return err
		}
		return d.commitPieces(ctx, pieces[middle:])
	}
	entry := pieces[0].Entry
	return d.setApart(ctx, &spool.Record{Account: entry.Account, ReceivedAt: entry.ReceivedAt, Body: entry.Body}, err)
}

// setApart puts a webhook of the spool into quarantine.
func (d *drainer) setApart(ctx context.Context, record *spool.Record, why error) error {
	d.count.refused.Add(1)
	code, reason := CodeUnprocessable, "the webhook is well-formed, but could not be processed"
	cause := any(why)
	if told, ok := errors.AsType[*dialog.Error](why); ok {
		code, reason = told.Code, told.Error()
		cause = told.Code // the reason quotes the webhook, and the log is no place for that
	}
	d.cfg.Logger.Error("set a webhook of the spool apart that cannot be processed", "account", record.Account, "error", cause)
	return d.quarantine(ctx, record, code, reason)
}

// quarantine puts a record into quarantine. One that quarantine refuses, too, does not stop the others: the file that it
// is in is kept for people to look at.
func (d *drainer) quarantine(ctx context.Context, record *spool.Record, code, reason string) error {
	err := d.cfg.Store.Quarantine(ctx, store.Refused{
		Account: record.Account, ReceivedAt: record.ReceivedAt, LastAt: record.ReceivedAt, Count: 1, Code: code,
		Reason: reason, Truncated: record.Truncated, SHA256: sha256.Sum256(record.Body), Body: record.Body,
	})
	if err == nil || !isPoison(ctx, err) {
		return err
	}
	d.cfg.Logger.Error("quarantine refuses a webhook of the spool", "account", record.Account, "error", err)
	d.cfg.Spool.Keep(d.batch)
	return nil
}
