package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/replay/simulate"
)

func TestSimulatedCallsAreThereAfterwards(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir())
	log := filepath.Join(t.TempDir(), "sent")
	r := start(t, nil, "simulate", "--url", "http://"+s.HTTP, "--max", "--calls", "40", "--mix", "inbound=1,outbound=1",
		"--run", "7", "--connections", "8", "--open", "20", "--log", log, "--json")
	require.Zero(t, r.wait(), r.stderr.text())
	var result simulate.Result
	require.NoError(t, json.Unmarshal([]byte(r.stdout.text()), &result))
	assert.EqualValues(t, 40, result.Finished)
	assert.Equal(t, result.Happened, result.Accepted)
	var page struct {
		Calls []struct {
			State string `json:"state"`
		} `json:"calls"`
	}
	status, body := do(t, "GET", "http://"+s.HTTP+"/v1/calls?limit=100", "")
	require.Equal(t, 200, status, body)
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	require.Len(t, page.Calls, 40)
	for _, call := range page.Calls {
		require.Equal(t, "ended", call.State)
	}
	lines, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.Equal(t, int(result.Requests)+1, strings.Count(string(lines), "\n"))
}

func TestSimulateSaysWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for problem, args := range map[string][]string{
		"exclude each other":        {"--rate", "3", "--max"},
		"--loss: 2 is not":          {"--loss", "2"},
		"--rate: 0 is not":          {"--rate", "0"},
		"--calls: -1 is not":        {"--calls", "-1"},
		"--mix: \"x\" is no kind":   {"--mix", "x"},
		"--speed: \"x\" is no":      {"--speed", "x"},
		"need a rate":               {"--max", "--speed", "10x"},
		"--url: ":                   {"--url", "http://192.0.2.1"},
		"--i-own-this-server":       {"--url", "http://192.0.2.1"},
		"--connections: 0 is not":   {"--connections", "0"},
		"--log: open ":              {"--log", filepath.Join(t.TempDir(), "no", "such", "directory")},
		"--duration: -1s is not":    {"--duration", "-1s"},
		"nothing answers there: co": {"--url", "http://127.0.0.1:1", "--calls", "1"},
	} {
		r := start(t, nil, append([]string{"simulate"}, args...)...)
		require.Equal(t, exitUsage, r.wait(), args)
		require.Contains(t, r.stderr.text(), problem)
		require.Equal(t, 1, strings.Count(r.stderr.text(), "\n"))
		require.Empty(t, r.stdout.text())
	}
}
