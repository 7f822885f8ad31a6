// Package record writes webhooks of the journal as recorded requests, byte for byte as they came and with their times of
// arrival, so that replay can send them again. It reads only.
package record

import (
	"context"
	"fmt"
	"io"
	"time"

	"webhookd/internal/replay"
	"webhookd/internal/store"
)

// pageSize is how many journal entries are read at once.
const pageSize = 2000

// Reader is what a recording needs of the store.
type Reader interface {
	Call(ctx context.Context, key store.Key) (store.Call, error)
	Entries(ctx context.Context, call store.Key) ([]store.Entry, error)
	Journal(ctx context.Context, after int64, limit int) ([]store.Entry, error)
}

// Config says what is recorded: one call, or what arrived in a time.
type Config struct {
	Store Reader
	// Account is the account; "" is all of them, and, with Call, not allowed.
	Account string
	// Call is the UUID of a call, also of one that was merged into another: all webhooks of all its legs.
	Call string
	// Since and Until bound the arrival, Until itself not in it; a zero time is no bound. With Call they do not count.
	Since, Until time.Time
	// Progress, if not nil, is told now and then how many journal entries were looked at.
	Progress func(done int64)
}

// Result counts what was recorded.
type Result struct {
	Webhooks int64
	// Own are the entries that webhookd wrote itself (closes that it made up, settling) or had from the PBX's records:
	// these are no webhooks and are left out.
	Own int64
}

// Run writes the recording to out, in journal order. It returns store.ErrNotFound for a call that is not there, and
// store.ErrUnavailable.
func Run(ctx context.Context, out io.Writer, cfg Config) (Result, error) {
	r := recorder{Config: cfg, out: out}
	do := r.journal
	if cfg.Call != "" {
		do = r.call
	}
	err := do(ctx)
	return r.result, err
}

type recorder struct {
	Config
	out    io.Writer
	result Result
}

func (r *recorder) call(ctx context.Context) error {
	key := store.Key{Account: r.Account, UUID: r.Call}
	// A merged call's legs belong to the one it went into, and that one may have been merged since.
	for {
		call, err := r.Store.Call(ctx, key)
		if err != nil {
			return fmt.Errorf("read call %s: %w", r.Call, err)
		}
		if call.MergedInto == "" {
			break
		}
		key.UUID = call.MergedInto
	}
	entries, err := r.Store.Entries(ctx, key)
	if err != nil {
		return fmt.Errorf("read journal of call %s: %w", r.Call, err)
	}
	return r.write(entries)
}

func (r *recorder) journal(ctx context.Context) error {
	for after, looked, size := int64(0), int64(0), pageSize; size == pageSize; {
		page, err := r.Store.Journal(ctx, after, pageSize)
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if size = len(page); size > 0 {
			after = page[size-1].ID
		}
		if err := r.write(page); err != nil {
			return err
		}
		if looked += int64(size); r.Progress != nil {
			r.Progress(looked)
		}
	}
	return nil
}

func (r *recorder) write(entries []store.Entry) error {
	for i := range entries {
		entry := &entries[i]
		if r.Call == "" && !r.wanted(entry) {
			continue
		}
		if entry.Origin != store.OriginPBX {
			r.result.Own++
			continue
		}
		err := replay.Record(r.out, replay.Webhook{At: entry.ReceivedAt, Account: entry.Account, Body: entry.Body})
		if err != nil {
			return fmt.Errorf("record journal entry %d: %w", entry.ID, err)
		}
		r.result.Webhooks++
	}
	return nil
}

func (r *recorder) wanted(entry *store.Entry) bool {
	return (r.Account == "" || r.Account == entry.Account) &&
		(r.Since.IsZero() || !entry.ReceivedAt.Before(r.Since)) &&
		(r.Until.IsZero() || entry.ReceivedAt.Before(r.Until))
}
