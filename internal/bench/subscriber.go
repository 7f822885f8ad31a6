package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"webhookd/internal/flow"
	"webhookd/internal/replay/simulate"
)

// subscriber notes when each event reached somebody who listens with core NATS.
type subscriber struct {
	conn *nats.Conn

	mu    sync.Mutex
	heard map[string]time.Time // by id, the first time
}

// eventID is the header with an event's id.
const eventID = "ce-id"

func subscribe(url string) (*subscriber, error) {
	conn, err := nats.Connect(url, nats.Name("bench"))
	if err != nil {
		return nil, fmt.Errorf("connect subscriber: %w", err)
	}
	s := &subscriber{conn: conn, heard: map[string]time.Time{}}
	subscription, err := conn.Subscribe(flow.StreamSubjects, func(message *nats.Msg) {
		now := time.Now()
		id := message.Header.Get(eventID)
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, known := s.heard[id]; !known {
			s.heard[id] = now
		}
	})
	if err == nil {
		err = subscription.SetPendingLimits(-1, -1) // nothing is dropped, however slow we are
	}
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return s, nil
}

// flush waits until everything that was published before has been noted.
func (s *subscriber) flush() error {
	const patience = 10 * time.Second
	if err := s.conn.FlushTimeout(patience); err != nil {
		return fmt.Errorf("flush subscriber: %w", err)
	}
	ended := make(chan struct{})
	s.conn.SetClosedHandler(func(*nats.Conn) { close(ended) })
	if err := s.conn.Drain(); err != nil {
		return fmt.Errorf("drain subscriber: %w", err)
	}
	<-ended
	return nil
}

func (s *subscriber) times() map[string]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

func (s *subscriber) close() { s.conn.Close() }

// hash is the SHA-256 of a body: what the generator's log and the journal both know a webhook by.
type hash [32]byte

// readSent reads from the generator's log when each webhook of the window was sent.
func readSent(path string, warmup, duration time.Duration) (map[hash]time.Time, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read sent webhooks: %w", err)
	}
	defer func() { _ = file.Close() }()
	all := map[hash]time.Time{}
	var first time.Time
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		line, err := simulate.ParseLogged(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("read sent webhooks: %w", err)
		}
		if first.IsZero() || line.Sent.Before(first) {
			first = line.Sent
		}
		all[line.SHA256] = line.Sent
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read sent webhooks: %w", err)
	}
	from, to := first.Add(warmup), first.Add(duration)
	for id, sent := range all {
		if sent.Before(from) || !sent.Before(to) {
			delete(all, id)
		}
	}
	return all, nil
}

// match finds for each event of the sent webhooks when it was heard. Which webhook made which event is in the database:
// a change in the outbox names its journal entry, and that has the hash of the body.
func (r *latencyRound) match(
	ctx context.Context, kept *books, sent map[hash]time.Time, heard map[string]time.Time,
) error {
	rows, err := kept.db.QueryContext(ctx, `
select encode(journal.sha256, 'hex'), event ->> 'uuid'
from journal
     join outbox on outbox.journal_id = journal.id
     cross join json_array_elements(outbox.events::json) as event
where journal.origin = 'pbx'`)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var took simulate.Histogram
	for rows.Next() {
		var body, id string
		if err := rows.Scan(&body, &id); err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		var key hash
		if _, err := hex.Decode(key[:], []byte(body)); err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		at, ours := sent[key]
		if !ours {
			continue
		}
		if received, ok := heard[id]; ok {
			took.Add(received.Sub(at))
		} else {
			r.Missing++
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	r.Events, r.Subscriber = int64(took.Count()), inMS(took.Percentiles()) //nolint:gosec // it is no such large number
	return nil
}
