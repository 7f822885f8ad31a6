package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// traced makes records of which every third is traced, as far as it may be.
func traced(from, count int) []Record {
	made := records(from, count)
	for i := range made {
		if n := from + i; n%3 == 0 && made[i].Kind == Webhook {
			made[i].Traceparent = fmt.Sprintf("00-4bf92f3577b34da6a3ce929d0e0e4736-%016x-01", n+1)
		}
	}
	return made
}

func untraced(list []Record) []Record {
	list = slices.Clone(list)
	for i := range list {
		list[i].Traceparent = ""
	}
	return list
}

// beside gives the files of traces in a directory, the oldest first.
func beside(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"+tracesName))
	require.NoError(t, err)
	return found
}

func TestATraceComesOutWithItsRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, told := open(t, dir, nil)
	want := traced(0, 400)
	require.NoError(t, s.Append(want[:1]))
	require.NoError(t, s.Append(want[1:7]))
	for range 2 { // what was not drained comes again, with its trace
		batch, err := s.Read(5, plenty)
		require.NoError(t, err)
		require.Equal(t, want[:5], batch.Records)
	}
	batch, err := s.Read(4, plenty)
	require.NoError(t, err)
	require.NoError(t, s.Drained(batch))
	require.NoError(t, s.Append(want[7:300]))
	batch, err = s.Read(250, plenty)
	require.NoError(t, err)
	require.Equal(t, want[4:254], batch.Records)

	killed, _ := open(t, copyDir(t, dir), nil)
	require.Equal(t, want[4:300], drainAll(t, killed, 7))

	require.NoError(t, s.Drained(batch))
	require.NoError(t, s.Close())
	second, _ := open(t, dir, nil)
	require.NoError(t, second.Append(want[300:]))
	require.Len(t, beside(t, dir), 2)
	var size int64
	for _, file := range append(segments(t, dir), beside(t, dir)...) {
		info, err := os.Stat(file)
		require.NoError(t, err)
		size += info.Size()
	}
	require.Equal(t, size, second.Stats().Bytes, "what a trace takes counts, too")
	require.Equal(t, want[254:], drainAll(t, second, 11))
	require.Empty(t, beside(t, dir), "they go with their segments")
	require.Zero(t, second.Stats().Bytes)
	require.Empty(t, told.all())
}

// The version before is to be able to read what this one writes: a segment is the same, byte for byte, with and without
// traces. testdata/before.spool was written by that version.
func TestSegmentsAreThoseOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	before, err := os.ReadFile("testdata/before.spool")
	require.NoError(t, err)
	want := traced(0, 40)
	require.NotEmpty(t, want[0].Traceparent)
	require.Equal(t, before, segmentOf(fuzzSalt, want))

	dir := t.TempDir()
	name := filepath.Join(dir, fmt.Sprintf(segmentName, 7, uint64(fuzzSalt)))
	require.NoError(t, os.WriteFile(name, before, 0o600))
	s, told := open(t, dir, nil)
	require.Equal(t, untraced(want), drainAll(t, s, 9))
	require.Empty(t, told.all())
	require.Empty(t, segments(t, dir))
}

func TestWithoutTracesThereIsNoFileOfThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	odd := record(0)
	odd.Traceparent = "no traceparent"
	refused := record(2)
	require.Equal(t, Refused, refused.Kind)
	refused.Traceparent = traced(0, 1)[0].Traceparent
	require.NoError(t, s.Append([]Record{record(1), odd, refused}))
	require.Empty(t, beside(t, dir))
	odd.Traceparent, refused.Traceparent = "", ""
	require.Equal(t, []Record{record(1), odd, refused}, drainAll(t, s, 9))
}

// A version that knows no traces drains the segment and leaves the file; so does a crash between the two.
func TestTracesWithoutTheirSegmentAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	require.NoError(t, s.Append(traced(0, 10)))
	require.NoError(t, s.Close())
	require.NoError(t, os.Remove(segments(t, dir)[0]))
	foreign := filepath.Join(dir, "my"+tracesName)
	require.NoError(t, os.WriteFile(foreign, nil, 0o600))
	_, told := open(t, dir, nil)
	require.Equal(t, []string{foreign}, beside(t, dir), "what is not the spool's is left alone")
	require.Empty(t, told.all())
}

