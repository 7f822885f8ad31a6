package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// at gives the rounds of a system at a number of connections.
func (r *result) at(system string, connections int) group {
	return pick(r.Rounds, func(one round) bool { return one.System == system && one.Connections == connections },
		func(one round) round { return one })
}

func (d *document) throughput(r *result) {
	if len(r.Rounds) == 0 {
		return
	}
	d.linef("Webhooks answered in a second. *Published* is the whole round, with its warm-up, until the last event was on the "+
		"stream; ratios are to the limit and to one transaction per webhook at the same number of connections, medians of %s.\n",
		roundsOf(len(distinct(r.Rounds, func(one round) int { return one.Round }))))
	var rows, details [][]string
	numbers := distinct(r.Rounds, func(one round) int { return one.Connections })
	for _, n := range numbers {
		limit, plain := r.at(systemLimit, n), r.at(systemPlain, n)
		row := []string{strconv.Itoa(n)}
		for _, system := range []string{systemPostgres, systemSQLite} {
			g := r.at(system, n)
			row = append(row, g.show(count(g.median(rateOf))), g.show(percent(g.ratio(limit, rateOf))),
				g.show(times(g.ratio(plain, rateOf))), g.show(count(g.median(publishedOf))))
		}
		rows = append(rows, append(row, limit.show(count(limit.median(rateOf))), plain.show(count(plain.median(rateOf)))))
		for _, system := range systemNames {
			if g := r.at(system, n); len(g) > 0 {
				details = append(details, []string{
					fmt.Sprintf("%s, %d", system, n),
					g.show(ms(g.median(p50Of))), g.show(ms(g.median(p99Of))), g.show(ms(g.median(drainOf))),
					cpu(g, serviceProcess), cpu(g, postgresProcess), cpu(g, natsProcess), cpu(g, generator),
				})
			}
		}
	}
	d.table([]string{
		"connections", "on Postgres", "of the limit", "to plain", "published", "on SQLite", "of the limit", "to plain", "published",
		"limit", "plain",
	}, rows)
	d.linef("Answers and the drain in milliseconds, processor time in microseconds for one webhook; *service* is webhookd or " +
		"the reference in its place.\n")
	d.table([]string{"system, connections", "p50", "p99", "drain", "service", "Postgres", "NATS", "generator"}, details)
}

func roundsOf(n int) string {
	if n == 1 {
		return "one round"
	}
	return strconv.Itoa(n) + " rounds"
}

// cpu is the processor time that a process spends on one webhook.
func cpu(g group, process string) string {
	for _, r := range g.good() {
		if _, told := r.CPU[process]; !told {
			return "–"
		}
	}
	return g.show(count(g.median(func(r round) float64 { return r.CPU[process] })))
}

func (r *result) atRate(rate int) group {
	return pick(r.Latencies, func(l latencyRound) bool { return l.Target == rate },
		func(l latencyRound) round { return l.round })
}

// subscriber gives figures of what the subscriber saw at a rate, as a group whose answers are those.
func (r *result) subscriber(rate int) group {
	return pick(r.Latencies, func(l latencyRound) bool { return l.Target == rate }, func(l latencyRound) round {
		seen := l.round
		seen.Answer = l.Subscriber
		return seen
	})
}

func (d *document) latency(r *result) {
	if len(r.Latencies) == 0 {
		return
	}
	d.linef("Postgres and NATS, %d connections. Milliseconds from a webhook being sent to its answer, and to each of its events "+
		"reaching a subscriber in core NATS; medians of %s. *Behind* is by how much the generator was late (p99): what is "+
		"large there makes the rest look better than it is.\n", latencyConnections,
		roundsOf(len(distinct(r.Latencies, func(l latencyRound) int { return l.Round }))))
	var rows [][]string
	for _, rate := range distinct(r.Latencies, func(l latencyRound) int { return l.Target }) {
		answer, seen := r.atRate(rate), r.subscriber(rate)
		var events int64
		for _, l := range r.Latencies {
			if l.Target == rate {
				events += l.Events
			}
		}
		rows = append(rows, []string{
			count(float64(rate)), answer.show(count(answer.median(rateOf))), answer.show(ms(answer.median(p50Of))),
			answer.show(ms(answer.median(p99Of))), seen.show(ms(seen.median(p50Of))), seen.show(ms(seen.median(p99Of))),
			answer.show(ms(answer.median(behindOf))), count(float64(events)),
		})
	}
	d.table([]string{
		"rate", "reached", "answer p50", "answer p99", "subscriber p50", "subscriber p99", "behind", "events",
	}, rows)
}

func (r *result) withStored(calls int) group {
	return pick(r.Stored, func(s storedRound) bool { return s.Stored == calls },
		func(s storedRound) round { return s.round })
}

