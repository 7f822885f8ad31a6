package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// storedRound is a round on a database that holds calls already.
type storedRound struct {
	round

	Stored int `json:"stored_calls"` // 0: the empty database beside it
}

// openRound is a round with many calls open.
type openRound struct {
	round

	Open     int     `json:"open"`          // as many calls as the generator had under way
	OpenSeen int64   `json:"open_seen"`     // in the database, at the end
	Resident float64 `json:"resident_mib"`  // at the end, under load
	Highest  float64 `json:"resident_most"` // in the window
}

// scale measures what becomes of throughput, answers and memory with many calls stored and many open, and how long
// reading takes.
func (b *bench) scale(ctx context.Context, into *result) error {
	schemas, err := b.loadAll(ctx, into)
	if err != nil {
		return err
	}
	if err := b.scaleRounds(ctx, into, schemas); err != nil {
		return err
	}
	most := b.plan.stored[len(b.plan.stored)-1]
	if err := b.read(ctx, into, schemas[most], most); err != nil {
		into.fail(fmt.Errorf("read calls: %w", err))
	}
	for _, schema := range schemas {
		if err := b.postgres.dropSchema(schema); err != nil {
			return err
		}
	}
	return b.openRounds(ctx, into)
}

// loadAll makes a database for each number of stored calls. The server runs without care for its data meanwhile; all of
// it is on disk before it is started again with care.
func (b *bench) loadAll(ctx context.Context, into *result) (map[int]string, error) {
	if err := b.postgres.restart(ctx, loading...); err != nil {
		return nil, err
	}
	from := "templates"
	if err := b.postgres.makeSchema(ctx, from); err != nil {
		return nil, err
	}
	if err := b.makeTemplates(ctx, from); err != nil {
		return nil, err
	}
	schemas := map[int]string{}
	for _, calls := range b.plan.stored {
		schema, made, err := b.multiply(ctx, from, calls)
		if err != nil {
			return nil, err
		}
		schemas[calls] = schema
		into.Loads = append(into.Loads, made)
		b.log.Info("loaded", "calls", made.Calls, "open", made.Open, "entries", made.Entries, "mib", made.MiB,
			"seconds", int(made.Seconds))
	}
	if err := b.postgres.dropSchema(from); err != nil {
		return nil, err
	}
	if err := b.postgres.stop(); err != nil {
		return nil, err
	}
	if _, err := execute(ctx, "sync", program(ctx, "sync")); err != nil {
		return nil, err
	}
	return schemas, b.postgres.start(ctx)
}

// makeTemplates lets webhookd make the calls that are multiplied.
func (b *bench) makeTemplates(ctx context.Context, schema string) (err error) {
	s, err := b.openPostgres(ctx, schema)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := sendTemplates(ctx, s.service.url); err != nil {
		return err
	}
	return s.books.quiet(ctx)
}

// scaleRounds takes the empty database and the full ones in turn.
func (b *bench) scaleRounds(ctx context.Context, into *result, schemas map[int]string) error {
	l := load{connections: busiest, duration: b.plan.duration, warmup: b.plan.warmup, cut: true}
	for number := 1; number <= b.plan.rounds; number++ {
		l.seed = number
		r, err := b.once(ctx, systemPostgres, l, number)
		into.Stored = append(into.Stored, storedRound{round: r})
		if err != nil {
			into.fail(fmt.Errorf("empty database, round %d: %w", number, err))
		}
		for _, calls := range b.plan.stored {
			r, err := b.onSchema(ctx, schemas[calls], l)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.System, r.Round = systemPostgres, number
			if err != nil {
				r.Failed = err.Error()
				into.fail(fmt.Errorf("%d stored calls, round %d: %w", calls, number, err))
			}
			b.tell(r)
			into.Stored = append(into.Stored, storedRound{round: r, Stored: calls})
		}
	}
	return nil
}

func (b *bench) onSchema(ctx context.Context, schema string, l load) (r round, err error) {
	s, err := b.openPostgres(ctx, schema)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return b.put(ctx, s, l)
}

// openRounds has many calls under way between two rounds with few. The generator takes the next webhook of a call at
// random, so all of them go on at once; they were all begun by webhooks that came in at the door.
func (b *bench) openRounds(ctx context.Context, into *result) error {
	for number, l := range []load{
		{open: busiest, duration: b.plan.openWindow + b.plan.warmup, warmup: b.plan.warmup},
		{open: b.plan.open, duration: b.plan.openWarmup + b.plan.openWindow, warmup: b.plan.openWarmup},
		{open: busiest, duration: b.plan.openWindow + b.plan.warmup, warmup: b.plan.warmup},
	} {
		l.connections, l.cut, l.seed = busiest, true, number
		r, err := b.withOpen(ctx, l)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.System, r.Round, r.Open = systemPostgres, number+1, l.open
		if err != nil {
			r.Failed = err.Error()
			into.fail(fmt.Errorf("%d open calls: %w", l.open, err))
		}
		b.tell(r.round)
		b.log.Info("open calls", "open", r.Open, "seen", r.OpenSeen, "resident_mib", int(r.Resident), "most", int(r.Highest))
		into.Open = append(into.Open, r)
	}
	return nil
}

func (b *bench) withOpen(ctx context.Context, l load) (r openRound, err error) {
	s, err := b.open(ctx, systemPostgres)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	watching, stop := context.WithCancel(ctx)
	memory := make(chan []float64, 1)
	go func() { memory <- watchMemory(watching, s.service.process.pid(), l.warmup) }()
	r.round, err = b.put(ctx, s, l)
	stop()
	seen := <-memory
	if err != nil {
		return r, err
	}
	if len(seen) == 0 {
		return r, errors.New("read memory: nothing was seen")
	}
	for _, mib := range seen {
		r.Highest = max(r.Highest, mib)
	}
	r.Resident = seen[len(seen)-1]
	r.OpenSeen, err = s.books.number(ctx, "open calls", `select count(*) from calls where open and merged_into is null`)
	return r, err
}

// watchMemory looks at a process twice a second, after a while.
func watchMemory(ctx context.Context, pid int, after time.Duration) []float64 {
	const often = 500 * time.Millisecond
	var seen []float64
	for wait := after; pause(ctx, wait) == nil; wait = often {
		if mib, err := residentMiB(pid); err == nil {
			seen = append(seen, mib)
		}
	}
	return seen
}
