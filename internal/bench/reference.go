package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/httpapi"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
)

// The references run as processes of this program, behind the same door as webhookd.
const (
	serveLimit = "serve-limit"
	servePlain = "serve-plain"
)

// limitIntake reads a webhook and answers: what nothing that decodes JSON behind this door can go beyond.
type limitIntake struct{}

// Submit implements [httpapi.Intake].
func (limitIntake) Submit(_ context.Context, _ string, body []byte) (ingest.Answer, error) {
	webhook, err := dialog.Decode(body)
	if err != nil {
		return ingest.Answer{}, fmt.Errorf("decode webhook: %w", err)
	}
	if webhook.Kind == dialog.Other {
		return ingest.Answer{Result: ingest.Ignored, JournalID: 1}, nil
	}
	return ingest.Answer{
		Result: ingest.Accepted, JournalID: 1, DialogUUID: webhook.DialogUUID, CallUUID: webhook.DialogUUID,
	}, nil
}

// CloseCall implements [httpapi.Intake].
func (limitIntake) CloseCall(context.Context, store.Key) (int, error) { return 0, store.ErrNotFound }

// plainIntake is what one would write first: the same decoding, the same engine and the same store, a transaction for
// each webhook, and in it a statement for each thing that is read or written. It publishes nothing and settles nothing,
// which is to its advantage.
type plainIntake struct {
	limitIntake

	store  store.Store
	engine *ingest.Engine
}

// Submit implements [httpapi.Intake].
func (p *plainIntake) Submit(ctx context.Context, account string, body []byte) (ingest.Answer, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	webhook, err := dialog.Decode(body)
	if err != nil {
		return ingest.Answer{}, fmt.Errorf("decode webhook: %w", err)
	}
	piece := ingest.NewPiece(account, now, &webhook, body)
	err = p.store.Write(ctx, func(tx store.Tx) error {
		return p.engine.Apply(ctx, plainTx{tx}, now, []*ingest.Piece{piece})
	})
	switch {
	case err != nil:
		return ingest.Answer{}, fmt.Errorf("commit webhook: %w", err)
	case piece.Entry.Duplicate:
		return ingest.Answer{Result: ingest.Duplicate}, nil
	case piece.Entry.Ignored:
		return ingest.Answer{Result: ingest.Ignored, JournalID: piece.Entry.ID}, nil
	default:
		return ingest.Answer{
			Result: ingest.Accepted, JournalID: piece.Entry.ID, DialogUUID: piece.Entry.DialogUUID, CallUUID: piece.CallUUID,
		}, nil
	}
}

// plainTx goes without what saves questions to the database.
type plainTx struct{ store.Tx }

// Turn implements [store.Tx]: what was read before is not relied on.
func (plainTx) Turn() (own, before string) { return "", "nobody" }

// Keep implements [store.Tx].
func (t plainTx) Keep(ctx context.Context, changes store.Changes) error {
	for _, write := range []func() error{
		func() error { return t.PutLegs(ctx, changes.Legs) },
		func() error { return t.PutCalls(ctx, changes.Calls) },
		func() error { return t.AppendOutbox(ctx, changes.Outbox) },
		func() error { return t.PutDue(ctx, changes.PutDue) },
		func() error { return t.DropDue(ctx, changes.DropDue) },
	} {
		if err := write(); err != nil {
			return fmt.Errorf("write changes: %w", err)
		}
	}
	return nil
}

// runLimit serves the limit until ctx ends.
func runLimit(ctx context.Context, log io.Writer) error {
	return serveReference(ctx, log, limitIntake{}, nil)
}

// runPlain serves one transaction per webhook until ctx ends; its argument is the database's URL.
func runPlain(ctx context.Context, log io.Writer, args []string) (err error) {
	if len(args) != 1 {
		return errors.New(servePlain + " takes the URL of a database")
	}
	if err := postgres.Migrate(ctx, args[0]); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	opened, err := postgres.Open(ctx, postgres.Config{URL: args[0], Now: time.Now})
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	const settle, ring, call = 10 * time.Second, 10 * time.Minute, 4 * time.Hour
	return serveReference(ctx, log, &plainIntake{store: opened, engine: &ingest.Engine{
		Rules: correlate.DefaultRules(), SettleDelay: settle, RingLimit: ring, CallLimit: call,
	}}, opened)
}

// serveReference opens webhookd's own door for an intake.
func serveReference(ctx context.Context, out io.Writer, intake httpapi.Intake, reader httpapi.Reader) error {
	log := slog.New(slog.NewJSONHandler(out, nil))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for http: %w", err)
	}
	server := httpapi.New(httpapi.Config{Intake: intake, Reader: reader, Logger: log, Version: "bench"})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	log.Info("serving", "http", listener.Addr().String())
	select {
	case err := <-served:
		return fmt.Errorf("serve reference: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	return errors.Join(server.Shutdown(stopping), <-served)
}
