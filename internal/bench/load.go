package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"webhookd/internal/replay/simulate"
)

// load is what the generator is to send: webhookd simulate, as a process of its own.
type load struct {
	connections      int
	open             int // calls under way at once; 0 is in proportion to the connections
	rate             int // webhooks in a second; 0 is as many as get answered
	duration, warmup time.Duration
	cut              bool // leave open what is open at the end
	log              string
	seed             int
}

// leastOpen is how many calls are under way at least.
const leastOpen = 64

// args are the generator's arguments for a target.
func (l load) args(url string) []string {
	open := l.open
	if open == 0 {
		// No more than it takes: until calls of every age are under way, dialog_create is more frequent than usual.
		open = max(leastOpen, l.connections)
	}
	finish := time.Minute
	if l.cut {
		finish = time.Millisecond
	}
	args := []string{
		"simulate", "--url", url, "--json", "--seed", strconv.Itoa(1 + l.seed),
		"--connections", strconv.Itoa(l.connections), "--open", strconv.Itoa(open),
		"--duration", l.duration.String(), "--warmup", l.warmup.String(), "--finish", finish.String(),
	}
	if l.rate > 0 {
		args = append(args, "--rate", strconv.Itoa(l.rate))
	} else {
		args = append(args, "--max")
	}
	if l.log != "" {
		args = append(args, "--log", l.log)
	}
	return args
}

// sent is what the generator says of its work, and the processor time that it took.
type sent struct {
	simulate.Result

	processor time.Duration
}

// send runs the generator.
func (b *bench) send(ctx context.Context, url string, l load) (sent, error) {
	cmd := program(ctx, b.webhookd, l.args(url)...)
	out, err := execute(ctx, "webhookd simulate", cmd)
	var s sent
	if err != nil && len(out) == 0 {
		return s, err
	}
	if err := json.Unmarshal(out, &s.Result); err != nil {
		return s, fmt.Errorf("read figures of simulate: %w", err)
	}
	s.processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return s, unanswered(s.Result)
}

// unanswered says what is wrong with a load: every webhook has to be taken at its first try.
func unanswered(r simulate.Result) error {
	taken := r.Accepted + r.Ignored
	if taken == r.Requests && r.Statuses[strconv.Itoa(http.StatusOK)] == r.Requests && r.Requests > 0 {
		return nil
	}
	return fmt.Errorf("%d of %d webhooks were not taken at once: statuses %v, %d duplicates",
		r.Requests-taken, r.Requests, r.Statuses, r.Duplicate)
}
