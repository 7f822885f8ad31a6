//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"webhookd/internal/replay"
	"webhookd/internal/replay/simulate"
)

// Config says how a run is to be.
type Config struct {
	// Webhookd and NATSServer are the programs to run.
	Webhookd, NATSServer string
	// Postgres is the directory of a PostgreSQL server's programs.
	Postgres string
	// Dir is where everything is kept: an empty directory, which stays.
	Dir string
	// Seed decides which faults happen when, and which calls are made up.
	Seed uint64
	// Duration is how long there is load and things break.
	Duration time.Duration
	// Rate is how many webhooks are sent in a second.
	Rate float64
	// Settle is the instances' settle_delay.
	Settle time.Duration
	// Patience bounds how long everything may take to come to rest afterwards.
	Patience time.Duration
	// Out is told what happens; people read it.
	Out io.Writer
}

const sentLog = "sent.log"

// run is one run.
type run struct {
	Config

	world  *world
	start  time.Time
	report Report

	mu sync.Mutex // of report and Out while things break
}

// Run does everything: it sets up, breaks, waits until all is quiet, checks and takes down. It returns an error if that
// could not be done, or if ctx ended; what the checks found is in the report.
func Run(ctx context.Context, cfg Config) (_ Report, err error) {
	r := &run{Config: cfg, report: Report{Seed: cfg.Seed, Faults: map[string]int{}}}
	r.sayf("seed %d, %s at %.0f webhooks/s; everything is kept in %s", cfg.Seed, cfg.Duration, cfg.Rate, cfg.Dir)
	if r.world, err = newWorld(ctx, cfg); err != nil {
		return r.report, fmt.Errorf("set up: %w", err)
	}
	defer func() {
		if failed := r.world.end(); failed != nil {
			err = errors.Join(err, fmt.Errorf("take down: %w", failed))
		}
	}()
	if err := r.world.start(ctx); err != nil {
		return r.report, fmt.Errorf("start: %w", err)
	}
	r.start = time.Now()
	if err := r.storm(ctx); err != nil {
		return r.report, err
	}
	if err := r.world.heal(ctx); err != nil {
		return r.report, fmt.Errorf("heal: %w", err)
	}
	r.sayf("all is up again; waiting until all is quiet")
	return r.report, r.judge(ctx)
}

// sayf tells people something, with the time since the load began.
func (r *run) sayf(format string, args ...any) {
	at := ""
	if !r.start.IsZero() {
		at = fmt.Sprintf("%6.1fs  ", time.Since(r.start).Seconds())
	}
	_, _ = fmt.Fprintf(r.Out, "%s%s\n", at, fmt.Sprintf(format, args...))
}

// storm sends calls while things break.
func (r *run) storm(ctx context.Context) error {
	file, err := os.Create(filepath.Join(r.Dir, sentLog))
	if err != nil {
		return fmt.Errorf("make log of what was sent: %w", err)
	}
	load, err := simulate.New(ctx, r.load(file))
	if err != nil {
		return errors.Join(err, file.Close())
	}
	group, storming := errgroup.WithContext(ctx)
	group.Go(func() error {
		var err error
		r.report.Load, err = load.Run(storming)
		return errors.Join(err, file.Close())
	})
	group.Go(func() error { return r.breakThings(storming) })
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// load is what is sent: ordinary calls for several accounts, with the faults of an ordinary network. What is not taken
// is sent again as the PBX would, to the other instance, dialog_create too: few calls are to be lost to the test.
func (r *run) load(log io.Writer) simulate.Options {
	kinds, err := simulate.ParseMix(simulate.DefaultMix)
	if err != nil {
		panic(err) // it is part of the program
	}
	urls := make([]string, 0, len(r.world.instances))
	for _, i := range r.world.instances {
		urls = append(urls, i.url())
	}
	const (
		accounts, connections, openCalls, tries = 3, 256, 1500, 9
		retryAfter                              = 30 * time.Second // of call time, of which a hundredth is waited
	)
	return simulate.Options{
		Generator: simulate.NewGenerator(simulate.Plan{Seed: r.Seed, Run: r.Seed, Mix: kinds, Accounts: accounts}),
		URLs:      urls, Duration: r.Duration, Finish: time.Minute, Rate: r.Rate, Speed: replay.Max,
		Connections: connections, Open: openCalls, Timeout: 10 * time.Second, Log: log,
		Faults: simulate.Faults{Loss: 0.01, Duplicates: 0.02, Reorder: 0.05},
		Retry:  simulate.Retry{First: retryAfter, Tries: tries, Create: true},
	}
}

// breakThings carries out the plan, and returns when everything is mended.
func (r *run) breakThings(ctx context.Context) error {
	group := errgroup.Group{}
	for _, f := range plan(r.Seed, r.Duration) {
		if pause(ctx, f.at-time.Since(r.start)) != nil {
			break
		}
		group.Go(func() error {
			done, err := r.world.breaks(ctx, f, r.tellf)
			r.mu.Lock()
			defer r.mu.Unlock()
			if done {
				r.report.Faults[string(f.kind)]++
			}
			return err
		})
	}
	return group.Wait()
}

func (r *run) tellf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sayf(format, args...)
}

// judge waits until all is quiet, and checks.
func (r *run) judge(ctx context.Context) error {
	sent, err := readSent(filepath.Join(r.Dir, sentLog))
	if err != nil {
		return err
	}
	evidence, err := openEvidence(ctx, r.world.database.url(r.world.database.address), urls(r.world.brokers))
	if err != nil {
		return err
	}
	defer evidence.close()
	quiet, err := r.rest(ctx, evidence, sent)
	if err != nil {
		return err
	}
	r.report.Quiet = quiet
	facts, err := evidence.read(ctx)
	if err != nil {
		return err
	}
	r.report.Checks = examine(sent, facts)
	logs := make([]string, 0, instances)
	for _, i := range r.world.instances {
		logs = append(logs, i.log())
	}
	calm, err := checkLogs(logs)
	if err != nil {
		return err
	}
	r.report.Checks = append(r.report.Checks, calm)
	for _, i := range r.world.instances {
		r.report.Restarts += i.refused
		if i.crashed > 0 {
			r.report.Checks = append(r.report.Checks, Check{
				Promised: true, Name: i.name + " ends only when it is killed", Count: i.crashed, Misses: i.crashed,
				Examples: []string{"see " + i.log()},
			})
		}
	}
	return nil
}

// rest waits until everything that was acknowledged is where it belongs, or patience is over: then the checks will say
// what is missing.
func (r *run) rest(ctx context.Context, e *evidence, sent *sent) (quiet bool, err error) {
	begun, told := time.Now(), time.Now()
	for {
		waiting, err := e.waiting(ctx, sent)
		if err != nil {
			return false, err
		}
		if len(waiting) == 0 {
			r.sayf("all is quiet")
			return true, nil
		}
		if time.Since(begun) > r.Patience {
			r.sayf("it did not come to rest within %s: %s", r.Patience, strings.Join(waiting, ", "))
			return false, nil
		}
		const often = 5 * time.Second
		if time.Since(told) > often {
			told = time.Now()
			r.sayf("still %s", strings.Join(waiting, ", "))
		}
		if err := pause(ctx, 5*pollEvery); err != nil {
			return false, err
		}
	}
}
