// Package relay carries the outbox to NATS: every event of every change onto the stream, in order per call, and the
// latest record of every call that is not settled into the KV bucket. It decides nothing about calls and makes no
// events; it sends what the store says was written, and tells the store how far it has come.
//
// # One leader, and what if there are two
//
// One relay of the installation leads ([store.Outbox.Lead]); the others wait to take over. One that does not reach NATS,
// or cannot publish for ten seconds, lets another try. A leader that does not know
// yet that it was replaced may still be sending. Order and ids hold all the same, with any number of leaders: an event
// is sent only after the PubAck of the one before it in its call, so whoever sends event n, event n-1 is on the stream
// already; and the stream drops the ids that it knows. An event is on the stream twice only if it is sent again after
// the duplicate window (10 minutes), for instance when a relay was killed between PubAck and [store.Outbox.Advance]
// and the next one came later than that. Readers can tell by the id.
//
// The bucket has no ids. A leader that was replaced may put back a record one change old; the call's next change, or
// the bucket's own age limit, mends that.
//
// # What is set aside
//
// A row that can never be published (too large, unreadable) is held back as poison and told as an error; the later rows
// of its call are held back behind it, so that no reader sees a gap. Every other call goes on. The bucket shows a call
// also while its events are held back.
package relay

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/tracing"
)

// Bus is where the relay publishes; natsbus.Bus is one.
type Bus interface {
	// Prepare makes the stream and the bucket if they are absent.
	Prepare(ctx context.Context) error
	// Send hands a message over. What it returns is called once and waits until the message is on the stream.
	// natsbus.ErrTooLarge: it never will be.
	Send(message flow.Message) (wait func(ctx context.Context) error)
	// PutCall and DropCall change the bucket, PutCall as Send does. natsbus.ErrTooLarge: the value never fits.
	PutCall(key string, value []byte) (wait func(ctx context.Context) error)
	DropCall(ctx context.Context, key string) error
	// Up gets a value when the connection is there again.
	Up() <-chan struct{}
}

// Defaults of Config.
const (
	DefaultBatch  = 512
	DefaultLanes  = 128
	DefaultGiveUp = 10 * time.Second
)

const (
	leadRetry    = time.Second     // between attempts to lead: a takeover takes less than 5 s
	netPoll      = 5 * time.Second // looks at the outbox even if nobody woke us
	stopGrace    = 2 * time.Second // for what is on its way when the relay is stopped
	backoffFirst = 50 * time.Millisecond
	backoffMost  = 2 * time.Second
	saveEvery    = 250 * time.Millisecond // how long the bucket and the stored position may be behind
	logEvery     = time.Minute            // how often a failure that lasts is told again
)

// Config is what a relay needs.
type Config struct {
	Store   store.Outbox
	Bus     Bus
	Options flow.Options
	// Batch is how many outbox rows are read at once, DefaultBatch if 0; Lanes is how many calls are published in
	// parallel, DefaultLanes if 0.
	Batch int
	Lanes int
	// GiveUp is how long a leader that cannot publish goes on trying before it lets another instance try, DefaultGiveUp
	// if 0.
	GiveUp time.Duration
	// Published, if not nil, is told of every change that is on the stream: how long after it was written its last event
	// was acknowledged. It must not take time itself.
	Published func(behind time.Duration)
	// Tracer tells of events that are traced; nil: of none.
	Tracer *tracing.Tracer
	// Logger may be nil.
	Logger *slog.Logger
	// Now is the clock for what people read; time.Now if nil.
	Now func() time.Time
}

// Relay publishes the outbox while it leads.
type Relay struct {
	config Config
	store  store.Outbox
	bus    Bus
	log    *slog.Logger
	now    func() time.Time
	gauges gauges
}

