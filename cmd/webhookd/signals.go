package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// onSignal gives a context that is done when the process is asked to end (SIGINT, SIGTERM). Asked a second time, the
// process ends at once, whatever it is doing.
func onSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	asked := make(chan os.Signal, 2)
	signal.Notify(asked, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-asked
		cancel()
		<-asked
		_, _ = os.Stderr.WriteString("webhookd: asked a second time to stop: ending at once\n")
		os.Exit(exitFailure)
	}()
	return ctx, func() {
		signal.Stop(asked)
		cancel()
	}
}

// reloads gives the SIGHUPs that come from now on; one that comes before anybody looks must not end the process.
func reloads() chan os.Signal {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGHUP)
	return asked
}

// onReload calls reload for each of the signals, until stop, which waits for the one that runs.
func onReload(asked chan os.Signal, reload func()) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range asked {
			reload()
		}
	}()
	return func() {
		signal.Stop(asked)
		close(asked)
		<-done
	}
}
