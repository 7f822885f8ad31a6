package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"
)

// startRound is one start of webhookd.
type startRound struct {
	System  string  `json:"system"`
	First   bool    `json:"first"`    // on nothing: the database's schema and the streams are made
	ReadyMS float64 `json:"ready_ms"` // until GET /readyz is 200 and everything is there
	Failed  string  `json:"failed,omitempty"`
}

// start starts webhookd again and again: on nothing, and on what the start before left, with some calls in it.
func (b *bench) start(ctx context.Context, into *result) error {
	for range b.plan.starts {
		for _, name := range []string{systemPostgres, systemSQLite} {
			rounds, err := b.startTwice(ctx, name)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				into.fail(fmt.Errorf("start on %s: %w", name, err))
			}
			for _, r := range rounds {
				b.log.Info("start", "system", name, "first", r.First, "ready_ms", r.ReadyMS)
				into.Starts = append(into.Starts, r)
			}
		}
	}
	return nil
}

// startTwice starts webhookd on nothing, has it take some calls, and starts it again. With Postgres an external
// nats-server is there already; the embedded database goes with the embedded NATS.
func (b *bench) startTwice(ctx context.Context, name string) (rounds []startRound, err error) {
	lender := &system{processes: map[string]int{}}
	defer func() { err = errors.Join(err, lender.stop()) }()
	dir, err := b.lendDirectory(lender, name)
	if err != nil {
		return nil, err
	}
	var databaseURL string
	if name == systemPostgres {
		schema, err := b.lendSchema(ctx, lender)
		if err != nil {
			return nil, err
		}
		databaseURL = b.postgres.url(schema)
		if err := b.addBroker(ctx, lender); err != nil {
			return nil, err
		}
	}
	for _, first := range []bool{true, false} {
		r := startRound{System: name, First: first}
		took, err := b.startOnce(ctx, dir, databaseURL, lender.natsURL, first)
		r.ReadyMS = milliseconds(took)
		if err != nil {
			r.Failed = err.Error()
			return append(rounds, r), err
		}
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// startOnce measures one start, and lets the service take some calls if asked to.
func (b *bench) startOnce(
	ctx context.Context, dir, databaseURL, natsURL string, fill bool,
) (took time.Duration, err error) {
	port, err := freePort(ctx)
	if err != nil {
		return 0, err
	}
	cmd := resident(ctx, b.webhookd, b.serveArgs("127.0.0.1:"+port, dir, databaseURL, natsURL)...)
	begun := time.Now()
	started, err := startProcess(ctx, "webhookd", cmd)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, started.stop(syscall.SIGTERM)) }()
	url := "http://127.0.0.1:" + port
	if err := ready(ctx, started, url); err != nil {
		return 0, err
	}
	took = time.Since(begun)
	if fill {
		const connections = 16
		_, err = b.send(ctx, url, load{connections: connections, duration: second})
	}
	return took, err
}

// ready asks until everything is there.
func ready(ctx context.Context, started *process, url string) error {
	const look = time.Millisecond
	client := &http.Client{Timeout: second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.Now().Add(startPatience)
	for time.Now().Before(deadline) {
		select {
		case <-started.ended:
			return started.failed()
		default:
		}
		if isReady(ctx, client, url) {
			return nil
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	return fmt.Errorf("webhookd is not ready after %s: %s", startPatience, started.output.last())
}

func isReady(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	var said struct {
		Status string `json:"status"`
	}
	return json.NewDecoder(response.Body).Decode(&said) == nil && response.StatusCode == http.StatusOK &&
		said.Status == "ready"
}
