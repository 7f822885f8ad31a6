package spool

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatGoesInComesOutInOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, told := open(t, dir, nil)
	want := records(0, 100)
	require.NoError(t, s.Append(want[:1]))
	require.NoError(t, s.Append(nil))
	require.NoError(t, s.Append(want[1:60]))
	stats := s.Stats()
	require.EqualValues(t, 60, stats.Records)
	require.Equal(t, want[0].ReceivedAt, stats.Oldest)

	batch, err := s.Read(25, plenty)
	require.NoError(t, err)
	require.Equal(t, want[:25], batch.Records)
	again, err := s.Read(10, plenty)
	require.NoError(t, err)
	require.Equal(t, want[:10], again.Records, "what was not drained comes again")
	require.NoError(t, s.Drained(batch))
	require.Equal(t, want[25].ReceivedAt, s.Stats().Oldest)
	require.EqualValues(t, 35, s.Stats().Records)

	require.NoError(t, s.Append(want[60:])) // while it drains
	require.Equal(t, want[25:], drainAll(t, s, 7))
	require.Empty(t, segments(t, dir), "what is drained is removed")
	stats = s.Stats()
	require.Equal(t, Stats{Appended: 100, Drained: 100}, stats)

	require.NoError(t, s.Append(want[:3]))
	require.Equal(t, want[:3], drainAll(t, s, 1))
	require.Empty(t, told.all())
}

func TestABatchIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	s, _ := open(t, t.TempDir(), nil)
	large := Record{Kind: Webhook, Account: "a", ReceivedAt: record(0).ReceivedAt, Body: make([]byte, 1<<20)}
	require.NoError(t, s.Append([]Record{large, large, large}))
	batch, err := s.Read(256, 1<<20)
	require.NoError(t, err)
	require.Len(t, batch.Records, 1)
	require.Equal(t, []Record{large, large, large}, drainAll(t, s, 256))
}

func TestARestartGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, _ := open(t, dir, nil)
	want := records(0, 40)
	require.NoError(t, first.Append(want[:20]))
	batch, err := first.Read(8, plenty)
	require.NoError(t, err)
	require.NoError(t, first.Drained(batch))
	require.NoError(t, first.Append(want[20:30]))
	require.NoError(t, first.Close())
	require.ErrorIs(t, first.Append(want), ErrClosed)
	_, err = first.Read(1, 1)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, first.Check(), ErrClosed)

	second, told := open(t, dir, nil)
	require.EqualValues(t, 22, second.Stats().Records)
	require.Equal(t, want[8].ReceivedAt, second.Stats().Oldest)
	require.NoError(t, second.Append(want[30:]))
	require.Len(t, segments(t, dir), 2, "a file that was found is not appended to")
	require.Equal(t, want[8:], drainAll(t, second, 5))
	require.Empty(t, segments(t, dir))
	require.Empty(t, told.all())
}

// A kill at any moment: what is on disk then is a spool, and at most the batch that was being drained comes again.
func TestAKillAtAnyMomentLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir, func(c *Config) { c.Limit = 20 * minSegmentSize })
	const count, size = 3000, 50
	want := records(0, count)
	drained := 0
	for n := 0; n < count; n += 100 {
		require.NoError(t, s.Append(want[n:n+100]))
		for range 1 + n%2 {
			batch, err := s.Read(size, plenty)
			require.NoError(t, err)
			if n%700 == 0 {
				killed, told := open(t, copyDir(t, dir), nil) // in the middle of a batch
				require.Equal(t, want[drained:n+100], drainAll(t, killed, 999))
				require.Empty(t, told.all())
			}
			require.NoError(t, s.Drained(batch))
			drained += len(batch.Records)
		}
	}
	require.Greater(t, len(segments(t, dir)), 3, "the test is about several files")
	killed, _ := open(t, copyDir(t, dir), nil)
	require.Equal(t, want[drained:], drainAll(t, killed, 100))

	// Without its position, or with one that is torn, everything that is still there comes again.
	forgetful := copyDir(t, dir)
	require.NoError(t, os.WriteFile(filepath.Join(forgetful, positionName), []byte("garbage that is longer than one slot of thirty-two bytes"), 0o600))
	killed, _ = open(t, forgetful, nil)
	all := drainAll(t, killed, 100)
	require.Equal(t, want[drained:], all[len(all)-(count-drained):])
}

