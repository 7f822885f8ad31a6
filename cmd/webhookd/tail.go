package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"webhookd/internal/config"
	"webhookd/internal/local"
	"webhookd/internal/natsbus"
)

// tailFlags are the flags of the tail command.
type tailFlags struct {
	url    string
	asJSON bool
	all    bool
	count  int
}

func newTail(proc process) *cobra.Command {
	var flags tailFlags
	command := &cobra.Command{
		Use:   "tail",
		Short: "Print the published events as they come",
		Long: "tail reads the stream FLOW_TRIGGERS and prints every event, until it is stopped. Without --nats-url it asks the\n" +
			"NATS that webhookd is set up with: the cluster, or the embedded server of a webhookd on this machine.",
		Args: cobra.NoArgs,
	}
	set := addConfigFlag(command, proc)
	command.Flags().StringVar(&flags.url, "nats-url", "", "`URLs` of the NATS servers (default: as webhookd is set up)")
	command.Flags().BoolVar(&flags.asJSON, "json", false, "print each event's JSON, one to a line")
	command.Flags().BoolVar(&flags.all, "all", false, "begin with the oldest event that the stream has")
	command.Flags().IntVar(&flags.count, "count", 0, "end after this `number` of events; 0 goes on")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := set.load()
		if err != nil {
			return err
		}
		source := natsbus.Config{URL: flags.url}
		if flags.url == "" {
			if source, err = local.NATS(cfg, ""); err != nil {
				return cannotBegin(err)
			}
		}
		return tail(command.Context(), proc, source, flags)
	}
	return command
}

const reachTimeout = 5 * time.Second

func tail(ctx context.Context, proc process, source natsbus.Config, flags tailFlags) (err error) {
	log := slog.New(slog.NewTextHandler(proc.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	source.Name, source.Logger = "webhookd tail", log
	bus, err := natsbus.Open(ctx, source)
	if err != nil {
		return cannotBegin(err)
	}
	defer func() { err = errors.Join(err, bus.Close()) }()
	select {
	case <-bus.Up():
	case <-time.After(reachTimeout):
		return &beginError{fmt.Errorf("nothing answers at %s, or it does not let us in", config.NewURL(source.URL))}
	case <-ctx.Done():
		return nil
	}
	from, printed := natsbus.FromNew, 0
	if flags.all {
		from = natsbus.FromAll
	}
	err = bus.Tail(ctx, from, func(received natsbus.Received) error {
		if err := printEvent(proc.out, received.Body, flags.asJSON); err != nil {
			return err
		}
		printed++
		if printed == flags.count {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("tail events: %w", err)
	}
	return nil
}

var errEnough = errors.New("enough events")

func printEvent(w io.Writer, body []byte, asJSON bool) error {
	line := bytes.TrimSpace(body)
	if !asJSON {
		read, err := readEvent(body)
		if err != nil {
			return err
		}
		line = []byte(read.line())
	}
	// One write a line, so that lines stay whole in a pipe.
	if _, err := w.Write(append(slices.Clip(line), '\n')); err != nil {
		return fmt.Errorf("print event: %w", err)
	}
	return nil
}
