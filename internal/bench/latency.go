package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// latencyRound is a load at a fixed rate with somebody who listens.
type latencyRound struct {
	round

	Target     int         `json:"rate"` // webhooks in a second that were to be sent
	Events     int64       `json:"events"`
	Missing    int64       `json:"events_missing"`
	Subscriber percentiles `json:"subscriber_ms"` // webhook sent → event received
}

// latencyConnections are so many that they do not slow the generator down, or the rate would be that of the answers.
const latencyConnections = 256

// latency sends webhooks at fixed rates, and measures answers and what a subscriber sees.
func (b *bench) latency(ctx context.Context, into *result) error {
	for number := 1; number <= b.plan.rounds; number++ {
		for _, rate := range b.plan.rates {
			r, err := b.listen(ctx, rate, number)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.System, r.Round, r.Target = systemPostgres, number, rate
			if err != nil {
				r.Failed = err.Error()
				into.fail(fmt.Errorf("%d webhooks/s, round %d: %w", rate, number, err))
			}
			b.tell(r.round)
			b.log.Info("subscriber", "rate", rate, "events", r.Events, "missing", r.Missing,
				"p50_ms", r.Subscriber.P50, "p99_ms", r.Subscriber.P99)
			into.Latencies = append(into.Latencies, r)
		}
	}
	return nil
}

// listen measures one rate.
func (b *bench) listen(ctx context.Context, rate, number int) (r latencyRound, err error) {
	s, err := b.open(ctx, systemPostgres)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	dir, err := b.lendDirectory(s, "log")
	if err != nil {
		return r, err
	}
	heard, err := subscribe(s.natsURL)
	if err != nil {
		return r, err
	}
	defer heard.close()
	log := filepath.Join(dir, "sent")
	const openShare = 5
	r.round, err = b.put(ctx, s, load{
		connections: latencyConnections, rate: rate, open: max(leastOpen, rate/openShare), log: log, seed: number,
		duration: b.plan.latencyDuration, warmup: b.plan.warmup,
	})
	if err != nil {
		return r, err
	}
	if err := heard.flush(); err != nil {
		return r, err
	}
	sent, err := readSent(log, b.plan.warmup, b.plan.latencyDuration)
	if err != nil {
		return r, err
	}
	if err := r.match(ctx, s.books, sent, heard.times()); err != nil {
		return r, err
	}
	if r.Missing > 0 {
		return r, fmt.Errorf("%d of %d events did not reach the subscriber", r.Missing, r.Events+r.Missing)
	}
	return r, nil
}
