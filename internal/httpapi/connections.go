package httpapi

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lingerTime and lingerBytes bound how long and how much we go on reading from a client that was answered before
	// it had sent everything. Closing at once would make the kernel reset the connection, and the client might never
	// see the answer.
	lingerTime  = 5 * time.Second
	lingerBytes = 64 << 20
	// silentGrace is how long a connection that has not sent a byte is kept when the server stops: a request may be on
	// its way, but browsers also open connections that they never use.
	silentGrace = 200 * time.Millisecond
)

// connections is a listener that knows its open connections. fasthttp's own shutdown waits for connections that have
// never sent a byte, and never closes any by force.
type connections struct {
	net.Listener
	readTimeout time.Duration
	encryption  *tls.Config // nil for none
	perAddress  int         // how many one address may hold open, unless it is a trusted proxy's; 0: any number
	trusted     []netip.Prefix
	closeOnce   sync.Once
	closeErr    error

	mu       sync.Mutex
	open     map[*connection]struct{}
	held     map[string]int // of open, by address; kept only with perAddress
	stopping time.Time      // until when silent connections are kept; zero while the server runs
}

func newConnections(ln net.Listener, cfg Config) *connections {
	return &connections{
		Listener: ln, readTimeout: cfg.ReadTimeout, encryption: cfg.TLS, perAddress: cfg.MaxConnectionsAddress,
		trusted: cfg.TrustedProxies, open: map[*connection]struct{}{}, held: map[string]int{},
	}
}

// Accept gives the next connection that may be open.
func (l *connections) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // fasthttp tells a closed listener by its error
		}
		c := &connection{Conn: raw, raw: raw, owner: l, from: l.counted(raw.RemoteAddr())}
		if l.encryption != nil {
			c.Conn = tls.Server(raw, l.encryption) // it shakes hands when the first byte is read, which readTimeout bounds
		}
		if l.enter(c) {
			return c, nil
		}
		_ = raw.Close() // before any handshake: it is to cost nothing
	}
}

// counted gives under what an address is counted; "" for one that is not.
func (l *connections) counted(remote net.Addr) string {
	if l.perAddress <= 0 {
		return ""
	}
	parsed, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return "" // a listener that is no TCP
	}
	address := parsed.Addr().Unmap()
	if len(l.trusted) > 0 && within(l.trusted, address) {
		return ""
	}
	return rateKey(address)
}

// enter notes a connection, unless its address holds as many open as it may.
func (l *connections) enter(c *connection) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.from != "" {
		if l.held[c.from] >= l.perAddress {
			return false
		}
		l.held[c.from]++
	}
	l.open[c] = struct{}{}
	return true
}

// leave forgets a connection; a second time it does nothing.
func (l *connections) leave(c *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.open[c]; !ok {
		return
	}
	delete(l.open, c)
	l.held[c.from]--
	if l.held[c.from] <= 0 {
		delete(l.held, c.from)
	}
}

// Close closes the listener; a second time it does nothing.
func (l *connections) Close() error {
	l.closeOnce.Do(func() { l.closeErr = l.Listener.Close() })
	return l.closeErr
}

// stopAccepting closes the listener and gives connections that have never sent a byte a short time to do so.
func (l *connections) stopAccepting() error {
	l.mu.Lock()
	l.stopping = time.Now().Add(silentGrace)
	for c := range l.open {
		if !c.heard {
			_ = c.Conn.SetReadDeadline(l.stopping) // fails only on a connection that is closed already
		}
	}
	l.mu.Unlock()
	return l.Close()
}

// cut closes every connection that is left.
func (l *connections) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.raw.Close() // without a farewell over TLS, which a client could hold up
	}
}

// connection is one client's connection.
type connection struct {
	net.Conn
	raw    net.Conn // below TLS
	owner  *connections
	from   string // under what it is counted; "" if it is not
	heard  bool   // a byte has come in; guarded by owner.mu
	known  bool   // the same, for the one goroutine that reads
	linger atomic.Bool
}

// Read reads from the client.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.known {
		c.known = true
		c.owner.mu.Lock()
		c.heard = true
		if !c.owner.stopping.IsZero() {
			_ = c.Conn.SetReadDeadline(time.Now().Add(c.owner.readTimeout))
		}
		c.owner.mu.Unlock()
	}
	return n, err //nolint:wrapcheck // it stands in for the connection, errors and all
}

// errSilent says that a connection was to be written to before its TLS handshake: it has sent nothing yet.
var errSilent = errors.New("no tls handshake yet")

// Write writes to the client. What fasthttp has to say to a connection that is one too many, it says where it accepts
// others: with TLS that would wait for a handshake there.
func (c *connection) Write(p []byte) (int, error) {
	if c.owner.encryption != nil {
		c.owner.mu.Lock()
		heard := c.heard
		c.owner.mu.Unlock()
		if !heard {
			return 0, errSilent
		}
	}
	return c.Conn.Write(p) //nolint:wrapcheck // it stands in for the connection, errors and all
}

// SetReadDeadline sets until when reads may take.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	if stopping := c.owner.stopping; !stopping.IsZero() && !c.heard {
		t = stopping
	}
	return c.Conn.SetReadDeadline(t) //nolint:wrapcheck // it stands in for the connection, errors and all
}

// SetWriteDeadline sets until when writes may take. It never fails: fasthttp 1.51 panics, and so ends the process, when
// it does, as on a connection that a stop has just closed. The write that follows fails well enough by itself.
func (c *connection) SetWriteDeadline(t time.Time) error {
	_ = c.Conn.SetWriteDeadline(t)
	return nil
}

// SetDeadline sets both deadlines. It never fails either.
func (c *connection) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// Close closes the connection. Where the client may still be sending, it is told that nothing more will come and read
// to its end first.
func (c *connection) Close() error {
	if c.linger.CompareAndSwap(true, false) {
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	c.owner.leave(c)
	return c.Conn.Close() //nolint:wrapcheck // it stands in for the connection, errors and all
}
