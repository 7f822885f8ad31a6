//go:build unix

// Command cmd runs package chaos; make chaos, make chaos-short and make upgrade call it, from the top of the repository.
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"webhookd/internal/chaos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	ok, err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// The bounds of a run.
const (
	longest = time.Hour
	fastest = 100_000
)

func run(ctx context.Context) (ok bool, err error) {
	cfg := chaos.Config{Settle: 2 * time.Second, Out: os.Stdout}
	var keep, race bool
	var before string
	flag.DurationVar(&cfg.Duration, "duration", 2*time.Minute, "for how long there is load and things break")
	flag.Float64Var(&cfg.Rate, "rate", 600, "webhooks in a second")
	flag.Uint64Var(&cfg.Seed, "seed", 0, "what decides the faults and the calls (default: another one every time)")
	flag.DurationVar(&cfg.Patience, "patience", 3*time.Minute, "how long everything may take to come to rest")
	flag.StringVar(&cfg.Postgres, "postgres", "", "directory of PostgreSQL's programs (initdb, postgres)")
	flag.BoolVar(&keep, "keep", false, "keep the directory with logs, also if nothing was missed")
	flag.StringVar(&before, "upgrade-from", "", "break nothing: replace this webhookd, of the version before, by the present one")
	flag.BoolVar(&race, "race", false, "build webhookd with the race detector")
	flag.Parse()
	if flag.NArg() > 0 || cfg.Duration <= 0 || cfg.Duration > longest || !(cfg.Rate > 0 && cfg.Rate <= fastest) {
		return false, errors.New("a run takes up to an hour, at up to 100000 webhooks in a second; see -help")
	}
	if cfg.Postgres == "" {
		return false, errors.New("-postgres is missing; make chaos finds it")
	}
	for cfg.Seed == 0 {
		var random [4]byte
		_, _ = rand.Read(random[:]) // it never fails
		cfg.Seed = uint64(binary.LittleEndian.Uint32(random[:]))
	}
	if cfg.Dir, err = os.MkdirTemp("", "webhookd-chaos"); err != nil {
		return false, fmt.Errorf("make directory: %w", err)
	}
	defer func() {
		if ok && err == nil && !keep {
			err = os.RemoveAll(cfg.Dir)
		} else {
			_, _ = fmt.Fprintln(os.Stdout, "what there is to look at is in", cfg.Dir)
		}
	}()
	cfg.Webhookd, cfg.NATSServer = filepath.Join(cfg.Dir, "webhookd"), filepath.Join(cfg.Dir, "nats-server")
	args := []string{"-o", cfg.Webhookd}
	if race {
		args = append(args, "-race")
	}
	if err := build(ctx, append(args, "./cmd/webhookd")...); err != nil {
		return false, err
	}
	if err := build(ctx, "-o", cfg.NATSServer, "github.com/nats-io/nats-server/v2"); err != nil {
		return false, err
	}
	var report chaos.Report
	if before == "" {
		report, err = chaos.Run(ctx, cfg)
	} else {
		report, err = chaos.Upgrade(ctx, cfg, before)
	}
	if err != nil {
		return false, fmt.Errorf("%w (seed %d)", err, cfg.Seed)
	}
	_, _ = fmt.Fprint(os.Stdout, report)
	return report.Misses() == 0, nil
}

func build(ctx context.Context, args ...string) error {
	//nolint:gosec // the arguments are ours
	out, err := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	return nil
}