func (d *document) stored(r *result) {
	if len(r.Stored) == 0 {
		return
	}
	d.linef("### Calls stored\n")
	d.linef("Postgres, %d connections, as much as gets answered; ratios are to the empty database beside it. The outbox's "+
		"history is loaded without its records.\n", busiest)
	empty := r.withStored(0)
	var rows [][]string
	for _, calls := range distinct(r.Stored, func(s storedRound) int { return s.Stored }) {
		g := r.withStored(calls)
		size, entries := "–", "–"
		for _, l := range r.Loads {
			if l.Calls == calls {
				size, entries = count(float64(l.MiB)), count(float64(l.Entries))
			}
		}
		rows = append(rows, []string{
			count(float64(calls)), entries, size, g.show(count(g.median(rateOf))), g.show(percent(g.ratio(empty, rateOf))),
			g.show(ms(g.median(p99Of))), g.show(percent(g.ratio(empty, p99Of))),
		})
	}
	d.table([]string{
		"calls stored", "journal entries", "MiB", "webhooks/s", "of empty", "answer p99 ms", "of empty",
	}, rows)
}

// manyOpen gives the rounds with the most calls open, and those with few.
func (r *result) manyOpen() (many, few []openRound) {
	counts := distinct(r.Open, func(o openRound) int { return o.Open })
	for _, o := range r.Open {
		if o.Open == counts[len(counts)-1] {
			many = append(many, o)
		} else {
			few = append(few, o)
		}
	}
	return many, few
}

// openRatio compares the rounds with many calls open with those before and after, in which there were few.
func (r *result) openRatio(figure func(round) float64) float64 {
	many, few := r.manyOpen()
	all := func(openRound) bool { return true }
	of := func(o openRound) round { return o.round }
	return pick(many, all, of).median(figure) / pick(few, all, of).median(figure)
}

func (d *document) open(r *result) {
	if len(r.Open) == 0 {
		return
	}
	d.linef("### Calls open\n")
	d.linef("Postgres, %d connections; the next webhook is one of any of the calls that are open. Memory is what webhookd has "+
		"resident under that load, at the end and at most.\n", busiest)
	var rows [][]string
	for _, o := range r.Open {
		g := group{o.round}
		rows = append(rows, []string{
			count(float64(o.Open)), count(float64(o.OpenSeen)), g.show(count(o.Rate)), g.show(ms(o.Answer.P99)),
			count(o.Resident), count(o.Highest),
		})
	}
	d.table([]string{"under way", "open in the database", "webhooks/s", "answer p99 ms", "MiB", "MiB at most"}, rows)
	d.linef("Many open to few: %s of the webhooks, %s of the p99.\n", percent(r.openRatio(rateOf)), percent(r.openRatio(p99Of)))
}

func (d *document) reads(r *result) {
	if len(r.Reads) == 0 {
		return
	}
	d.linef("### Reading\n")
	d.linef("GET /v1/calls with filters (a page is 50 calls) and /v1/calls/{id}, with %s calls stored and no other load.\n",
		count(float64(r.Reads[0].Stored)))
	var rows [][]string
	for _, f := range r.Reads {
		if f.Failed != "" {
			rows = append(rows, []string{f.Kind, failedCell, "", "", "", ""})
			continue
		}
		rows = append(rows, []string{
			f.Kind, count(float64(f.Requests)), count(f.Found), ms(f.Answer.P50), ms(f.Answer.P99), ms(f.Answer.Max),
		})
	}
	d.table([]string{"question", "requests", "calls found", "p50 ms", "p99 ms", "max ms"}, rows)
}

// rebuildRates are those of a system that did not fail.
func (r *result) rebuildRates(system string) []float64 {
	var rates []float64
	for _, one := range r.Rebuilds {
		if one.System == system && one.Failed == "" {
			rates = append(rates, one.Rate)
		}
	}
	return rates
}

func (d *document) rebuilds(r *result) {
	if len(r.Rebuilds) == 0 {
		return
	}
	d.linef("`webhookd rebuild --check` on a database that was filled through the door, medians.\n")
	entries := map[string]int64{}
	for _, one := range r.Rebuilds {
		entries[one.System] = max(entries[one.System], one.Entries)
	}
	var rows [][]string
	for _, system := range slices.Sorted(maps.Keys(entries)) {
		rows = append(rows, []string{
			system, count(float64(entries[system])), count(median(r.rebuildRates(system))),
		})
	}
	d.table([]string{"system", "journal entries", "entries/s"}, rows)
}

// readyTimes are those of a system, on nothing or on what was there.
func (r *result) readyTimes(system string, first bool) []float64 {
	var list []float64
	for _, one := range r.Starts {
		if one.System == system && one.First == first && one.Failed == "" {
			list = append(list, one.ReadyMS)
		}
	}
	return list
}

func (d *document) starts(r *result) {
	if len(r.Starts) == 0 {
		return
	}
	d.linef("Milliseconds from the start of the process until GET /readyz says ready. Postgres is with an external " +
		"nats-server, SQLite with the embedded NATS.\n")
	var rows [][]string
	for _, system := range []string{systemPostgres, systemSQLite} {
		for _, first := range []bool{true, false} {
			list := r.readyTimes(system, first)
			what := "on what was there"
			if first {
				what = "for the first time"
			}
			if len(list) == 0 {
				rows = append(rows, []string{system + ", " + what, "0", failedCell, ""})
				continue
			}
			rows = append(rows, []string{
				system + ", " + what, strconv.Itoa(len(list)), ms(median(list)), ms(slices.Max(list)),
			})
		}
	}
	d.table([]string{"start", "times", "median", "longest"}, rows)
}
