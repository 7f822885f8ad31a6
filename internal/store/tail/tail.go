// Package tail hands the outbox rows that this process has just committed to the relay of the same process, so that it
// need not read them back. It is a shortcut past reading and never past writing: it gets rows after their commit, and
// whatever it does not have, or is not sure of, is read from the database. It knows no database; adapters fill it.
package tail

import (
	"slices"
	"sync"

	"webhookd/internal/store"
)

// Bounds of what is kept: a relay that is further behind reads from the database.
const (
	maxRows  = 4096
	maxBytes = 16 << 20 // of records
)

// Tail holds the newest outbox rows without a gap. The zero Tail is empty and ready for use; it must not be copied.
type Tail struct {
	mu    sync.Mutex
	rows  []store.OutboxRow // ascending by one
	size  int
	doubt bool
}

// Add takes rows that were committed, in the order of their IDs. It must be called in commit order. Their records must
// not change afterwards.
func (t *Tail) Add(rows []*store.OutboxRow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, row := range rows {
		if n := len(t.rows); n > 0 && t.rows[n-1].ID+1 != row.ID {
			t.clear()
		}
		t.rows = append(t.rows, *row)
		t.size += len(row.Record)
	}
	drop := max(0, len(t.rows)-maxRows)
	for at := range t.rows[:drop] {
		t.size -= len(t.rows[at].Record)
	}
	for t.size > maxBytes {
		t.size -= len(t.rows[drop].Record)
		drop++
	}
	t.drop(drop)
}

// After gives up to limit rows with an ID above after, in order. ok is false if it cannot be sure that there are no
// others in between or, after a Doubt, behind: the database has to be asked then. Rows up to after are forgotten.
func (t *Tail) After(after int64, limit int) (rows []store.OutboxRow, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.doubt || len(t.rows) == 0 {
		t.doubt = false
		return nil, false
	}
	at := after + 1 - t.rows[0].ID
	if at < 0 || at >= int64(len(t.rows)) {
		return nil, false
	}
	for i := range t.rows[:at] {
		t.size -= len(t.rows[i].Record)
	}
	t.drop(int(at))
	return slices.Clone(t.rows[:min(max(0, limit), len(t.rows))]), true
}

// Doubt says that somebody else may have written to the outbox: the next After says so.
func (t *Tail) Doubt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doubt = true
}

// drop forgets the first n rows.
func (t *Tail) drop(n int) {
	if n == 0 {
		return
	}
	t.rows = slices.Delete(t.rows, 0, n) // it also lets go of their records
}

func (t *Tail) clear() {
	t.rows, t.size = nil, 0
}
