package checkup

import (
	"io/fs"
	"os"
	"os/user"
	"syscall"
)

// kinds are the file systems that matter, by the numbers of statfs(2).
var kinds = map[uint32]string{
	0x01021994: "tmpfs", 0x858458f6: "ramfs", 0x6969: "nfs", 0xff534d42: "cifs", 0xfe534d42: "smb2", 0x517b: "smb",
	0x01021997: "9p", 0x00c36400: "ceph",
}

// room says how much room there is where a directory is, and what kind of file system that is.
func room(dir string) (free, total uint64, kind string) {
	var stat syscall.Statfs_t
	if syscall.Statfs(dir, &stat) != nil || stat.Bsize <= 0 {
		return 0, 0, ""
	}
	block := uint64(stat.Bsize)
	return stat.Bavail * block, stat.Blocks * block, kinds[uint32(stat.Type)] //nolint:gosec // the numbers have 32 bits
}

// stranger names the owner of a directory if that is not root, and this is root.
func stranger(info fs.FileInfo) string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || stat.Uid == 0 {
		return ""
	}
	return ownerName(stat.Uid, func(id string) (string, error) {
		found, err := user.LookupId(id)
		if err != nil {
			return "", err //nolint:wrapcheck // it is not told
		}
		return found.Username, nil
	})
}

// openFiles is how many files this process may have open. Go has raised it to the hard limit already, as it will for the
// service.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return limit.Cur
}