// New makes a relay. It does nothing until [Relay.Run].
func New(config Config) *Relay {
	if config.Batch <= 0 {
		config.Batch = DefaultBatch
	}
	if config.Lanes <= 0 {
		config.Lanes = DefaultLanes
	}
	if config.GiveUp <= 0 {
		config.GiveUp = DefaultGiveUp
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Relay{config: config, store: config.Store, bus: config.Bus, log: config.Logger, now: config.Now}
}

// Run leads whenever it can, and publishes while it leads, until ctx is done. Events on their way then get two seconds
// for their PubAck. Nothing that fails ends it: it waits and tries again. It returns nil. It is called once.
func (r *Relay) Run(ctx context.Context) error {
	wake := r.subscribe(ctx)
	outbox := newProgress(r)
	trouble := r.newTrouble("relay cannot lead")
	for ctx.Err() == nil {
		lease, err := r.store.Lead(ctx)
		if errors.Is(err, store.ErrLeaderElsewhere) {
			trouble.over()
			pause(ctx, leadRetry, nil)
			continue
		}
		if err == nil {
			// Whoever does not reach NATS should not keep others from leading.
			if err = r.bus.Prepare(ctx); err == nil {
				trouble.over()
				wake = r.reign(ctx, lease, outbox, wake)
			}
			r.release(lease)
		}
		if err != nil {
			pause(ctx, trouble.failed(ctx, err), r.bus.Up())
		} else {
			pause(ctx, leadRetry, nil) // the next one's turn
		}
	}
	return nil
}

func (r *Relay) release(lease store.Lease) {
	if err := lease.Release(); err != nil {
		r.log.Debug("relay lease released with an error", "error", err)
	}
}

// subscribe gets the store's wake-up channel; nil if ctx ends before there is one.
func (r *Relay) subscribe(ctx context.Context) <-chan struct{} {
	trouble := r.newTrouble("relay cannot listen for changes")
	for ctx.Err() == nil {
		wake, err := r.store.Wake(ctx)
		if err == nil {
			trouble.over()
			return wake
		}
		pause(ctx, trouble.failed(ctx, err), nil)
	}
	return nil
}

// reign is one time of leadership. It returns the wake-up channel, nil once that has ended.
func (r *Relay) reign(
	ctx context.Context, lease store.Lease, outbox *progress, wake <-chan struct{},
) <-chan struct{} {
	// soft: nothing new is begun. hard: what was begun is given up too. Leadership lost ends both at once.
	soft, stopSoft := context.WithCancel(ctx)
	hard, stopHard := context.WithCancel(context.WithoutCancel(ctx))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		defer stopHard()
		defer stopSoft()
		select {
		case <-lease.Lost():
			return
		case <-soft.Done():
		}
		grace := time.NewTimer(stopGrace)
		defer grace.Stop()
		select {
		case <-lease.Lost():
		case <-grace.C:
		case <-hard.Done():
		}
	}()

	r.gauges.leader.Store(true)
	r.log.Info("relay leads")
	outbox.begin(soft, hard)
	wake = r.serve(outbox, wake)
	if err := outbox.save(0); err != nil {
		r.log.Debug("relay position not saved at the end", "error", err)
	}
	r.gauges.leader.Store(false)
	stopSoft()
	stopHard()
	<-watched
	r.log.Info("relay leads no more", "stopped", ctx.Err() != nil)
	return wake
}

// serve publishes until its time is over, or until it could not for too long.
func (r *Relay) serve(outbox *progress, wake <-chan struct{}) <-chan struct{} {
	soft := outbox.soft
	trouble := r.newTrouble("relay waits")
	for soft.Err() == nil {
		if err := outbox.drain(); err != nil {
			wait := trouble.failed(soft, err)
			if trouble.lasts(r.config.GiveUp) {
				r.log.Warn("relay gives up leading", "error", err)
				return wake
			}
			if pause(soft, wait, r.bus.Up()) {
				trouble.reset()
			}
			continue
		}
		trouble.over()
		rest := netPoll
		if !outbox.moving.IsZero() {
			rest = max(0, saveEvery-time.Since(outbox.moving))
		}
		poll := time.NewTimer(rest)
		select {
		case <-soft.Done():
		case <-poll.C:
		case _, open := <-wake:
			if !open {
				wake = nil
			}
		}
		poll.Stop()
	}
	return wake
}

// pause waits for d, for ctx, or for early, and says whether it was early.
func pause(ctx context.Context, d time.Duration, early <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-early:
		return true
	}
	return false
}
