package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"webhookd/internal/config"
	"webhookd/internal/local"
	"webhookd/internal/replay"
)

// replayFlags are the flags of the replay command.
type replayFlags struct {
	url, account, header, secret, speed string
	connections                         int
}

func newReplay(proc process) *cobra.Command {
	var flags replayFlags
	command := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Send recorded webhooks to a running webhookd",
		Long: "replay posts the webhooks of NDJSON files, one file after another; - is standard input. A line is the bare body\n" +
			"of a webhook, paced by event_time, or a recorded request, paced by received_at:\n\n" +
			`  {"received_at": "2026-01-15T10:00:00.25Z", "account": "default", "headers": {"X-A": "b"}, "body": {…}}` + "\n\n" +
			"body may be a text, for what was no JSON, and body_base64 stands in its place for what was no UTF-8; account and\n" +
			"headers may be left out. What is busy (429, 502, 503, 504, a broken connection) is asked again, up to six times.\n\n" +
			"Without --url it sends to the address that webhookd is set up to listen on, with the first of its secrets.",
		Args: func(_ *cobra.Command, files []string) error {
			if len(files) == 0 {
				return &usageError{"replay needs a file, or - for standard input"}
			}
			return nil
		},
	}
	set := addConfigFlag(command, proc)
	command.Flags().StringVar(&flags.url, "url", "", "`URL` of the service (default: where it is set up to listen)")
	command.Flags().StringVar(&flags.account, "account", "",
		"`account` that webhooks are sent for whose line names none (default: default)")
	command.Flags().StringVar(&flags.header, "header", "", "`name` of the header for the secret (default: webhook_header)")
	command.Flags().StringVar(&flags.secret, "secret", "", "shared `secret` to send")
	command.Flags().StringVar(&flags.speed, "speed", "max", "`speed`: 1x as it happened, 10x ten times faster, max without waiting")
	command.Flags().IntVar(&flags.connections, "connections", 1,
		"`number` of requests under way at once; above 1, only the webhooks of one dialog keep their order")
	command.RunE = func(command *cobra.Command, files []string) error {
		options, err := flags.options(set)
		if err != nil {
			return err
		}
		return replayFiles(command.Context(), proc, options, files)
	}
	return command
}

func (f replayFlags) options(set *setup) (replay.Options, error) {
	cfg, err := set.load()
	if err != nil {
		return replay.Options{}, err
	}
	speed, err := replay.ParseSpeed(f.speed)
	if err != nil {
		return replay.Options{}, &usageError{"--speed: " + err.Error()}
	}
	const most = 10_000
	if f.connections < 1 || f.connections > most {
		return replay.Options{}, &usageError{fmt.Sprintf("--connections: %d is not from 1 to %d", f.connections, most)}
	}
	options := replay.Options{
		URL:         f.url,
		Account:     f.account,
		Header:      f.header,
		Secret:      f.secret,
		Speed:       speed,
		Connections: f.connections,
	}
	if options.Header == "" {
		options.Header = cfg.WebhookHeader
	}
	if options.URL == "" {
		options.URL = local.URL(cfg)
		if options.TLS, err = local.Trust(cfg); err != nil {
			return replay.Options{}, cannotBegin(err)
		}
		// A secret of this machine's set-up goes to this machine's service only.
		if options.Secret == "" {
			options.Secret = firstSecret(cfg)
		}
	}
	return options, nil
}

func firstSecret(cfg config.Config) string {
	if len(cfg.WebhookSecrets) == 0 {
		return ""
	}
	return cfg.WebhookSecrets[0].Reveal()
}

func replayFiles(ctx context.Context, proc process, options replay.Options, files []string) error {
	shown := newProgress(proc, files)
	options.Report = shown.report
	player, err := replay.New(options)
	if err != nil {
		return &usageError{"--url: " + err.Error()}
	}
	start := time.Now()
	for _, name := range files {
		if err = replayFile(ctx, proc, player, name); err != nil {
			break
		}
	}
	shown.finish()
	counts, took := player.Counts(), time.Since(start)
	if counts.Total() > 0 || err == nil {
		_, _ = fmt.Fprintf(proc.out, "%s in %s (%.0f/s)\n", counts, took.Round(time.Millisecond),
			float64(counts.Total())/max(took.Seconds(), time.Microsecond.Seconds()))
	}
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return errors.New("replay stopped before its end")
	case err != nil:
		return err
	case counts.Failed+counts.Refused > 0:
		return &saidError{}
	}
	return nil
}

func replayFile(ctx context.Context, proc process, player *replay.Player, name string) error {
	if name == "-" {
		return player.Play(ctx, proc.in, "standard input")
	}
	file, err := openFile(name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return player.Play(ctx, file, name)
}

func openFile(name string) (*os.File, error) {
	file, err := os.Open(name)
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return nil, &usageError{"cannot read " + name + ": " + path.Err.Error()}
	}
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	return file, nil
}
