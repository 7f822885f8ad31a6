package main

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// service is a running webhookd, or a reference in its place.
type service struct {
	url     string // http://127.0.0.1:…
	process *process
}

// settleDelay is shorter than the default, so that calls are settled within a round of seconds as they are within a
// minute of real traffic. It changes when that work is done, not how much of it there is.
const settleDelay = "1s"

// serving is the line with which webhookd and the references say where they are.
type serving struct {
	Message string `json:"msg"`
	HTTP    string `json:"http"`
}

// startService starts a program that says in its log where it serves.
func startService(ctx context.Context, name string, cmd *exec.Cmd) (*service, error) {
	started, err := startProcess(ctx, name, cmd)
	if err != nil {
		return nil, err
	}
	s := &service{process: started}
	err = started.await(ctx, func(line string) bool {
		var said serving
		if json.Unmarshal([]byte(line), &said) != nil || said.Message != "serving" || said.HTTP == "" {
			return false
		}
		s.url = "http://" + said.HTTP
		return true
	})
	if err != nil {
		_ = s.stop()
		return nil, err
	}
	return s, nil
}

// serveArgs are the arguments of webhookd serve for a database ("" is the embedded one) and a NATS server ("" as well).
func (b *bench) serveArgs(listen, dir, databaseURL, natsURL string) []string {
	args := []string{
		"serve", "--listen", listen, "--data-dir", filepath.Join(dir, "data"), "--log-format", "json",
		"--settle-delay", settleDelay,
	}
	if databaseURL != "" {
		args = append(args, "--database-url", databaseURL)
	}
	if natsURL != "" {
		args = append(args, "--nats-url", natsURL)
	} else {
		args = append(args, "--nats-listen", "127.0.0.1:0")
	}
	return append(args, b.plan.serve...)
}

func (b *bench) startWebhookd(ctx context.Context, dir, databaseURL, natsURL string) (*service, error) {
	return startService(ctx, "webhookd", resident(ctx, b.webhookd, b.serveArgs("127.0.0.1:0", dir, databaseURL, natsURL)...))
}

func (s *service) stop() error { return s.process.stop(syscall.SIGTERM) }

// complaints are what a service logged as warnings or errors, a few of them.
func (s *service) complaints() []string {
	const most = 3
	var found []string
	for line := range strings.SplitSeq(s.process.output.text(), "\n") {
		var said struct {
			Level   string `json:"level"`
			Message string `json:"msg"`
			Error   string `json:"error"`
		}
		if json.Unmarshal([]byte(line), &said) != nil || said.Level != "WARN" && said.Level != "ERROR" {
			continue
		}
		if len(found) == most {
			return append(found, "…")
		}
		found = append(found, strings.TrimSuffix(said.Message+": "+said.Error, ": "))
	}
	return found
}
