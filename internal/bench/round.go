package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"webhookd/internal/replay/simulate"
)

// round is one measurement of one system. Durations are in milliseconds.
type round struct {
	System      string `json:"system"`
	Connections int    `json:"connections"`
	Round       int    `json:"round"` // from 1

	Rate      float64            `json:"webhooks_per_second"` // answered, after the warm-up
	Published float64            `json:"published_per_second,omitempty"`
	DrainMS   float64            `json:"drain_ms,omitempty"` // from the last answer to the last PubAck
	Webhooks  int64              `json:"webhooks"`           // in all
	Calls     int64              `json:"calls"`
	Answer    percentiles        `json:"answer_ms"`
	BehindMS  float64            `json:"behind_p99_ms,omitempty"` // later than planned, where there is a plan
	CPU       map[string]float64 `json:"cpu_us_per_webhook,omitempty"`
	Others    float64            `json:"other_processors_busy"` // by what is not ours
	Warnings  []string           `json:"warnings,omitempty"`    // that the service logged
	Failed    string             `json:"failed,omitempty"`
}

// percentiles are those of the document.
type percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func inMS(p simulate.Percentiles) percentiles {
	return percentiles{milliseconds(p.P50), milliseconds(p.P90), milliseconds(p.P99), milliseconds(p.Max)}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// put puts a load on a system and measures it: the load itself, and what it leaves to be published. The result holds
// what there is also when something failed; it is told there, and returned.
func (b *bench) put(ctx context.Context, s *system, l load) (r round, err error) {
	r.Connections = l.connections
	defer func() {
		r.Warnings = s.service.complaints()
		if err != nil {
			r.Failed = err.Error()
		}
	}()
	var last int64
	if s.books != nil {
		if last, err = s.books.last(ctx); err != nil {
			return r, err
		}
	}
	before, noUsage := readUsage(s.processes)
	load, err := b.send(ctx, s.service.url, l)
	if err != nil {
		return r, err
	}
	answered := time.Now()
	r.Rate, r.Webhooks, r.Calls, r.Answer = load.Throughput, load.Requests, load.Finished, inMS(load.Latency)
	if load.Behind != nil {
		r.BehindMS = milliseconds(load.Behind.P99)
	}
	if s.natsURL != "" {
		if err := s.books.drained(ctx); err != nil {
			return r, err
		}
		drain := time.Since(answered)
		r.DrainMS = milliseconds(drain)
		r.Published = float64(load.Requests) / (load.Took + drain).Seconds()
	}
	if after, err := readUsage(s.processes); err == nil && noUsage == nil {
		r.CPU, r.Others = after.spent(before, load.Requests)
		r.CPU[generator] = float64(load.processor.Microseconds()) / float64(max(load.Requests, 1))
	}
	return r, s.audit(ctx, load.Requests, last)
}

// audit checks that a figure is one of durable work: every webhook that was answered is in the journal, and nothing was
// set aside.
func (s *system) audit(ctx context.Context, answered, last int64) error {
	if s.books == nil {
		return nil
	}
	kept, err := s.books.journalled(ctx, last)
	if err != nil {
		return err
	}
	if kept != answered {
		return fmt.Errorf("%d webhooks were answered, and %d are in the journal", answered, kept)
	}
	if s.natsURL == "" {
		return nil
	}
	held, err := s.books.held(ctx)
	if err == nil && held > 0 {
		err = fmt.Errorf("%d changes could not be published", held)
	}
	return err
}

// once opens a system, puts a load on it and takes it down.
func (b *bench) once(ctx context.Context, name string, l load, number int) (r round, err error) {
	s, err := b.open(ctx, name)
	if err == nil {
		r, err = b.put(ctx, s, l)
		err = errors.Join(err, s.stop())
	}
	r.System, r.Connections, r.Round = name, l.connections, number
	if err != nil {
		r.Failed = err.Error()
	}
	b.tell(r)
	return r, err
}

// tell says how a round went.
func (b *bench) tell(r round) {
	args := []any{
		"system", r.System, "conns", r.Connections, "round", r.Round, "rate", int(r.Rate), "with_drain", int(r.Published),
		"p50_ms", ms(r.Answer.P50), "p99_ms", ms(r.Answer.P99), "others", fmt.Sprintf("%.2f", r.Others),
	}
	if len(r.Warnings) > 0 {
		args = append(args, "warnings", strings.Join(r.Warnings, "; "))
	}
	if r.Failed != "" {
		b.log.Error("round failed", append(args, "error", r.Failed)...)
		return
	}
	b.log.Info("round", args...)
}
