package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// cancelGrace is what the server has to answer a cancellation, before the connection is cut.
const cancelGrace = time.Second

// connector makes lib/pq connections and remembers the network connection below each. lib/pq cannot leave a server
// that does not answer when a context ends: all it does is to ask that server to cancel. So contexts that end are
// brought to the network connection here.
type connector struct {
	config pq.Config
	answer time.Duration // see dialer
	wires  sync.Map      // of driver.Conn to *wire
	made   atomic.Int64  // connections so far
}

// openDB makes a pool whose connections give up when the server says nothing for the given time.
func openDB(dsn string, answer time.Duration) (*sqlx.DB, *connector, error) {
	config, err := pq.NewConfig(dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("read database url: %w", err)
	}
	c := &connector{config: config, answer: answer}
	return sqlx.NewDb(sql.OpenDB(c), "postgres"), c, nil
}

// Driver implements [driver.Connector].
func (c *connector) Driver() driver.Driver { return &pq.Driver{} }

// Connect implements [driver.Connector].
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.config.ConnectTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.config.ConnectTimeout)
		defer cancel()
	}
	below, err := pq.NewConnectorConfig(c.config.Clone())
	if err != nil {
		return nil, err
	}
	var dialled atomic.Pointer[wire] // the latest: there are several if the server wants no TLS, or for several hosts
	below.Dialer(dialer{answer: c.answer, dialled: func(w *wire) { dialled.Store(w) }})
	unhook := context.AfterFunc(ctx, func() {
		if w := dialled.Load(); w != nil {
			w.cut()
		}
	})
	conn, err := below.Connect(ctx)
	if err != nil {
		unhook()
		return nil, err
	}
	err = setUp(ctx, conn)
	if !unhook() { // it was cut just now
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	w := dialled.Load()
	w.number = c.made.Add(1)
	w.closed = func() { c.wires.Delete(conn) }
	c.wires.Store(conn, w)
	return conn, nil
}

// cut makes every connection fail.
func (c *connector) cut() {
	c.wires.Range(func(_, found any) bool {
		if w, ok := found.(*wire); ok {
			w.cut()
		}
		return true
	})
}

// setUp makes commits wait for the disk, if a default of the server, the database or the role says otherwise:
// what is committed here is acknowledged to its sender. Stricter settings stay.
//
// Everything here looks up few rows by their keys. Compiling a statement takes milliseconds then where running it takes
// microseconds; and a plan that was made while a table was nearly empty, and is kept, would go on reading all of it when
// it has grown: for minutes, until the server has counted its rows. So the ways that read whole tables are ruled out.
func setUp(ctx context.Context, conn driver.Conn) error {
	execer := conn.(driver.ExecerContext) //nolint:forcetypeassert // lib/pq's connections are
	_, err := execer.ExecContext(ctx, `
select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'
union all
select set_config(name, 'off', false)
from unnest(array['jit', 'enable_seqscan', 'enable_hashjoin', 'enable_mergejoin', 'enable_material']) as name`, nil)
	if err != nil {
		return fmt.Errorf("set up session: %w", err)
	}
	return nil
}

// session is a connection in use. It is cut if its context ends and the server does not react.
type session struct {
	*sqlx.Conn
	pooled bool // the connection was there before, and may have died since
	disarm func() (cut bool)
}

// session takes a connection of the pool; close must be called.
func (s *Store) session(ctx context.Context) (*session, error) {
	made := s.connector.made.Load()
	conn, err := s.db.Connx(ctx)
	if err != nil {
		return nil, err
	}
	taken := &session{Conn: conn, disarm: func() bool { return false }}
	err = conn.Raw(func(driverConn any) error {
		found, _ := s.connector.wires.Load(driverConn)
		if w, ok := found.(*wire); ok {
			taken.pooled = w.number <= made
			taken.disarm = w.arm(ctx)
		}
		return nil
	})
	if err != nil {
		taken.close()
		return nil, err
	}
	return taken, nil
}

// dead says that a pooled connection was found dead, for example because the server was started again, and another
// one may be better. A server that lets a wait time out is not asked again.
func dead(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	var reported *pq.Error
	var network net.Error
	switch {
	case errors.Is(err, driver.ErrBadConn):
		return true
	case errors.As(err, &reported):
		return false
	default:
		return errors.As(err, &network) && !network.Timeout()
	}
}

// giveUp makes close give the connection away.
func (s *session) giveUp() {
	disarm := s.disarm
	s.disarm = func() bool {
		disarm()
		return true
	}
}

// close gives the connection back, or away if it was cut or given up.
func (s *session) close() {
	if s.disarm() {
		_ = s.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = s.Close()
}
