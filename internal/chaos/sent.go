//go:build unix

package chaos

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strings"

	"webhookd/internal/replay/simulate"
)

// bodyKey is what webhookd knows a webhook by.
type bodyKey struct {
	account string
	sha256  [32]byte
}

// sent is what the sender knows.
type sent struct {
	requests int
	webhooks int                         // different ones that were sent
	taken    map[bodyKey]simulate.Logged // those that were answered 2xx, each with the first such answer
}

// readSent reads the sender's log.
func readSent(path string) (*sent, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read what was sent: %w", err)
	}
	defer func() { _ = file.Close() }()
	s := &sent{taken: map[bodyKey]simulate.Logged{}}
	all := map[bodyKey]bool{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		line, err := simulate.ParseLogged(lines.Text())
		if err != nil {
			return nil, err
		}
		s.requests++
		key := bodyKey{line.Account, line.SHA256}
		all[key] = true
		if line.Status < http.StatusOK || line.Status >= http.StatusMultipleChoices {
			continue
		}
		if first, known := s.taken[key]; !known || line.Answered.Before(first.Answered) {
			s.taken[key] = line
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read what was sent: %w", err)
	}
	s.webhooks = len(all)
	return s, nil
}
