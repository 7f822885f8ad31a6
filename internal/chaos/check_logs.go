//go:build unix

package chaos

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// alarms are what no log of webhookd may hold: crashes, and what the race detector says.
var alarms = []string{"panic:", "fatal error:", "DATA RACE"}

// checkLogs: no webhookd tells of a crash.
func checkLogs(paths []string) (Check, error) {
	calm := Check{Name: "lines of webhookd's logs tell of no crash and no data race", Promised: true}
	for _, path := range paths {
		if err := readLog(path, &calm); err != nil {
			return calm, fmt.Errorf("read log: %w", err)
		}
	}
	return calm, nil
}

func readLog(path string, calm *Check) error {
	file, err := os.Open(path)
	if err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	const longest = 16 << 20
	lines.Buffer(nil, longest)
	for lines.Scan() {
		alarm := ""
		for _, one := range alarms {
			if strings.Contains(lines.Text(), one) {
				alarm = one
			}
		}
		const excerpt = 200
		calm.thatf(alarm == "", "%s: %.*s", path, excerpt, lines.Text())
	}
	return lines.Err() //nolint:wrapcheck // the caller does
}
