package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// bench is one run: its programs, its PostgreSQL, and where it leaves what it found.
type bench struct {
	plan plan
	log  *slog.Logger
	dir  string // thrown away in the end

	self, webhookd, natsServer string // programs
	version                    string // of webhookd
	postgres                   *cluster
	machine                    machine
	names                      int // given so far
}

// part measures one thing. What it finds it puts into the result, also when it fails on the way.
type part struct {
	name string
	run  func(*bench, context.Context, *result) error
}

var parts = []part{
	{partThroughput, (*bench).throughput},
	{partLatency, (*bench).latency},
	{partScale, (*bench).scale},
	{partRebuild, (*bench).rebuild},
	{partStart, (*bench).start},
}

// measure runs the parts of the plan. It returns an error if one of them failed; the others are written all the same.
func measure(ctx context.Context, p plan, errs io.Writer) (err error) {
	b := &bench{plan: p, log: slog.New(slog.NewTextHandler(errs, nil))}
	if b.dir, err = os.MkdirTemp(p.dir, "webhookd-bench"); err != nil {
		return fmt.Errorf("make temporary directory: %w", err)
	}
	// PostgreSQL may run as another user, who has to get through.
	if err := os.Chmod(b.dir, 0o711); err != nil { //nolint:gosec // nothing in it is secret, and it cannot be listed
		return fmt.Errorf("make temporary directory: %w", err)
	}
	if !p.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.postgres.stop()) }()
	var failed []error
	for _, part := range parts {
		if !slices.Contains(p.parts, part.name) {
			continue
		}
		if err := b.runPart(ctx, part); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", part.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(append(failed, writeDocument(p.out))...)
}

// runPart measures one part and writes its file.
func (b *bench) runPart(ctx context.Context, p part) error {
	b.log.Info("part begins", "part", p.name)
	start := time.Now()
	settings, err := b.postgres.settings(ctx)
	if err != nil {
		return err
	}
	r := &result{
		Part: p.name, Date: start.UTC().Truncate(second), Command: b.plan.command, Short: b.plan.short,
		Version: b.version, Machine: b.machine, Postgres: settings,
	}
	err = p.run(b, ctx, r)
	if ctx.Err() != nil {
		return ctx.Err() // what was cut off is no result
	}
	if err != nil {
		r.Failures = append(r.Failures, err.Error())
	}
	r.Seconds = time.Since(start).Seconds()
	r.forget(b.dir)
	if err := r.write(b.plan.out); err != nil {
		return err
	}
	if len(r.Failures) > 0 {
		return fmt.Errorf("%d failures, the first: %s", len(r.Failures), r.Failures[0])
	}
	b.log.Info("part ends", "part", p.name, "seconds", int(r.Seconds))
	return nil
}

// prepare builds the programs and starts PostgreSQL.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	b.version = describe(ctx)
	b.webhookd = b.plan.binary
	if b.webhookd == "" {
		b.webhookd = filepath.Join(b.dir, "webhookd")
		b.log.Info("build webhookd", "version", b.version)
		if err := build(ctx, b.webhookd, "./cmd/webhookd", "-s -w -X main.version="+b.version); err != nil {
			return err
		}
	}
	b.natsServer = filepath.Join(b.dir, "nats-server")
	b.log.Info("build nats-server")
	if err := build(ctx, b.natsServer, "github.com/nats-io/nats-server/v2", "-s -w"); err != nil {
		return err
	}
	if b.postgres, err = newCluster(ctx, b.dir); err != nil {
		return err
	}
	if b.machine, err = b.describeMachine(ctx); err != nil {
		return errors.Join(err, b.postgres.stop())
	}
	return nil
}

// build builds a program as it is released.
func build(ctx context.Context, to, what, linker string) error {
	_, err := execute(ctx, "go build", program(ctx, "go", "build", "-trimpath", "-ldflags", linker, "-o", to, what))
	return err
}

// describe gives the version of the source.
func describe(ctx context.Context) string {
	out, err := execute(ctx, "git describe", program(ctx, "git", "describe", "--tags", "--always", "--dirty"))
	if err != nil {
		return "unknown"
	}
	return firstLine(out)
}

// name gives a name that was not used before, for a schema or a directory.
func (b *bench) name(kind string) string {
	b.names++
	return fmt.Sprintf("%s_%d", kind, b.names)
}

// room makes a directory.
func (b *bench) room(name string) (string, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	return dir, nil
}
