package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of the parts, in the order in which they run and are shown.
const (
	partThroughput = "throughput"
	partLatency    = "latency"
	partScale      = "scale"
	partRebuild    = "rebuild"
	partStart      = "start"
)

var partNames = []string{partThroughput, partLatency, partScale, partRebuild, partStart}

// plan says what to measure, and for how long.
type plan struct {
	parts   []string
	short   bool
	out     string // directory of benchmarks.md and raw/
	dir     string // where temporary directories are made
	binary  string // a webhookd that is built already
	command string // what was asked for, for the document
	serve   []string
	keep    bool
	render  bool // write the document only

	rounds           int
	duration, warmup time.Duration // of one round
	connections      []int
	systems          []string

	rates           []int
	latencyDuration time.Duration

	stored      []int // calls in the database
	open        int   // calls open at once
	openWarmup  time.Duration
	openWindow  time.Duration
	readsOfKind int
	readers     int

	rebuildLoad time.Duration
	starts      int
}

const (
	second = time.Second
	// busiest is the number of connections that the targets are stated for.
	busiest = 256
)

func fullPlan() plan {
	return plan{
		rounds: 3, duration: 12 * second, warmup: 3 * second,
		connections: []int{1, 16, 64, busiest, 1024},
		rates:       []int{100, 500, 2000}, latencyDuration: 25 * second,
		stored: []int{100_000, 1_000_000}, open: 110_000, openWarmup: 150 * second, openWindow: 30 * second,
		readsOfKind: 400, readers: 2,
		rebuildLoad: 30 * second, starts: 7,
	}
}

// shortPlan takes a few minutes. It shows that everything works, and hardly more.
func shortPlan() plan {
	return plan{
		short:  true,
		rounds: 1, duration: 5 * second, warmup: second,
		connections: []int{16, busiest},
		rates:       []int{500, 2000}, latencyDuration: 8 * second,
		stored: []int{20_000}, open: 10_000, openWarmup: 10 * second, openWindow: 5 * second,
		readsOfKind: 50, readers: 2,
		rebuildLoad: 5 * second, starts: 3,
	}
}

// parsePlan reads the command line. What is not said is as in the full plan, or in the short one with -short.
func parsePlan(args []string, errs io.Writer) (plan, error) {
	p := fullPlan()
	if slices.ContainsFunc(args, func(arg string) bool { return arg == "-short" || arg == "--short" }) {
		p = shortPlan()
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(errs)
	only := flags.String("only", "", "`parts` to measure, separated by commas: "+strings.Join(partNames, ", "))
	systems := flags.String("systems", strings.Join(systemNames, ","), "`systems` of the throughput part")
	connections := flags.String("connections", joinInts(p.connections), "`numbers` of connections of the throughput part")
	rates := flags.String("rates", joinInts(p.rates), "webhooks in a second of the latency part")
	stored := flags.String("stored", joinInts(p.stored), "`numbers` of calls that the scale part stores first")
	serve := flags.String("serve", "", "further `arguments` for webhookd serve, separated by blanks")
	flags.BoolVar(&p.short, "short", p.short, "a few minutes instead of most of an hour")
	flags.StringVar(&p.out, "out", "docs", "`directory` for benchmarks.md and benchmarks/raw")
	flags.StringVar(&p.dir, "dir", "", "`directory` for databases and streams (default: that of temporary files)")
	flags.StringVar(&p.binary, "webhookd", "", "a webhookd `binary` (default: it is built)")
	flags.BoolVar(&p.render, "document", false, "measure nothing, write the document from the kept results")
	flags.BoolVar(&p.keep, "keep", false, "leave the temporary directory, with the logs of all processes")
	flags.IntVar(&p.rounds, "rounds", p.rounds, "`number` of rounds; medians are shown")
	flags.DurationVar(&p.duration, "duration", p.duration, "how `long` a round takes, with its warm-up")
	flags.DurationVar(&p.warmup, "warmup", p.warmup, "how `long` its warm-up takes")
	flags.DurationVar(&p.latencyDuration, "latency-duration", p.latencyDuration, "as -duration, of the latency part")
	flags.IntVar(&p.open, "open", p.open, "`number` of calls that the scale part has open at once")
	flags.DurationVar(&p.openWarmup, "open-warmup", p.openWarmup, "how `long` it takes until they are")
	flags.DurationVar(&p.openWindow, "open-window", p.openWindow, "how `long` it is measured then")
	flags.IntVar(&p.readsOfKind, "reads", p.readsOfKind, "`number` of GET requests of each kind")
	flags.IntVar(&p.readers, "readers", p.readers, "`number` of those under way at once")
	flags.DurationVar(&p.rebuildLoad, "rebuild-load", p.rebuildLoad, "for how `long` to send what is rebuilt then")
	flags.IntVar(&p.starts, "starts", p.starts, "`number` of starts")
	if err := flags.Parse(args); err != nil {
		return plan{}, fmt.Errorf("read command line: %w", err)
	}
	if flags.NArg() > 0 {
		return plan{}, fmt.Errorf("read command line: %q is no flag", flags.Arg(0))
	}
	var err error
	for _, list := range []struct {
		text string
		into *[]int
	}{{*connections, &p.connections}, {*rates, &p.rates}, {*stored, &p.stored}} {
		if *list.into, err = parseInts(list.text); err != nil {
			return plan{}, err
		}
	}
	if p.parts, err = parseNames(*only, partNames); err != nil {
		return plan{}, err
	}
	if p.systems, err = parseNames(*systems, systemNames); err != nil {
		return plan{}, err
	}
	p.serve = strings.Fields(*serve)
	p.command = "bench"
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "out", "dir", "webhookd", "keep": // whose machine it is, and nothing about the figures
		case "short":
			p.command += " -short"
		default:
			p.command += " -" + f.Name + " " + f.Value.String()
		}
	})
	if err := p.check(); err != nil {
		return plan{}, err
	}
	return p, nil
}

// check says what cannot be meant.
func (p *plan) check() error {
	switch {
	case p.rounds < 1 || p.starts < 1 || p.readsOfKind < 1 || p.readers < 1 || p.open < 1:
		return errors.New("read command line: a number below 1")
	case p.warmup < 0 || p.warmup >= p.duration || p.warmup >= p.latencyDuration:
		return errors.New("read command line: the warm-up takes the whole round")
	default:
		return nil
	}
}

// parseNames reads a list of names; nothing is all of them. They come in the order of known.
func parseNames(text string, known []string) ([]string, error) {
	if text == "" {
		return known, nil
	}
	given := strings.Split(text, ",")
	for _, name := range given {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("read command line: %q is none of %s", name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(known), func(name string) bool { return !slices.Contains(given, name) }), nil
}

func parseInts(text string) ([]int, error) {
	var list []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("read command line: %q is no number above 0", part)
		}
		list = append(list, n)
	}
	return list, nil
}

func joinInts(list []int) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ",")
}
