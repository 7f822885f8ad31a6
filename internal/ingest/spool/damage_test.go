package spool

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// filled makes a spool of one segment and gives its directory, the segment's name and its bytes.
func filled(t *testing.T, want []Record) (dir, name string, data []byte) {
	t.Helper()
	dir = t.TempDir()
	s, _ := open(t, dir, nil)
	require.NoError(t, s.Append(want[:len(want)/2]))
	require.NoError(t, s.Append(want[len(want)/2:]))
	require.NoError(t, s.Close())
	found := segments(t, dir)
	require.Len(t, found, 1)
	data, err := os.ReadFile(found[0])
	require.NoError(t, err)
	return dir, filepath.Base(found[0]), data
}

// with makes a spool directory of one segment.
func with(t *testing.T, name string, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	return dir
}

// offsets gives where the frames of a segment are.
func frameOffsets(t *testing.T, name string, data []byte) []int64 {
	t.Helper()
	_, salt, _, ok := parseSegmentName(name)
	require.True(t, ok)
	_, offsets, damage := scanAll(bytes.NewReader(data), salt, int64(len(data)))
	require.Empty(t, damage)
	return offsets
}

// A crash may cut the last write short at any byte: what is before it is whole, and nothing is an alarm.
func TestATornTailIsCutOff(t *testing.T) {
	t.Parallel()
	want := records(0, 6)
	_, name, data := filled(t, want)
	offsets := frameOffsets(t, name, data)
	for kept := range want {
		end := int64(len(data))
		if kept+1 < len(offsets) {
			end = offsets[kept+1]
		}
		for cut := offsets[kept]; cut < end; cut++ {
			if kept < len(want)-2 && cut%5 != 0 {
				continue // every offset of the last two, some of the others
			}
			dir := with(t, name, data[:cut])
			s, told := open(t, dir, nil)
			require.EqualValues(t, kept, s.Stats().Records)
			info, err := os.Stat(filepath.Join(dir, name))
			require.NoError(t, err)
			require.Equal(t, offsets[kept], info.Size())
			more := records(100, 2)
			require.NoError(t, s.Append(more))
			require.Equal(t, append(records(0, kept), more...), drainAll(t, s, 4), "cut at %d", cut)
			require.Empty(t, told.all())
			require.Empty(t, segments(t, dir))
			require.NoError(t, s.Close())
		}
	}
}

// The first write of a file may be cut short, too, and a power failure may leave zeros.
func TestAFileThatWasJustBegun(t *testing.T) {
	t.Parallel()
	_, name, data := filled(t, records(0, 4))
	offsets := frameOffsets(t, name, data)
	for cut := range offsets[0] {
		s, told := open(t, with(t, name, data[:cut]), nil)
		require.Empty(t, drainAll(t, s, 4))
		require.Empty(t, told.all(), "cut at %d", cut)
	}
	for _, zeros := range []int{1, 12, 16, 17, 5000, 300 << 10} {
		dir := with(t, name, make([]byte, zeros))
		s, told := open(t, dir, nil)
		require.Empty(t, drainAll(t, s, 4))
		require.Empty(t, told.all())
		require.Empty(t, segments(t, dir))

		s, told = open(t, with(t, name, append(bytes.Clone(data), make([]byte, zeros)...)), nil)
		require.Equal(t, records(0, 4), drainAll(t, s, 4))
		require.Empty(t, told.all())
	}
}

