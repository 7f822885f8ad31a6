package dispatch

import (
	"fmt"
	"time"

	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// decision works out what becomes of a wave's triggers: which are made, and which are called off. It goes through the
// wave in the order of its events, so that a batch comes to what its events would have come to one by one: a trigger that
// is called off leaves its turn (once_per) to those after it, not to those before.
type decision struct {
	*round

	waiting map[spot][]*waiting
	turns   map[string]bool          // whose turn an earlier trigger has taken, by the trigger's id
	marked  map[string]bool          // what an earlier event calls off, by the trigger's id
	freed   map[store.OnceQuery]bool // turns of triggers that are called off now
	made    []*armed                 // in order
	ended   []store.Trigger          // of the store
}

// waiting is a trigger that waits: one of the store, or one of the wave.
type waiting struct {
	row  *store.Trigger
	own  bool // of the wave
	over bool
}

// decide gives the triggers of a wave that are to be kept. Those of the store that are called off are ended.
func (r *round) decide(wave []step) ([]*armed, error) {
	d := &decision{round: r, waiting: map[spot][]*waiting{}, freed: map[store.OnceQuery]bool{}}
	for _, load := range []func([]step) error{d.loadWaiting, d.loadTurns, d.loadMarks} {
		if err := load(wave); err != nil {
			return nil, err
		}
	}
	for _, s := range wave {
		if s.canceller != nil {
			d.cancel(s.canceller)
		} else {
			d.make(s.armed)
		}
	}
	return d.made, r.end(d.ended)
}

// loadWaiting reads the triggers that the wave's events may call off.
func (d *decision) loadWaiting(wave []step) error {
	var queries []store.CancelQuery
	for _, s := range wave {
		if s.canceller != nil {
			queries = append(queries, s.canceller.CancelQuery)
		}
	}
	if len(queries) == 0 {
		return nil
	}
	rows, err := d.tx.PendingOf(d.ctx, queries)
	if err != nil {
		return fmt.Errorf("find waiting triggers: %w", err)
	}
	for i := range rows {
		d.wait(&waiting{row: &rows[i]})
	}
	return nil
}

func (d *decision) wait(w *waiting) {
	for _, at := range spotsOfTrigger(w.row) {
		d.waiting[at] = append(d.waiting[at], w)
	}
}

// loadTurns asks which of the wave's triggers had their turn.
func (d *decision) loadTurns(wave []step) error {
	var queries []store.OnceQuery
	var ids []string
	for _, s := range wave {
		if s.armed == nil || s.armed.row.OnceKey == "" {
			continue
		}
		query := onceOf(s.armed.row)
		query.Since = since(s.armed.handler, d.now)
		queries, ids = append(queries, query), append(ids, s.armed.row.ID)
	}
	if len(queries) == 0 {
		return nil
	}
	taken, err := d.tx.OnceTaken(d.ctx, queries)
	if err != nil {
		return fmt.Errorf("look for earlier triggers: %w", err)
	}
	d.turns = chosen(ids, taken)
	return nil
}

// loadMarks asks which of the wave's triggers are called off by events that happened later and arrived earlier. Which of
// the two arrives first must not decide.
func (d *decision) loadMarks(wave []step) error {
	var queries []store.MarkQuery
	var ids []string
	for _, s := range wave {
		if s.armed == nil || s.armed.row.State != store.TriggerPending || len(s.armed.row.CancelOn) == 0 {
			continue
		}
		row := s.armed.row
		query := store.MarkQuery{
			Account: row.Account, CallUUID: row.CallUUID, EventTypes: row.CancelOn, Since: row.EventAt + 1,
		}
		if row.CancelScope == store.CancelScopeContact {
			query.Contact = row.Contact
		}
		queries, ids = append(queries, query), append(ids, row.ID)
	}
	if len(queries) == 0 {
		return nil
	}
	marked, err := d.tx.MarksSince(d.ctx, queries)
	if err != nil {
		return fmt.Errorf("look for what calls triggers off: %w", err)
	}
	d.marked = chosen(ids, marked)
	return nil
}

func chosen(ids []string, yes []bool) map[string]bool {
	set := make(map[string]bool, len(ids))
	for i, id := range ids {
		set[id] = yes[i]
	}
	return set
}

// cancel lets an event call off what waits so far.
func (d *decision) cancel(c *canceller) {
	for _, at := range c.spots() {
		for _, w := range d.waiting[at] {
			if w.over || !c.cancels(w.row, true) {
				continue
			}
			w.over = true
			d.free(w.row)
			if w.own {
				d.calledOff(w.row, "called off by "+c.EventType)
				continue
			}
			d.ended = append(d.ended, store.Trigger{
				ID: w.row.ID, Account: w.row.Account, State: store.TriggerCancelled, EndedAt: d.now,
				Reason: "called off by " + c.EventType,
			})
		}
		d.called[at] = append(d.called[at], c)
	}
}

// make lets a trigger be, unless it has had its turn.
func (d *decision) make(one *armed) {
	row := one.row
	if row.State == store.TriggerPending && d.early(row) {
		d.calledOff(row, "called off by an event that happened later and arrived earlier")
		d.made = append(d.made, one)
		return
	}
	if row.OnceKey != "" {
		turn := onceOf(row)
		if d.taken[turn] || d.turns[row.ID] && !d.freed[turn] {
			return
		}
		d.taken[turn] = true // also for the others of this transaction
	}
	d.made = append(d.made, one)
	if row.State == store.TriggerPending {
		d.wait(&waiting{row: row, own: true})
	}
}

// early says whether something called a trigger off before it was armed.
func (d *decision) early(row *store.Trigger) bool {
	if d.marked[row.ID] {
		return true
	}
	for _, at := range spotsOfTrigger(row) {
		for _, c := range d.called[at] {
			if c.cancels(row, false) {
				return true
			}
		}
	}
	return false
}

// calledOff ends a trigger that is not kept yet.
func (d *decision) calledOff(row *store.Trigger, reason string) {
	row.State, row.EndedAt, row.Reason = store.TriggerCancelled, d.now, reason
	d.dispatcher.count.cancelled.Add(1)
}

// free gives the turn of a trigger that is called off to others.
func (d *decision) free(row *store.Trigger) {
	if row.OnceKey != "" {
		turn := onceOf(row)
		d.freed[turn] = true
		delete(d.taken, turn)
	}
}

// onceOf names a trigger's turn, without the window that it counts in.
func onceOf(row *store.Trigger) store.OnceQuery {
	return store.OnceQuery{Account: row.Account, Handler: row.Handler, OnceKey: row.OnceKey}
}

// since is when the window of a handler's once_per began; zero for ever.
func since(handler *trigger.Compiled, now time.Time) time.Time {
	if once := handler.Handler().OncePer; once != nil && once.Window > 0 {
		return now.Add(-time.Duration(once.Window))
	}
	return time.Time{}
}
