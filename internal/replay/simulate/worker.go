package simulate

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"net/http"
	"sync/atomic"
	"time"

	"webhookd/internal/replay"
)

// worker is one connection with the calls that go over it. One request is under way at a time.
type worker struct {
	*Simulator
	index int
	dice  dice
	ctx   context.Context
	timer *time.Timer
	conns []*connection // by target

	share  int // of Options.Open
	active []*running
	spare  []*running // calls that are over, to be filled again
	queue  queue
	begins time.Duration // when the next call is to begin, if calls take their time
	every  time.Duration
	body   []byte
	lines  []byte
}

// running is a call that is under way.
type running struct {
	call  Call
	next  int
	began time.Duration // since the start
	held  *parcel       // is being overtaken
}

// parcel is a webhook that is sent later than it happened.
type parcel struct {
	account, event string
	call, webhook  int
	try            int // which one is next
	body           []byte
	where          int  // the target
	arrived        bool // a try was taken
}

// item is something that waits for its time: a call's next webhook, or a parcel.
type item struct {
	at     time.Duration
	call   *running
	parcel *parcel
}

// queue is a heap of items, the earliest first.
type queue []item

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push and Pop are for container/heap.
func (q *queue) Push(x any) { *q = append(*q, x.(item)) } //nolint:forcetypeassert // nothing else is pushed

// Pop takes the last item.
func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = item{}
	*q = (*q)[:last]
	return x
}

func newWorker(s *Simulator, index int) *worker {
	w := &worker{Simulator: s, index: index, timer: time.NewTimer(0)}
	w.dice.seed(mix(s.seed, 0x30e4), index)
	for _, t := range s.targets {
		w.conns = append(w.conns, &connection{target: t, timeout: s.Timeout})
	}
	w.share = s.Open / s.Connections
	if index < s.Open%s.Connections {
		w.share++
	}
	if s.Speed != replay.Max {
		between := float64(time.Second) * s.perCall / s.Rate
		w.begins = time.Duration(between * float64(index))
		w.every = time.Duration(between * float64(s.Connections))
	}
	return w
}

