package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/replay/simulate"
)

func TestThePlanIsRead(t *testing.T) {
	t.Parallel()
	p, err := parsePlan([]string{"-only", "latency,throughput", "-rates", "5, 50", "-rounds", "2"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, []string{partThroughput, partLatency}, p.parts)
	require.Equal(t, []int{5, 50}, p.rates)
	require.Equal(t, 2, p.rounds)
	require.Equal(t, fullPlan().connections, p.connections)
	require.Equal(t, "bench -only latency,throughput -rates 5, 50 -rounds 2", p.command)
	short, err := parsePlan([]string{"-short"}, io.Discard)
	require.NoError(t, err)
	require.True(t, short.short)
	require.Equal(t, shortPlan().stored, short.stored)
	for _, args := range [][]string{
		{"-only", "throughputs"}, {"-rates", "0"}, {"-rates", "many"}, {"-rounds", "0"}, {"further"}, {"-warmup", "1h"},
	} {
		_, err := parsePlan(args, io.Discard)
		require.Error(t, err, args)
	}
}

// In every template all that tells one call from another is marked, and replacing the marks gives another call.
func TestTemplatesCanBeMultiplied(t *testing.T) {
	t.Parallel()
	kinds, err := simulate.ParseMix(templateMix)
	require.NoError(t, err)
	generator := simulate.NewGenerator(simulate.Plan{Seed: 1, Run: 1, Mix: kinds, Accounts: 1})
	now := time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
	dialogs, bodies := map[string]int{}, map[string]bool{}
	for number := range templates {
		closed := false
		for _, body := range template(generator, number, now) {
			webhook, err := dialog.Decode(body)
			require.NoError(t, err, "%s", body)
			require.True(t, strings.HasSuffix(webhook.DialogUUID, uuidMark), "%s", body)
			owner, known := dialogs[webhook.DialogUUID]
			require.True(t, !known || owner == number, "a dialog of two templates")
			dialogs[webhook.DialogUUID] = number
			closed = closed || webhook.EventName == "dialog_close"
			require.Equal(t, len(uuidText.FindAll(body, -1)), bytes.Count(body, []byte(uuidMark)))
			for _, found := range mobile.FindAll(body, -1) {
				require.Equal(t, "4850"+numberMark, string(found[:8]), "%s", body)
			}
			copied := bytes.ReplaceAll(body, []byte(uuidMark), []byte("00000000002a"))
			copied = bytes.ReplaceAll(copied, []byte("50"+numberMark), []byte("500042"))
			again, err := dialog.Decode(copied)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSuffix(webhook.DialogUUID, uuidMark)+"00000000002a", again.DialogUUID)
			require.Len(t, copied, len(body))
			bodies[string(body)] = true
		}
		require.Equal(t, number >= openTemplates, closed)
	}
	require.Greater(t, len(bodies), templates*5)
}

func TestAResultDoesNotTellWhoseMachineItIs(t *testing.T) {
	t.Parallel()
	r := &result{
		Failures:  []string{"open /tmp/x1/data: no such file"},
		Latencies: []latencyRound{{round: round{Failed: "/tmp/x1", Warnings: []string{"slow disk below /tmp/x1"}}}},
	}
	r.forget("/tmp/x1")
	require.Equal(t, []string{"open …/data: no such file"}, r.Failures)
	require.Equal(t, "…", r.Latencies[0].Failed)
	require.Equal(t, []string{"slow disk below …"}, r.Latencies[0].Warnings)
	p, err := parsePlan([]string{"-webhookd", "/home/me/webhookd", "-short", "-dir", "/mnt/mine"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "bench -short", p.command)
}

func TestRebuildsWordsAreRead(t *testing.T) {
	t.Parallel()
	r, err := parseRebuilt("1234 calls derived from 56789 journal entries in 2.5s (22715/s): 0 differences, 0 events put " +
		"into the outbox\n")
	require.NoError(t, err)
	require.Equal(t, rebuildRound{Calls: 1234, Entries: 56789, Rate: 22715}, r)
	_, err = parseRebuilt("nothing of the kind")
	require.Error(t, err)
}

func TestProcessorTimeIsRead(t *testing.T) {
	t.Parallel()
	pid, parent, spent, err := parseStat("42 (a b) c) S 7 42 42 0 -1 4194304 1 2 3 4 100 20 3 1 20 0 1 0 5 6 7")
	require.NoError(t, err)
	require.Equal(t, []int{42, 7}, []int{pid, parent})
	require.Equal(t, 124*tick, spent)
	_, err = readUsage(map[string]int{"this": os.Getpid()})
	require.NoError(t, err)
	family := tree{
		spent:    map[int]time.Duration{1: 1, 2: 10, 3: 100, 4: 1000},
		children: map[int][]int{1: {2, 4}, 2: {3}},
	}
	require.EqualValues(t, 110, family.time(2))
}

func TestALoadThatIsNotTakenIsAFailure(t *testing.T) {
	t.Parallel()
	good := simulate.Result{Requests: 10, Accepted: 9, Ignored: 1, Statuses: map[string]int64{"200": 10}}
	require.NoError(t, unanswered(good))
	for _, spoil := range []func(*simulate.Result){
		func(r *simulate.Result) { r.Accepted = 8 },
		func(r *simulate.Result) { r.Requests = 0; r.Accepted, r.Ignored = 0, 0 },
		func(r *simulate.Result) { r.Accepted, r.Duplicate = 8, 1 },
		func(r *simulate.Result) { r.Statuses = map[string]int64{"200": 9, "503": 1} },
	} {
		bad := good
		spoil(&bad)
		require.Error(t, unanswered(bad))
	}
}

func TestAProcessIsAwaitedAndStopped(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p, err := startProcess(ctx, "sleeper", exec.Command("sh", "-c", "echo getting; echo ready; exec sleep 60"))
	require.NoError(t, err)
	require.NoError(t, p.await(ctx, func(line string) bool { return line == "ready" }))
	require.NoError(t, p.stop(syscall.SIGTERM))
	require.NoError(t, p.stop(syscall.SIGTERM), "again")

	p, err = startProcess(ctx, "failing", exec.Command("sh", "-c", "echo no way >&2; exit 3"))
	require.NoError(t, err)
	err = p.await(ctx, func(string) bool { return false })
	require.ErrorContains(t, err, "no way")
	require.ErrorContains(t, err, "exit status 3")

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = startProcess(canceled, "late", exec.Command("true"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestTheWindowOfALogIsRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sent")
	line := func(id byte, at string) string {
		return "-\t" + strings.Repeat(string(id), 64) + "\t200\t" + at + "\t9000000\t1\tdialog_create\n"
	}
	require.NoError(t, os.WriteFile(path, []byte(simulate.LogHeader+"\n"+
		line('b', "3000000")+line('a', "1000000")+line('c', "2999999")+line('d', "6000000")), 0o600))
	found, err := readSent(path, 2*time.Second, 5*time.Second)
	require.NoError(t, err)
	require.Len(t, found, 1)
	for id, sent := range found {
		require.Equal(t, byte(0xbb), id[0])
		require.Equal(t, time.UnixMicro(3_000_000).UTC(), sent)
	}
}
