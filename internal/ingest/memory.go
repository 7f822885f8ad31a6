package ingest

import (
	"webhookd/internal/store"
)

// rememberedLegs is how many legs are remembered. With more, everything is forgotten: what is needed is read again.
const rememberedLegs = 16384

// memory is what the Writes of this process left behind, for the next one to go on with: the legs and calls that they
// read or wrote. It holds as long as nobody else has written, which the store's turns tell; a Write that did not commit
// leaves none. It is used within Writes only, so by one goroutine at a time.
type memory struct {
	accounts map[string]*accountBatch
	turn     string // of the last Write that is in it

	guard     *guard
	guardTurn string // of the last Write after which guard still holds
}

// Forget gives up what is remembered, because the transaction that runs has taken calls out. It belongs into that
// transaction.
func (e *Engine) Forget() { e.memory.accounts = nil }

// ForgetPersons gives up how persons who were erased are recognised, because the transaction that runs has taken the marks
// of some out. It belongs into that transaction.
func (e *Engine) ForgetPersons() { e.memory.guard = nil }

// recall gives what is known, for a batch to work on. It is gone until the batch hands it back.
func (m *memory) recall(tx store.Tx) map[string]*accountBatch {
	accounts := m.accounts
	m.accounts = nil
	if own, before := tx.Turn(); accounts == nil || (m.turn != before && m.turn != own) {
		m.turn = before
		return map[string]*accountBatch{}
	}
	return accounts
}

// keep remembers what a batch has read and written.
func (m *memory) keep(b *batch) {
	wrote := false
	legs := 0
	for _, a := range b.accounts {
		legs += a.set.Legs()
		wrote = wrote || len(a.legs) > 0 || len(a.dirty) > 0
		for id := range a.dirty {
			if state := a.calls[id]; state != nil {
				state.row.Record = nil // it is written, and derived when it is needed
				stored := state.row.Index
				state.row.Stored = &stored
			}
		}
		clear(a.legs)
		clear(a.dirty)
	}
	if own, before := b.turn(); wrote && (m.guardTurn == before || m.guardTurn == own) {
		m.guardTurn = own
	}
	if legs > rememberedLegs {
		return
	}
	if wrote {
		m.turn, _ = b.tx.Turn()
	}
	m.accounts = b.accounts
}

// turn is that of the batch's transaction; there is none while calls are worked out from the journal alone.
func (b *batch) turn() (own, before string) {
	if b.tx == nil {
		return "", ""
	}
	return b.tx.Turn()
}