// Whatever becomes of the file of traces, the records come, and no trace comes to another one.
func TestDamagedTracesCostNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	want := traced(0, 60)
	require.NoError(t, s.Append(want))
	require.NoError(t, s.Close())
	name := filepath.Base(beside(t, dir)[0])
	whole, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.Greater(t, len(whole), 10*entrySize)
	zeros := bytes.Clone(whole)
	clear(zeros[2*entrySize : 5*entrySize])
	other := bytes.Clone(whole)
	copy(other[3*entrySize:], whole[6*entrySize:7*entrySize]) // out of order
	for kind, data := range map[string][]byte{
		"gone": nil, "empty": {}, "cut off": whole[:3*entrySize+20], "zeros in it": zeros, "out of order": other,
		"noise": bytes.Repeat([]byte("noise"), 999),
	} {
		torn := copyDir(t, dir)
		if data == nil {
			require.NoError(t, os.Remove(filepath.Join(torn, name)))
		} else {
			require.NoError(t, os.WriteFile(filepath.Join(torn, name), data, 0o600))
		}
		again, told := open(t, torn, nil)
		got := drainAll(t, again, 13)
		require.Equal(t, untraced(want), untraced(got), kind)
		kept := 0
		for i := range got {
			if got[i].Traceparent != "" {
				require.Equal(t, want[i].Traceparent, got[i].Traceparent, kind)
				kept++
			}
		}
		switch kind {
		case "cut off":
			require.Equal(t, 3, kept)
		case "zeros in it":
			require.Equal(t, len(whole)/entrySize-3, kept)
		case "out of order":
			require.Greater(t, kept, 3)
		default:
			require.Zero(t, kept)
		}
		require.Empty(t, told.all(), kind)
		require.Empty(t, beside(t, torn), kind)
		require.NoError(t, again.Close())
	}
}

// A disk that has no room for traces takes webhooks all the same.
func TestTracesThatCannotBeWrittenCostNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := &failing{}
	s, told := open(t, dir, func(c *Config) {
		c.create = func(path string) (file, error) {
			if strings.HasSuffix(path, tracesName) {
				return disk.open(path)
			}
			return createFile(path)
		}
	})
	want := traced(0, 60)
	disk.set(func(f *failing) { f.create = errors.New("no room") })
	require.NoError(t, s.Append(want[:10]))
	disk.set(func(f *failing) { f.mend(); f.write, f.partial = errors.New("no room"), 30 })
	require.NoError(t, s.Append(want[10:20]))
	disk.set((*failing).mend)
	require.NoError(t, s.Append(want[20:]))
	require.Equal(t, append(untraced(want[:20]), want[20:]...), drainAll(t, s, 7))
	require.Empty(t, told.all())
	require.Zero(t, s.Stats().Errors)
}

// Whatever is in a file of traces, reading it ends, and what comes out stands in it.
func FuzzTraces(f *testing.F) {
	want := traced(0, 9)
	whole := segmentOf(fuzzSalt, want)
	_, offsets, _ := scanAll(bytes.NewReader(whole), fuzzSalt, int64(len(whole)))
	var good []byte
	for i := range want {
		good = want[i].appendTrace(good, fuzzSalt, offsets[i])
	}
	f.Add(good)
	f.Add(good[entrySize:])
	f.Add(good[:len(good)-1])
	f.Add(append(bytes.Clone(good), good...))
	f.Add(bytes.Repeat([]byte{0xff}, 3*entrySize))
	f.Fuzz(func(t *testing.T, data []byte) {
		found := untraced(want)
		reading := traces{source: bytes.NewReader(data), salt: fuzzSalt}
		reading.recall(found, offsets, int64(len(data)))
		require.Equal(t, untraced(want), untraced(found))
		for i := range found {
			if found[i].Traceparent != "" {
				entry := found[i].appendTrace(nil, fuzzSalt, offsets[i])
				require.Contains(t, string(data), string(entry), "a trace was invented")
			}
		}
	})
}
