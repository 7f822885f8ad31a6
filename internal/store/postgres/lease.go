package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"webhookd/internal/store"
)

// The lease's connection is asked every leasePing whether it lives, and is given up when leaseAnswer passes without a
// word. Together they bound how long a leader can think that it leads after its lock is gone.
const (
	leasePing   = 2 * time.Second
	leaseAnswer = 3 * time.Second
)

// lease holds leadership: a session's advisory lock on a connection of its own.
type lease struct {
	db   *sqlx.DB // of one connection
	own  *Store
	conn *sql.Conn
	lost chan struct{}
	stop context.CancelFunc
	done chan struct{} // the watcher has ended, the connection is closed

	once     sync.Once
	released chan struct{}
	err      error // of Release
}

// Lead implements [store.Outbox].
func (s *Store) Lead(ctx context.Context) (store.Lease, error) {
	if s.open.Err() != nil { // or it would find its own lease of a moment ago still there
		return nil, fmt.Errorf("take lead: %w: %w", store.ErrUnavailable, errClosed)
	}
	db, _, err := openDB(s.dsn, leaseAnswer)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("take lead: %w", classify(ctx, err))
	}
	var leads bool
	if err := conn.QueryRowContext(ctx, `select pg_try_advisory_lock(`+leadLock+`)`).Scan(&leads); err != nil {
		_, _ = conn.Close(), db.Close()
		return nil, fmt.Errorf("take lead: %w", classify(ctx, err))
	}
	if !leads {
		_, _ = conn.Close(), db.Close()
		return nil, fmt.Errorf("take lead: %w", store.ErrLeaderElsewhere)
	}
	watch, stop := context.WithCancel(s.open)
	l := &lease{
		db: db, own: s, conn: conn, lost: make(chan struct{}), stop: stop, done: make(chan struct{}),
		released: make(chan struct{}),
	}
	s.leads.Store(true)
	if err := s.spawn(func() { l.watch(watch) }); err != nil {
		s.leads.Store(false)
		stop()
		_, _ = conn.Close(), db.Close()
		return nil, fmt.Errorf("take lead: %w", err)
	}
	return l, nil
}

// Lost implements [store.Lease].
func (l *lease) Lost() <-chan struct{} { return l.lost }

// Release implements [store.Lease]. When it returns without an error another instance can lead.
func (l *lease) Release() error {
	l.once.Do(func() {
		close(l.released)
		l.stop()
		<-l.done
	})
	return l.err
}

// watch owns the connection. Its questions carry no context that can end: lib/pq would try to cancel them over a new
// connection, and the connection's own limit bounds them.
func (l *lease) watch(ctx context.Context) {
	defer close(l.done)
	defer l.own.leads.Store(false)
	defer func() { _, _ = l.conn.Close(), l.db.Close() }()
	defer l.stop()
	tick := time.NewTicker(leasePing)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			select {
			case <-l.released:
				l.unlock()
			default: // the store was closed
				close(l.lost)
			}
			return
		case <-tick.C:
			if err := l.conn.PingContext(context.Background()); err != nil {
				close(l.lost)
				return
			}
		}
	}
}

// unlock lets go of the lock at once; the server would do so only when it has noticed the end of the session.
func (l *lease) unlock() {
	if _, err := l.conn.ExecContext(context.Background(), `select pg_advisory_unlock(`+leadLock+`)`); err != nil {
		l.err = fmt.Errorf("release lead: %w", classify(context.Background(), err))
	}
}
