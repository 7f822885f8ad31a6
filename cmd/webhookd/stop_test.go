package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// standIn is a service whose stop takes as long as it is told, and that may not notice its deadline.
type standIn struct {
	failed chan error
	takes  time.Duration
	deaf   bool
}

func (s standIn) Failed() <-chan error { return s.failed }

func (s standIn) Stop(ctx context.Context) error {
	timer := time.NewTimer(s.takes)
	defer timer.Stop()
	if s.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func TestAStopIsBounded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		service standIn
		exit    int
		took    time.Duration
		fails   bool
	}{
		"in time":            {service: standIn{takes: 5 * time.Second}, exit: -1, took: 5 * time.Second},
		"cut off":            {service: standIn{takes: time.Hour}, exit: -1, took: 20 * time.Second, fails: true},
		"ended by the watch": {service: standIn{takes: time.Hour, deaf: true}, exit: exitFailure, took: 21 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var said bytes.Buffer
				exited := make(chan int, 1)
				proc := process{err: &said, exit: func(code int) { exited <- code }}
				stopped := make(chan error, 1)
				begun := time.Now()
				go func() { stopped <- stop(proc, tt.service, 20*time.Second) }()
				var took time.Duration
				select {
				case err := <-stopped:
					took = time.Since(begun)
					require.Equal(t, -1, tt.exit)
					require.Equal(t, tt.fails, err != nil)
					require.Empty(t, said.String())
				case code := <-exited:
					took = time.Since(begun)
					<-stopped // a real process would be gone
					require.Equal(t, tt.exit, code)
					require.Equal(t, "webhookd: the stop did not finish within 20s: ending by force\n", said.String())
				}
				require.Equal(t, tt.took, took)
			})
		})
	}
}

func TestAServiceThatFailsEndsTheWait(t *testing.T) {
	t.Parallel()
	service := standIn{failed: make(chan error, 1)}
	service.failed <- errors.New("the disk is gone")
	err := wait(t.Context(), service, slog.New(slog.DiscardHandler))
	require.EqualError(t, err, "service failed: the disk is gone")
	require.Equal(t, exitFailure, exitCode(err))
}