// Damage that no crash leaves is told, everything around it is drained, and the file is kept.
func TestDamageInTheMiddleIsTold(t *testing.T) {
	t.Parallel()
	want := records(0, 12)
	_, name, data := filled(t, want)
	offsets := append(frameOffsets(t, name, data), int64(len(data)))
	for hit := range want {
		for _, at := range []int64{offsets[hit], offsets[hit] + 5, offsets[hit] + 9, offsets[hit+1] - 1} {
			if hit == len(want)-1 && at == offsets[hit]+5 {
				continue // a length that goes beyond the end is what a crash leaves
			}
			broken := bytes.Clone(data)
			broken[at] ^= 0x40
			dir := with(t, name, broken)
			s, told := open(t, dir, nil)
			require.NotEmpty(t, told.all(), "at the start already")
			require.EqualValues(t, 1, s.Stats().Damaged)
			got := drainAll(t, s, 5)
			require.Equal(t, append(records(0, hit), want[hit+1:]...), got)
			require.Empty(t, segments(t, dir))
			kept, err := os.ReadFile(filepath.Join(dir, name+setAsideName))
			require.NoError(t, err)
			require.Equal(t, broken, kept, "the file is set aside as it is")
			require.EqualValues(t, 1, s.Stats().Damaged)
			require.NoError(t, s.Close())

			// Somebody mends it and gives it its name back: all of it is drained.
			s, told = open(t, dir, nil)
			require.NotEmpty(t, told.all(), "it still lies there")
			require.EqualValues(t, 1, s.Stats().Damaged)
			require.NoError(t, s.Append(records(200, 1)))
			require.NoError(t, s.Close())
			require.NoError(t, os.Remove(filepath.Join(dir, name+setAsideName)))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
			s, told = open(t, dir, nil)
			require.Equal(t, append(records(0, 12), record(200)), drainAll(t, s, 5))
			require.Empty(t, told.all())
			require.NoError(t, s.Close())
		}
	}
}

func TestADamagedHeadLosesNoRecord(t *testing.T) {
	t.Parallel()
	want := records(0, 5)
	_, name, data := filled(t, want)
	data[3] = 'X'
	dir := with(t, name, data)
	s, told := open(t, dir, nil)
	require.Len(t, told.all(), 1)
	require.Equal(t, want, drainAll(t, s, 5))
	require.FileExists(t, filepath.Join(dir, name+setAsideName))
}

// An older file that ends early was whole once: no crash explains it.
func TestAnOlderFileThatEndsEarlyIsDamaged(t *testing.T) {
	t.Parallel()
	dir, name, data := filled(t, records(0, 6))
	s, _ := open(t, dir, nil)
	require.NoError(t, s.Append(records(6, 2)))
	require.NoError(t, s.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), data[:len(data)-3], 0o600))
	s, told := open(t, dir, nil)
	require.Len(t, told.all(), 1)
	require.Equal(t, append(records(0, 5), records(6, 2)...), drainAll(t, s, 100))
	require.FileExists(t, filepath.Join(dir, name+setAsideName))
}

// Damage that appears while the spool is open is noticed when it is read.
func TestDamageThatComesLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, told := open(t, dir, nil)
	want := records(0, 6)
	require.NoError(t, s.Append(want))
	name := segments(t, dir)[0]
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	offsets := frameOffsets(t, filepath.Base(name), data)
	data[offsets[2]+15]++
	require.NoError(t, os.WriteFile(name, data, 0o600))
	require.Equal(t, append(records(0, 2), want[3:]...), drainAll(t, s, 2))
	require.Len(t, told.all(), 2, "found, and set aside")
	require.FileExists(t, name+setAsideName)
	require.Zero(t, s.Stats().Records)

	require.NoError(t, s.Append(want))
	require.NoError(t, os.Remove(segments(t, dir)[0]))
	require.NoError(t, s.Append(want[:1]), "it goes into the file that has lost its name")
	require.Empty(t, drainAll(t, s, 100))
	require.Len(t, told.all(), 3)
	require.NoError(t, s.Append(want))
	require.Equal(t, want, drainAll(t, s, 100))
}

func TestWhatCannotBePutAnywhereIsKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _ := open(t, dir, nil)
	require.NoError(t, s.Append(records(0, 3)))
	name := segments(t, dir)[0]
	batch, err := s.Read(3, plenty)
	require.NoError(t, err)
	s.Keep(batch)
	require.NoError(t, s.Drained(batch))
	require.FileExists(t, name+setAsideName)
}
