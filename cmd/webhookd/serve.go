package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"webhookd/internal/app"
	"webhookd/internal/config"
)

func newServe(proc process) *cobra.Command {
	var demo string
	command := &cobra.Command{
		Use:   "serve",
		Short: "Take webhooks, serve calls, publish events",
		Long: "serve runs the service until SIGINT or SIGTERM; then it takes nothing more, finishes what it took, and ends\n" +
			"within stop_timeout. A second signal ends it at once. docs/configuration.md explains every key.",
		Args: cobra.NoArgs,
	}
	flags := addSetupFlags(command, proc)
	command.Flags().StringVar(&demo, "demo", "",
		"if nothing was ever received, post the webhooks of this NDJSON `file`, and print the events that they make")
	command.RunE = func(command *cobra.Command, _ []string) error {
		cfg, err := flags.load()
		if err != nil {
			return err
		}
		return serve(command.Context(), proc, cfg, demo)
	}
	return command
}

func serve(ctx context.Context, proc process, cfg config.Config, demoFile string) error {
	collectLess()
	log := newLogger(cfg, proc.err)
	for _, warning := range cfg.Warnings() {
		log.Warn("set-up is weak", "warning", warning)
	}
	hangups := reloads()
	service, err := app.New(ctx, cfg, app.Options{Logger: log, Version: readBuild().Version})
	if err != nil {
		return cannotBegin(err)
	}
	if err := service.Start(ctx); err != nil {
		return errors.Join(cannotBegin(err), stop(proc, service, cfg.StopTimeout))
	}
	where := []any{versionName, readBuild().Version, "http", service.Addr(), "nats", service.NATSURL()}
	if cfg.InternalListen != "" {
		where = append(where, "internal", service.InternalURL())
	}
	if url := service.WebSocketURL(); url != "" {
		where = append(where, "nats_websocket", url)
	}
	log.Info("serving", where...)
	tellManager(log, daemon.SdNotifyReady)
	if demoFile != "" {
		showing, cancel := context.WithCancel(ctx)
		shown := make(chan struct{})
		go func() {
			defer close(shown)
			newDemo(proc, cfg, service, demoFile).run(showing)
		}()
		defer func() { cancel(); <-shown }()
	}
	stopReloading := onReload(hangups, func() {
		if err := service.Reload(ctx); err != nil {
			log.Error("handlers are not reloaded", "error", err)
		}
	})
	defer stopReloading()
	failure := wait(ctx, service, log)
	tellManager(log, stopTakes(cfg.StopTimeout))
	return errors.Join(failure, stop(proc, service, cfg.StopTimeout))
}

// runner is what serve needs of the app.
type runner interface {
	Failed() <-chan error
	Stop(ctx context.Context) error
}

// wait waits until the process is asked to end, or the service cannot go on.
func wait(ctx context.Context, service runner, log *slog.Logger) error {
	select {
	case <-ctx.Done():
		log.Info("stopping")
		return nil
	case err := <-service.Failed():
		return fmt.Errorf("service failed: %w", err)
	}
}

// grace is what a stop may take beyond its timeout, for the clean-ups that noticed it to return.
const grace = time.Second

// stop ends the service within its timeout. A stop that hangs all the same is cut off: the watchdog ends the process.
func stop(proc process, service runner, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	watchdog := time.AfterFunc(timeout+grace, func() {
		_, _ = fmt.Fprintf(proc.err, "webhookd: the stop did not finish within %s: ending by force\n", timeout)
		proc.exit(exitFailure)
	})
	defer watchdog.Stop()
	if err := service.Stop(ctx); err != nil {
		return fmt.Errorf("stop service: %w", err)
	}
	return nil
}
