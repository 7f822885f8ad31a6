package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// result is what a part found: the raw output, of which the document is made.
type result struct {
	Part     string    `json:"part"`
	Date     time.Time `json:"date"`
	Command  string    `json:"command"`
	Short    bool      `json:"short"`
	Version  string    `json:"version"`
	Seconds  float64   `json:"seconds"`
	Machine  machine   `json:"machine"`
	Postgres []setting `json:"postgres"`
	Failures []string  `json:"failures,omitempty"`

	Rounds    []round        `json:"rounds,omitempty"`
	Latencies []latencyRound `json:"latencies,omitempty"`
	Stored    []storedRound  `json:"stored,omitempty"`
	Loads     []loadedCalls  `json:"loads,omitempty"`
	Open      []openRound    `json:"open,omitempty"`
	Reads     []readFigures  `json:"reads,omitempty"`
	Rebuilds  []rebuildRound `json:"rebuilds,omitempty"`
	Starts    []startRound   `json:"starts,omitempty"`
}

// fail notes a failure; the part goes on.
func (r *result) fail(err error) { r.Failures = append(r.Failures, err.Error()) }

// rawDir is where the results are, below the directory of the document.
const rawDir = "benchmarks/raw"

func rawFile(out, part string) string {
	return filepath.Join(out, filepath.FromSlash(rawDir), part+".json")
}

// forget leaves out where something was on this machine.
func (r *result) forget(dir string) {
	without := func(text string) string { return strings.ReplaceAll(text, dir, "…") }
	for i := range r.Failures {
		r.Failures[i] = without(r.Failures[i])
	}
	for _, one := range r.roundsIn() {
		one.Failed = without(one.Failed)
		for i := range one.Warnings {
			one.Warnings[i] = without(one.Warnings[i])
		}
	}
}

// roundsIn gives every round of whatever kind.
func (r *result) roundsIn() []*round {
	all := make([]*round, 0, len(r.Rounds)+len(r.Latencies)+len(r.Stored)+len(r.Open))
	for i := range r.Rounds {
		all = append(all, &r.Rounds[i])
	}
	for i := range r.Latencies {
		all = append(all, &r.Latencies[i].round)
	}
	for i := range r.Stored {
		all = append(all, &r.Stored[i].round)
	}
	for i := range r.Open {
		all = append(all, &r.Open[i].round)
	}
	return all
}

// write keeps the result; an earlier one of the same part goes.
func (r *result) write(out string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("encode result: %w", err)
	}
	path := rawFile(out, r.Part)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // it is for everybody
		return fmt.Errorf("write result: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil { //nolint:gosec // it is for everybody
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// readResult gives the kept result of a part, nil if there is none.
func readResult(out, part string) (*result, error) {
	text, err := os.ReadFile(rawFile(out, part))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // none is no error
	}
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read result of %s: %w", part, err)
	}
	return &r, nil
}
