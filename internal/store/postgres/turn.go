package postgres

import (
	"context"
	"fmt"
)

// The row of writer is what a Write holds: it waits for the Write before it, of whatever instance, and then sees what
// that one left. The lock ends when the commit can be seen, so an identity number is never given before a smaller one
// is visible.
const (
	takeTurn = `select turn, outbox from writer for update`
	handOver = `
writer_put as (
    update writer set turn = $1, outbox = $2
)`
	// wakeOthers comes with handOver. The payload says who wrote.
	wakeOthers = `pg_notify('` + outboxChannel + `', current_schema() || ' ' || $3::text)`
)

// take locks the installation for this transaction.
func (t *tx) take(ctx context.Context) error {
	var rows []struct {
		Turn   string `db:"turn"`
		Outbox int64  `db:"outbox"`
	}
	if err := t.SelectContext(ctx, &rows, takeTurn); err != nil {
		return fmt.Errorf("lock writing: %w", classify(ctx, err))
	}
	if len(rows) != 1 {
		return fmt.Errorf("lock writing: %w", classify(ctx, errNoWriter))
	}
	t.before, t.lastOutbox = rows[0].Turn, rows[0].Outbox
	t.passedTurn, t.passedOutbox = t.before, t.lastOutbox
	return nil
}

// Turn implements [store.Tx].
func (t *tx) Turn() (own, before string) { return t.own, t.before }

// passPiece says whether this transaction changed calls, and how far the outbox goes.
func (t *tx) passPiece() piece {
	p := piece{sql: handOver, args: []any{t.turn(), t.lastOutbox}}
	if len(t.added) > 0 && !t.store.leads.Load() {
		p.args = append(p.args, t.store.name)
		p.give = wakeOthers
	}
	t.passedTurn, t.passedOutbox = t.turn(), t.lastOutbox
	return p
}

// turn is the name of the last transaction that changed calls, once this one has committed.
func (t *tx) turn() string {
	if t.touched {
		return t.own
	}
	return t.before
}

// toPass says whether the row of writer does not say yet what this transaction did.
func (t *tx) toPass() bool { return t.passedTurn != t.turn() || t.passedOutbox != t.lastOutbox }

// pass says it there.
func (t *tx) pass(ctx context.Context) error {
	if !t.toPass() {
		return nil
	}
	return t.keep(ctx, "pass turn", t.passPiece())
}
