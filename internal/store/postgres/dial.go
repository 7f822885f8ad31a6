package postgres

import (
	"context"
	"database/sql/driver"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// unackedTimeout is how long sent bytes may stay unacknowledged.
const unackedTimeout = 10 * time.Second

// dialer makes connections that notice when the other side has gone without a word.
type dialer struct {
	// answer bounds each wait for bytes; 0 waits for ever, for a connection that listens. That one notices by
	// keep-alives.
	answer  time.Duration
	dialled func(*wire) // nil if nobody wants to know
}

// Dial implements [pq.Dialer].
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialTimeout implements [pq.Dialer].
func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// DialContext implements [pq.DialerContext].
func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dial := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
		Control: func(network, _ string, raw syscall.RawConn) error {
			return setUnackedTimeout(network, raw, unackedTimeout)
		},
	}
	conn, err := dial.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, answer: d.answer, closed: func() {}}
	if d.dialled != nil {
		d.dialled(w)
	}
	return w, nil
}

// wire is a network connection whose waits are bounded, and which can be cut from outside.
type wire struct {
	net.Conn
	answer time.Duration
	closed func()
	number int64 // of the connection, in the order in which they were made

	mu    sync.Mutex // between cut and the setting of deadlines
	isCut bool
}

// Read gives each wait its own deadline.
func (w *wire) Read(p []byte) (int, error) {
	if err := w.bound(w.SetReadDeadline); err != nil {
		return 0, err
	}
	return w.Conn.Read(p)
}

// Write turns errors into driver.ErrBadConn: below TLS, lib/pq would not recognise a broken connection by its write
// error, and would keep it.
func (w *wire) Write(p []byte) (int, error) {
	if w.bound(w.SetWriteDeadline) != nil {
		return 0, driver.ErrBadConn
	}
	n, err := w.Conn.Write(p)
	if err != nil {
		err = driver.ErrBadConn
	}
	return n, err
}

// Close implements [net.Conn].
func (w *wire) Close() error {
	w.closed()
	return w.Conn.Close()
}

func (w *wire) bound(set func(time.Time) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isCut {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	if w.answer == 0 {
		return nil
	}
	return set(time.Now().Add(w.answer))
}

// cut makes every read and write fail from now on, also one that waits.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	_ = w.SetDeadline(time.Unix(1, 0))
}

// arm cuts the wire some time after ctx has ended, until disarmed.
func (w *wire) arm(ctx context.Context) (disarm func() (cut bool)) {
	disarmed := make(chan struct{})
	unhook := context.AfterFunc(ctx, func() {
		grace := time.NewTimer(cancelGrace)
		defer grace.Stop()
		select {
		case <-disarmed:
		case <-grace.C:
			w.cut()
		}
	})
	return func() bool {
		unhook()
		close(disarmed)
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.isCut
	}
}
