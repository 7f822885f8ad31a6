package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"webhookd/internal/config"
	"webhookd/internal/local"
	"webhookd/internal/replay"
)

// demo shows a newcomer the whole way of a call: it posts a recorded one over HTTP as a PBX would, and prints the
// events as an ordinary NATS subscriber sees them. It uses nothing that any other client could not.
type demo struct {
	out     io.Writer
	config  config.Config
	service demonstrated
	file    string
	url     string // of the HTTP API
	calls   []string
}

// demonstrated is what a demo needs to know of the service.
type demonstrated interface {
	InternalURL() string
	NATSURL() string
	Empty(ctx context.Context) (bool, error)
}

func newDemo(proc process, cfg config.Config, service demonstrated, file string) *demo {
	return &demo{out: proc.out, config: cfg, service: service, file: file, url: service.InternalURL()}
}

// run shows the call and what to try next. A demo that fails says so and leaves the service alone.
func (d *demo) run(ctx context.Context) {
	empty, err := d.service.Empty(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case err == nil && empty:
		d.printf("\nNothing was received yet, so here is a recorded call (%s), ten times as fast as it was.\n"+
			"Its last event, call_settled, comes %s after its end.\n\n", d.file, d.config.SettleDelay)
		err = d.show(ctx)
	case err == nil:
		d.printf("\nThere are calls already (under %s), so the recorded call was not sent.\n", d.config.DataDir)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		d.printf("\nThe demonstration failed: %s\n", oneLine(err.Error()))
	}
	d.suggest()
}

// show feeds the call in and prints its events until every call that began is settled.
func (d *demo) show(ctx context.Context) error {
	source, err := local.NATS(d.config, d.service.NATSURL())
	if err != nil {
		return err
	}
	login, err := source.Login()
	if err != nil {
		return fmt.Errorf("connect to nats: %w", err)
	}
	conn, err := nats.Connect(source.URL, append(login, nats.Name("webhookd demo"))...)
	if err != nil {
		return fmt.Errorf("connect to nats: %w", err)
	}
	defer conn.Close()
	const plenty = 1024
	events := make(chan *nats.Msg, plenty)
	if _, err := conn.ChanSubscribe("flow.trigger.>", events); err != nil {
		return fmt.Errorf("subscribe to events: %w", err)
	}
	// From here on, the server knows of the subscription.
	if err := conn.FlushTimeout(reachTimeout); err != nil {
		return fmt.Errorf("subscribe to events: %w", err)
	}
	sent := make(chan error, 1)
	go func() { sent <- d.send(ctx) }()
	return d.print(ctx, events, sent)
}

func (d *demo) send(ctx context.Context) error {
	file, err := openFile(d.file)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	trust, err := local.Trust(d.config)
	if err != nil {
		return err
	}
	const tenTimes = 10
	player, err := replay.New(replay.Options{
		URL:    d.url,
		Header: d.config.WebhookHeader,
		Secret: firstSecret(d.config),
		TLS:    trust,
		Speed:  tenTimes,
	})
	if err != nil {
		return err
	}
	if err := player.Play(ctx, file, d.file); err != nil {
		return err
	}
	if counts := player.Counts(); counts.Failed+counts.Refused > 0 {
		return fmt.Errorf("send recording: %s", counts)
	}
	return nil
}

func (d *demo) print(ctx context.Context, events <-chan *nats.Msg, sent <-chan error) error {
	const patience = 10 * time.Second
	quiet := time.NewTimer(d.config.SettleDelay + patience)
	defer quiet.Stop()
	open := map[string]bool{}
	for sent != nil || len(open) > 0 || len(d.calls) == 0 {
		select {
		case msg := <-events:
			quiet.Reset(d.config.SettleDelay + patience)
			read, err := readEvent(msg.Data)
			if err != nil {
				return err
			}
			d.printf("%s\n", read.line())
			d.follow(read, open)
		case err := <-sent:
			if err != nil {
				return err
			}
			sent = nil
		case <-quiet.C:
			return fmt.Errorf("no event for %s", d.config.SettleDelay+patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (d *demo) follow(read event, open map[string]bool) {
	call := read.EventData.Call.CallUUID
	if read.Type == typeSettled {
		delete(open, call)
		d.calls = append(d.calls, call)
		return
	}
	open[call] = true
}

func (d *demo) suggest() {
	d.printf("\nThe service goes on. Try next, in another terminal:\n\n")
	path := "/v1/calls"
	if len(d.calls) > 0 {
		path += "/" + d.calls[0]
	}
	d.printf("  curl %s%s\n", d.url, path)
	tail := os.Args[0] + " tail --all"
	if d.service.NATSURL() != "nats://"+config.Default().NATSListen {
		tail += " --nats-url " + d.service.NATSURL()
	}
	d.printf("  %s\n", tail)
	d.printf("  nats --server %s subscribe 'flow.trigger.>'    # or any other NATS client\n\n", d.service.NATSURL())
}

func (d *demo) printf(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format, args...) }
