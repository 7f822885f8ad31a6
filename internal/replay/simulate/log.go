package simulate

import (
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// LogHeader is the first line of a log. Each line after it is one request that was sent: its fields, separated by tabs,
// are
//
//   - the account, or - for the service's default;
//   - the SHA-256 of the body, in hex;
//   - the status of the answer, 0 if there was none;
//   - when the request was sent and when the answer was there (or was given up), in microseconds since 1970, UTC;
//   - which try of the webhook it was, from 1;
//   - the event_name.
//
// Lines are in no order. A webhook that was sent again has a line for each time.
const LogHeader = "# webhookd simulate: account, sha256, status, sent_us, answered_us, try, event_name"

// Logged is a line of a log.
type Logged struct {
	Account  string // "" for the service's default
	SHA256   [32]byte
	Status   int
	Sent     time.Time
	Answered time.Time
	Try      int
	Event    string
}

const logFields = 7

// ParseLogged reads a line as [LogHeader] describes it.
func ParseLogged(line string) (Logged, error) {
	fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
	if len(fields) != logFields {
		return Logged{}, fmt.Errorf("read log: a line has %d fields, not %d", len(fields), logFields)
	}
	l := Logged{Account: strings.TrimPrefix(fields[0], noAccount), Event: fields[6]}
	if n, err := hex.Decode(l.SHA256[:], []byte(fields[1])); err != nil || n != len(l.SHA256) {
		return Logged{}, fmt.Errorf("read log: %q is no SHA-256", fields[1])
	}
	numbers := [4]int64{}
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.ParseInt(fields[2+i], 10, 64); err != nil {
			return Logged{}, fmt.Errorf("read log: %w", err)
		}
	}
	l.Status, l.Try = int(numbers[0]), int(numbers[3])
	l.Sent, l.Answered = time.UnixMicro(numbers[1]).UTC(), time.UnixMicro(numbers[2]).UTC()
	return l, nil
}

const noAccount = "-"

// append appends the line.
func (l *Logged) append(dst []byte) []byte {
	account := l.Account
	if account == "" {
		account = noAccount
	}
	dst = append(dst, account...)
	dst = append(dst, '\t')
	dst = hex.AppendEncode(dst, l.SHA256[:])
	for _, n := range [...]int64{int64(l.Status), l.Sent.UnixMicro(), l.Answered.UnixMicro(), int64(l.Try)} {
		dst = append(dst, '\t')
		dst = strconv.AppendInt(dst, n, 10)
	}
	dst = append(dst, '\t')
	dst = append(dst, l.Event...)
	return append(dst, '\n')
}

// journal writes the lines of several workers to one place.
type journal struct {
	mu  sync.Mutex
	out io.Writer // nil: no log is kept
	err error
}

// logChunk is how much a worker collects before it writes.
const logChunk = 32 << 10

func (j *journal) write(lines []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.out.Write(lines); err != nil && j.err == nil {
		j.err = fmt.Errorf("write log: %w", err)
	}
}

func (j *journal) failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}
