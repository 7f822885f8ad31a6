package pgtest

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands between a store and its server. Once stalled it takes bytes and connections and answers nothing, like a
// network that drops every packet.
type Proxy struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup

	mu      sync.Mutex
	stalled bool
	conns   []net.Conn
}

// Through starts a proxy, which ends with the test, and gives the URL that leads through it.
func Through(t testing.TB, databaseURL string) (*Proxy, string) {
	t.Helper()
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal("the database's URL cannot be read")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	p := &Proxy{listener: listener, server: parsed.Host}
	p.running.Go(p.serve)
	t.Cleanup(func() {
		p.Close()
		p.Cut()
		p.running.Wait()
	})
	parsed.Host = listener.Addr().String()
	return p, parsed.String()
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.running.Go(func() { p.copy(client, server) })
		p.running.Go(func() { p.copy(server, client) })
	}
}

func (p *Proxy) copy(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		stalled := p.stalled
		p.mu.Unlock()
		if !stalled {
			if _, writeErr := to.Write(buffer[:n]); err == nil {
				err = writeErr
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) && stalled {
				return // the other side does not get to know
			}
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

// Stall makes the network swallow what it gets.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = true
}

// Resume lets new connections through. Those that lost bytes are broken.
func (p *Proxy) Resume() {
	p.Cut()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = false
}

// Cut breaks every connection there is.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
}

// Close takes no further connections.
func (p *Proxy) Close() { _ = p.listener.Close() }
