package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A directory that cannot be written to, and a disk that is full, as they are: file systems of the test's own. Whoever may
// mount tries them so; whoever may not has rights to be refused by.
func TestDoctorOnADiskThatTakesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		require.NoError(t, os.Chmod(dir, 0o500))
		t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
		examine(t, nil, "--data-dir", dir).finds("disk_unwritable", "permission denied")
		return
	}
	mount(t, dir, "size=1m,mode=0700")
	d := examine(t, nil, "--data-dir", dir)
	d.finds("disk_full", "free")
	d.finds("disk_memory", "tmpfs")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "all"), make([]byte, 1<<20), 0o600))
	d = examine(t, nil, "--data-dir", dir)
	d.finds("disk_full", "no space left on device")
	require.Equal(t, 1, d.code)

	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	d = examine(t, nil, "--data-dir", dir)
	d.finds("disk_unwritable", "read-only file system")
	require.Equal(t, 1, d.code)

	// Somebody else's directory.
	own := t.TempDir()
	require.NoError(t, os.Chown(own, 65534, 65534))
	examine(t, nil, "--data-dir", own).finds("disk_other_user")
}

func mount(t *testing.T, dir, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		out, again := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput()
		if again != nil {
			t.Skipf("no file system can be mounted here: %v: %s", err, out)
		}
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
}
