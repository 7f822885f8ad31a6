package spool

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A batch that could not be brought to disk is not kept, and what was kept before it is not touched.
func TestAFailedBatchIsNotKept(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*failing){
		"fsync fails":                func(f *failing) { f.sync = syscall.EIO },
		"the disk is full":           func(f *failing) { f.write, f.partial = syscall.ENOSPC, 100 },
		"the disk is read-only":      func(f *failing) { f.write, f.create = syscall.EROFS, syscall.EROFS },
		"it cannot even be undone":   func(f *failing) { f.sync, f.truncate = syscall.EIO, syscall.EIO },
		"full, and cannot be undone": func(f *failing) { f.write, f.partial, f.truncate = syscall.ENOSPC, 50, syscall.EIO },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, disk := t.TempDir(), &failing{}
			s, _ := open(t, dir, func(c *Config) { c.create = disk.open })
			want := records(0, 30)
			require.NoError(t, s.Append(want[:10]))
			require.NoError(t, s.Append(want[10:20]))
			first := segments(t, dir)
			disk.set(fail)
			for range 3 {
				require.Error(t, s.Append(records(500, 5)))
			}
			require.Error(t, s.Check())
			require.EqualValues(t, 3, s.Stats().Errors)
			require.EqualValues(t, 20, s.Stats().Records)
			require.Equal(t, first, segments(t, dir), "nothing is left of the tries")

			killed, _ := open(t, copyDir(t, dir), nil)
			require.Equal(t, want[:20], drainAll(t, killed, 100)[:20])

			disk.set((*failing).mend)
			require.NoError(t, s.Check())
			require.NoError(t, s.Append(want[20:]))
			require.Len(t, segments(t, dir), 2, "the file that failed is not trusted again")
			require.Equal(t, want, drainAll(t, s, 7))
			require.Empty(t, segments(t, dir))
		})
	}
}

// While the disk takes nothing, what is in the spool can still be drained.
func TestAFullDiskCanBeDrained(t *testing.T) {
	t.Parallel()
	dir, disk := t.TempDir(), &failing{}
	s, _ := open(t, dir, func(c *Config) { c.create = disk.open })
	require.NoError(t, s.Append(records(0, 20)))
	disk.set(func(f *failing) { f.write = syscall.ENOSPC })
	require.Error(t, s.Append(records(20, 1)))
	require.Equal(t, records(0, 20), drainAll(t, s, 6))
	require.Empty(t, segments(t, dir))
}

// The real thing: a file system of one megabyte. It takes the right to mount one.
func TestARealDiskThatIsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := mountTiny(dir, 1<<20); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unmount(dir)) })
	s, told := open(t, dir, nil)
	for n := 0; ; n += 10 {
		err := s.Append(records(n, 10))
		if err != nil {
			require.ErrorIs(t, err, syscall.ENOSPC)
			break
		}
		require.Less(t, n, 100000)
	}
	require.ErrorIs(t, s.Append(records(0, 10)), syscall.ENOSPC)
	require.ErrorIs(t, s.Check(), syscall.ENOSPC)
	require.NoError(t, s.Close())
	_, err := Open(Config{Dir: dir, Limit: plenty})
	require.ErrorIs(t, err, syscall.ENOSPC, "a full disk is said at the start")

	filler := segments(t, dir)[0]
	data, err := os.ReadFile(filler)
	require.NoError(t, err)
	require.NotEmpty(t, data)
	require.NoError(t, remountReadOnly(dir))
	_, err = Open(Config{Dir: dir, Limit: plenty})
	require.ErrorIs(t, err, syscall.EROFS, "so is one that is read-only")
	require.Empty(t, told.all())
}