// run sends until there is nothing more to be sent.
func (w *worker) run(ctx context.Context) error {
	w.ctx = ctx
	defer w.finish()
	for ctx.Err() == nil {
		now := w.now()
		if now > w.givesUp() {
			return nil
		}
		var more bool
		var err error
		switch {
		case len(w.queue) > 0 && w.queue[0].at <= now:
			more, err = true, w.due(heap.Pop(&w.queue).(item)) //nolint:forcetypeassert // nothing else is in there
		case w.Speed == replay.Max:
			more, err = w.step(now)
		default:
			more, err = w.begin(now), nil
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// ended says that the run is to end.
func (w *worker) ended() bool { return w.ctx.Err() != nil }

func (w *worker) now() time.Duration { return time.Since(w.start) }

// finish leaves what is left.
func (w *worker) finish() {
	w.timer.Stop()
	for _, conn := range w.conns {
		conn.close()
	}
	w.flush()
	left := int64(len(w.active))
	for i := range w.queue {
		if w.queue[i].call != nil {
			left++
		} else {
			w.stats.pending.Add(1)
		}
	}
	w.stats.left.Add(left)
}

// sleep waits until a time, at most until the run is given up; false if it was ended meanwhile.
func (w *worker) sleep(until time.Duration) bool {
	until = min(until, w.givesUp()+time.Millisecond)
	wait := until - w.now()
	if wait <= 0 {
		return true
	}
	w.timer.Reset(wait)
	select {
	case <-w.timer.C:
		return true
	case <-w.ctx.Done():
		return false
	}
}

// step sends the next webhook of some call, at the time that the rate allows.
func (w *worker) step(now time.Duration) (more bool, err error) {
	for len(w.active) < w.share {
		call := w.fill(now)
		if call == nil {
			break
		}
		w.active = append(w.active, call)
	}
	if len(w.active) == 0 {
		if len(w.queue) == 0 {
			return false, nil
		}
		w.sleep(w.queue[0].at)
		return true, nil
	}
	if w.Rate > 0 {
		at := time.Duration(float64(w.tickets.Add(1)-1) / w.Rate * float64(time.Second))
		if !w.sleep(at) {
			return false, nil
		}
		if now = w.now(); now > w.givesUp() {
			return false, nil
		}
		w.stats.behind(now, now-at)
	}
	place := w.dice.below(len(w.active))
	call := w.active[place]
	if err := w.advance(call, now); err != nil {
		return false, err
	}
	if call.next == call.call.Len() {
		last := len(w.active) - 1
		w.active[place] = w.active[last]
		w.active = w.active[:last]
		w.over(call)
	}
	return true, nil
}

// begin begins a call if one is due, and waits for what comes next if not.
func (w *worker) begin(now time.Duration) (more bool) {
	if w.begins > now {
		next := w.begins
		if len(w.queue) > 0 {
			next = min(next, w.queue[0].at)
		} else if next == never || w.Duration > 0 && next >= w.Duration {
			return false
		}
		w.sleep(next)
		return true
	}
	call := w.fill(w.begins)
	w.begins += w.every
	if call != nil {
		heap.Push(&w.queue, item{at: call.began, call: call})
		return true
	}
	w.begins = never
	return len(w.queue) > 0
}

// fill makes the next call, nil if there is none to come.
func (w *worker) fill(began time.Duration) *running {
	number, ok := w.mayBegin(began)
	if !ok {
		return nil
	}
	var r *running
	if last := len(w.spare) - 1; last >= 0 {
		r, w.spare = w.spare[last], w.spare[:last]
	} else {
		r = &running{}
	}
	w.stats.begun.Add(1)
	w.Generator.Call(&r.call, number)
	r.next, r.began = 0, began
	// The call is dated so that it ends when its last webhook is sent: nothing lies in the future.
	at := w.start.Add(began).UTC()
	if w.Speed == replay.Max {
		at = at.Add(-r.call.Duration())
	} else {
		at = at.Add(w.compress(r.call.Duration()) - r.call.Duration())
	}
	r.call.Began = at.Truncate(time.Second)
	return r
}

// over ends a call.
func (w *worker) over(r *running) {
	w.stats.finished.Add(1)
	w.spare = append(w.spare, r)
}

// due does what waited.
func (w *worker) due(it item) error {
	if it.parcel != nil {
		return w.send(it.parcel)
	}
	now := w.now()
	w.stats.behind(now, now-it.at)
	if err := w.advance(it.call, now); err != nil {
		return err
	}
	if it.call.next == it.call.call.Len() {
		w.over(it.call)
		return nil
	}
	it.at = it.call.began + w.compress(it.call.call.At(it.call.next))
	heap.Push(&w.queue, it)
	return nil
}

// advance lets the next webhook of a call happen.
func (w *worker) advance(r *running, now time.Duration) error {
	call, i := &r.call, r.next
	r.next++
	w.body = call.AppendBody(w.body[:0], i)
	p := parcel{
		account: call.Account, event: call.Event(i), call: call.Number, webhook: i, try: 1, body: w.body,
		where: w.index % len(w.targets),
	}
	w.stats.happened.Add(1)
	if late := w.Faults.fate(w.seed, p.call, p.webhook, p.try).late; late && r.next < call.Len() && r.held == nil {
		w.stats.late.Add(1)
		kept := p.keep()
		if w.Speed == replay.Max {
			r.held = kept // until the next one is sent
		} else {
			heap.Push(&w.queue, item{at: now + w.compress(time.Duration(w.dice.fraction()*float64(overtaken))), parcel: kept})
		}
		return nil
	}
	if err := w.send(&p); err != nil {
		return err
	}
	if held := r.held; held != nil {
		r.held = nil
		return w.send(held)
	}
	return nil
}

// keep gives a copy that outlives the worker's buffer.
func (p *parcel) keep() *parcel {
	kept := *p
	kept.body = append([]byte(nil), p.body...)
	return &kept
}

// send tries to deliver a webhook once. An error means that going on is of no use.
func (w *worker) send(p *parcel) error {
	fate := w.Faults.fate(w.seed, p.call, p.webhook, p.try)
	if fate.lost {
		w.stats.lost.Add(1)
		w.retry(p, &w.stats.forgotten)
		return nil
	}
	sent := time.Now()
	got := w.deliver(p, sent)
	status := got.status
	switch {
	case w.unreachable(got.err):
		return errJoin(replay.ErrUnreachable, got.err)
	case w.ended(): // it was cut off
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound:
		return errJoin(replay.ErrNotAllowed, errStatus(status))
	case status < http.StatusOK || status >= http.StatusMultipleChoices:
		p.where = (p.where + 1) % len(w.targets)
		w.retry(p, &w.stats.givenUp)
	default:
		p.arrived = true
		if fate.unheard && w.retry(p, &w.stats.givenUp) {
			w.stats.unheard.Add(1)
		}
	}
	return nil
}

// deliver makes the request, and counts and logs what came of it.
func (w *worker) deliver(p *parcel, sent time.Time) answer {
	got := w.conns[p.where].post(w.ctx, p.account, p.body)
	answered := time.Now()
	w.stats.answer(answered.Sub(w.start), answered.Sub(sent), got)
	if got.status != 0 && !w.answered.Load() {
		w.answered.Store(true)
	}
	if w.log.out != nil {
		line := Logged{
			Account: p.account, SHA256: sha256.Sum256(p.body), Status: got.status, Sent: sent, Answered: answered, Try: p.try,
			Event: p.event,
		}
		w.lines = line.append(w.lines)
		if len(w.lines) >= logChunk {
			w.flush()
		}
	}
	return got
}

func (w *worker) flush() {
	if len(w.lines) > 0 {
		w.log.write(w.lines)
		w.lines = w.lines[:0]
	}
}

// retry puts the next try of a webhook down for its time. If there is none, and none arrived, the loss is counted.
func (w *worker) retry(p *parcel, lost *atomic.Int64) bool {
	wait, again := w.Retry.again(p.event, p.try)
	if !again {
		if !p.arrived {
			lost.Add(1)
		}
		return false
	}
	kept := p.keep()
	kept.try++
	heap.Push(&w.queue, item{at: w.now() + w.compress(wait), parcel: kept})
	return true
}
