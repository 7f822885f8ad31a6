// Command bench measures webhookd from outside: real processes, a PostgreSQL and a NATS server of its own, everything
// on loopback and in a directory that is thrown away, bounded in time and count. `make bench` runs it and writes
// docs/benchmarks.md; docs/benchmarks.md says what is measured and how.
//
// It has three layers. Processes are started and stopped (process, cluster, broker, service, reference). Rounds put load
// on one of them and say what came of it (round, load, backlog, usage). Parts (throughput, latency, scale, rebuild,
// start) arrange rounds so that what is compared is measured side by side, and keep every round in a file of their own
// under raw/. The document is written from those files alone.
//
// It decides nothing about calls, and nothing here is part of the service.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// run is the program: a measurement, or one of the references that the measurement starts as processes.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case serveLimit:
			return runLimit(ctx, os.Stderr)
		case servePlain:
			return runPlain(ctx, os.Stderr, args[1:])
		}
	}
	plan, err := parsePlan(args, os.Stderr)
	if err != nil {
		return err
	}
	if plan.render {
		return writeDocument(plan.out)
	}
	return measure(ctx, plan, os.Stderr)
}
