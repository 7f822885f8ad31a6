package main

import (
	"fmt"
	"math"
	"slices"
)

// verdict is a target and what was found.
type verdict struct {
	what, target, found string
	met                 bool
	unknown             bool // there is no figure: it failed, or was not measured
}

// The targets, as they were set.
const (
	targetOfLimit  = 0.40
	targetToPlain  = 10
	targetSlower   = 0.15
	targetMemoryMB = 200
	targetReadMS   = 20
	targetRebuild  = 20_000
	targetStartMS  = 1000
)

// latencyTargets are p99s in milliseconds, by webhooks in a second.
var latencyTargets = map[int]struct{ answer, subscriber float64 }{
	500:  {10, 25},
	2000: {25, 60},
}

// atLeast and atMost judge a figure.
func atLeast(what string, found, target float64, show func(float64) string) verdict {
	return verdict{
		what: what, target: "≥ " + show(target), found: show(found), met: found >= target, unknown: math.IsNaN(found),
	}
}

func atMost(what string, found, target float64, show func(float64) string) verdict {
	return verdict{
		what: what, target: "≤ " + show(target), found: show(found), met: found <= target, unknown: math.IsNaN(found),
	}
}

// targets writes the targets beside what was found.
func (d *document) targets(results []*result) {
	var rows [][]string
	for _, r := range results {
		for _, v := range r.verdicts() {
			said := "**missed**"
			switch {
			case v.unknown:
				said = failedCell
			case v.met:
				said = "met"
			}
			rows = append(rows, []string{v.what, v.target, v.found, said})
		}
	}
	if len(rows) == 0 {
		return
	}
	d.linef("## Targets\n")
	d.table([]string{"what", "target", "found", ""}, rows)
}

// verdicts judges a part by its targets.
func (r *result) verdicts() []verdict {
	return slices.Concat(r.judgeThroughput(), r.judgeLatency(), r.judgeStored(), r.judgeOpen(), r.judgeReads(),
		r.judgeRebuilds(), r.judgeStarts())
}

func (r *result) judgeThroughput() []verdict {
	g := r.at(systemPostgres, busiest)
	if len(g) == 0 {
		return nil
	}
	at := fmt.Sprintf("durable webhooks on Postgres at %d connections, ", busiest)
	return []verdict{
		atLeast(at+"of the limit", g.ratio(r.at(systemLimit, busiest), rateOf), targetOfLimit, percent),
		atLeast(at+"to one transaction per webhook", g.ratio(r.at(systemPlain, busiest), rateOf), targetToPlain, times),
	}
}

func (r *result) judgeLatency() []verdict {
	var list []verdict
	for _, rate := range distinct(r.Latencies, func(l latencyRound) int { return l.Target }) {
		target, ok := latencyTargets[rate]
		if !ok {
			continue
		}
		at := fmt.Sprintf("p99 at %s webhooks/s, ", count(float64(rate)))
		list = append(list,
			atMost(at+"answer (ms)", r.atRate(rate).median(p99Of), target.answer, ms),
			atMost(at+"subscriber (ms)", r.subscriber(rate).median(p99Of), target.subscriber, ms))
	}
	return list
}

func (r *result) judgeStored() []verdict {
	var list []verdict
	empty := r.withStored(0)
	for _, calls := range distinct(r.Stored, func(s storedRound) int { return s.Stored }) {
		if calls == 0 {
			continue
		}
		with := fmt.Sprintf("with %s calls stored, ", count(float64(calls)))
		list = append(list,
			atLeast(with+"webhooks/s of empty", r.withStored(calls).ratio(empty, rateOf), 1-targetSlower, percent),
			atMost(with+"answer p99 of empty", r.withStored(calls).ratio(empty, p99Of), 1+targetSlower, percent))
	}
	return list
}

func (r *result) judgeOpen() []verdict {
	if len(r.Open) == 0 {
		return nil
	}
	many, _ := r.manyOpen()
	memory, seen := math.NaN(), int64(0)
	for _, o := range many {
		seen = max(seen, o.OpenSeen)
		if o.Failed == "" {
			const mib = 1.048576
			memory = o.Resident * mib
		}
	}
	with := fmt.Sprintf("with %s calls open, ", count(float64(seen)))
	return []verdict{
		atLeast(with+"webhooks/s of few", r.openRatio(rateOf), 1-targetSlower, percent),
		atMost(with+"answer p99 of few", r.openRatio(p99Of), 1+targetSlower, percent),
		atMost(with+"resident memory (MB)", memory, targetMemoryMB, count),
	}
}

func (r *result) judgeReads() []verdict {
	if len(r.Reads) == 0 {
		return nil
	}
	var single, pages float64
	slowest := ""
	for _, f := range r.Reads {
		p99 := f.Answer.P99
		if f.Failed != "" {
			p99 = math.NaN()
		}
		switch {
		case f.Kind == oneCall:
			single = p99
		case math.IsNaN(p99) || p99 > pages: // once it is not a number it stays so
			pages, slowest = p99, f.Kind
		}
	}
	with := fmt.Sprintf("with %s calls stored, p99 of ", count(float64(r.Reads[0].Stored)))
	return []verdict{
		atMost(with+"GET /v1/calls/{id} (ms)", single, targetReadMS, ms),
		atMost(with+"the slowest filter of GET /v1/calls (ms): "+slowest, pages, targetReadMS, ms),
	}
}

func (r *result) judgeRebuilds() []verdict {
	var list []verdict
	for _, system := range []string{systemPostgres, systemSQLite} {
		if len(r.Rebuilds) > 0 {
			list = append(list, atLeast("rebuild on "+system+", webhooks/s", median(r.rebuildRates(system)), targetRebuild, count))
		}
	}
	return list
}

func (r *result) judgeStarts() []verdict {
	var list []verdict
	for _, system := range []string{systemPostgres, systemSQLite} {
		if len(r.Starts) > 0 {
			both := slices.Concat(r.readyTimes(system, true), r.readyTimes(system, false))
			longest := math.NaN()
			if len(both) > 0 {
				longest = slices.Max(both)
			}
			list = append(list, atMost("the longest start to ready on "+system+" (ms)", longest, targetStartMS, ms))
		}
	}
	return list
}
