package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"
)

const (
	outboxChannel = "webhookd_outbox" // its payload is the schema's name and that of the Store that wrote

	// How long a listener waits before it connects again.
	minReconnect = 100 * time.Millisecond
	maxReconnect = 2 * time.Second
)

// Wake implements [store.Outbox]. Commits of this instance come through the process, those of others as notifications
// on a connection of its own. The first value comes when that connection listens, and one more whenever it was broken
// and listens again: something may have been missed until then.
func (s *Store) Wake(ctx context.Context) (<-chan struct{}, error) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(s.open, cancel)
	rung, wake, stop := s.bell.Listen()
	end := func() {
		unhook()
		cancel()
		stop()
	}
	if err := s.spawn(func() {
		defer end()
		s.listen(ctx, wake, stop)
	}); err != nil {
		end()
		return nil, fmt.Errorf("listen for commits: %w", err)
	}
	return rung, nil
}

// listen wakes at notifications until ctx ends.
func (s *Store) listen(ctx context.Context, wake, stop func()) {
	listener := pq.NewDialListener(dialer{}, s.dsn, minReconnect, maxReconnect, nil)
	// Closing makes Listen return and ends the channel of notifications. It may wait for an attempt to connect, so the
	// reader is let go first.
	closed := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		defer close(closed)
		stop()
		_ = listener.Close()
	})
	defer func() {
		if unhook() {
			stop()
			_ = listener.Close()
		} else {
			<-closed
		}
		for range listener.Notify { // it must be emptied for the listener's goroutine to end
		}
	}()
	for listener.Listen(outboxChannel) != nil {
		select { // a server that cannot be listened to, such as a standby
		case <-ctx.Done():
			return
		case <-time.After(maxReconnect):
		}
	}
	wake()
	var schema string
	for {
		select {
		case <-ctx.Done():
			return
		case note, open := <-listener.Notify:
			if !open {
				return
			}
			if note == nil { // it was disconnected
				s.tail.Doubt()
				wake()
				continue
			}
			if schema == "" {
				// Until it is known, every installation's commit wakes.
				_ = s.read(ctx, "read schema name", &schema, `select current_schema()`)
			}
			of, by, _ := strings.Cut(note.Extra, " ")
			if by != s.name && (schema == "" || of == schema) {
				s.tail.Doubt()
				wake()
			}
		}
	}
}