func TestOneOfTheTwoPositionsIsEnough(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	want := records(0, 20)
	require.NoError(t, s.Append(want))
	for range 2 {
		batch, err := s.Read(5, plenty)
		require.NoError(t, err)
		require.NoError(t, s.Drained(batch))
	}
	for slot, from := range map[int]int{0: 5, 1: 10} { // the second one was written to slot 0
		torn := copyDir(t, dir)
		path := filepath.Join(torn, positionName)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		copy(data[slot*slotSize:], "torn")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		killed, _ := open(t, torn, nil)
		require.Equal(t, want[from:], drainAll(t, killed, 100))
	}
}

func TestTheLimitIsKept(t *testing.T) {
	t.Parallel()
	s, _ := open(t, t.TempDir(), func(c *Config) { c.Limit = 300 << 10 })
	body := bytes.Repeat([]byte("x"), 10<<10)
	one := []Record{{Kind: Webhook, Account: "a", ReceivedAt: time.Unix(1, 0).UTC(), Body: body}}
	kept := 0
	for {
		err := s.Append(one)
		if err != nil {
			require.ErrorIs(t, err, ErrFull)
			break
		}
		require.NoError(t, s.Check())
		kept++
	}
	require.Equal(t, 29, kept)
	require.LessOrEqual(t, s.Stats().Bytes, int64(300<<10))
	require.ErrorIs(t, s.Check(), ErrFull)
	require.EqualValues(t, 1, s.Stats().Errors)

	// Room is made by whole files.
	batch, err := s.Read(10, plenty)
	require.NoError(t, err)
	require.NoError(t, s.Drained(batch))
	require.NoError(t, s.Check())
	require.NoError(t, s.Append(one))
	require.Len(t, drainAll(t, s, 100), kept-len(batch.Records)+1)
}

func TestTwoProcessesDoNotShareADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	_, err := Open(Config{Dir: dir, Limit: plenty})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, dir)
	require.NoError(t, s.Close())
	open(t, dir, nil)
}

func TestADirectoryThatCannotBeWrittenToIsSaidAtTheStart(t *testing.T) {
	t.Parallel()
	below := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(below, nil, 0o600))
	_, err := Open(Config{Dir: filepath.Join(below, "spool"), Limit: plenty})
	var path *fs.PathError
	require.ErrorAs(t, err, &path)
	require.ErrorContains(t, err, "make spool directory")

	dir := t.TempDir()
	for name, fail := range map[string]func(*failing){
		"read-only": func(f *failing) { f.create = fs.ErrPermission },
		"full":      func(f *failing) { f.write, f.partial = fs.ErrInvalid, 17 },
		"no fsync":  func(f *failing) { f.sync = fs.ErrInvalid },
	} {
		disk := &failing{}
		fail(disk)
		_, err := Open(Config{Dir: dir, Limit: plenty, create: disk.open})
		require.ErrorContains(t, err, "write to spool directory "+dir, name)
	}
	open(t, dir, nil) // nothing is left locked
}

func TestAppendAndDrainAtOnce(t *testing.T) {
	t.Parallel()
	s, _ := open(t, t.TempDir(), func(c *Config) { c.Limit = 200 * minSegmentSize })
	const writers, each = 4, 200
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for n := range each {
				r := record(n)
				r.Account = string(rune('a' + w))
				if err := s.Append([]Record{r}); err != nil {
					t.Error(err)
				}
				s.Stats()
			}
		})
	}
	ended := make(chan struct{})
	go func() { writing.Wait(); close(ended) }()
	next := map[string]int{}
	total := 0
	for last := false; ; {
		batch, err := s.Read(16, plenty)
		require.NoError(t, err)
		for _, r := range batch.Records {
			require.Equal(t, record(next[r.Account]).Body, r.Body, "the order of each writer is kept")
			next[r.Account]++
			total++
		}
		if len(batch.Records) > 0 {
			require.NoError(t, s.Drained(batch))
			continue
		}
		if last {
			break
		}
		select {
		case <-ended:
			last = true
		default:
		}
	}
	require.Equal(t, writers*each, total)
	require.Zero(t, s.Stats().Records)
	require.Zero(t, s.Stats().Bytes)
}
