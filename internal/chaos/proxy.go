//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// proxy is a network that can stand still: it passes connections on to an address, and while it is stalled it passes
// nothing, neither bytes nor that somebody has hung up.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	open  chan struct{} // closed while bytes pass
	conns map[net.Conn]bool
	wait  sync.WaitGroup
}

func newProxy(ctx context.Context, target string) (*proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for proxy: %w", err)
	}
	p := &proxy{listener: listener, target: target, open: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(p.open)
	p.wait.Go(p.accept)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// stall lets nothing pass any more.
func (p *proxy) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
		p.open = make(chan struct{})
	default: // stalled already
	}
}

// resume lets everything pass again, that which waits first.
func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
	default:
		close(p.open)
	}
}

func (p *proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// close ends the proxy and all of its connections.
func (p *proxy) close() error {
	err := p.listener.Close()
	p.resume()
	p.mu.Lock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.conns = nil
	p.mu.Unlock()
	p.wait.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close proxy: %w", err)
	}
	return nil
}

// keep notes a connection, so that close finds it; false if the proxy is closed.
func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		_ = conn.Close()
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *proxy) drop(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.keep(conn) {
			p.wait.Go(func() { p.carry(conn) })
		}
	}
}

// carry connects a client through.
func (p *proxy) carry(client net.Conn) {
	defer p.drop(client)
	<-p.gate()
	server, err := net.Dial("tcp", p.target) //nolint:noctx // it is a loopback address, which answers at once
	if err != nil || !p.keep(server) {
		return
	}
	defer p.drop(server)
	var back sync.WaitGroup
	back.Go(func() { p.pass(server, client) })
	p.pass(client, server)
	back.Wait()
}

// pass carries one direction until its end, and then that it has ended.
func (p *proxy) pass(from, to net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		<-p.gate()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				// Whoever sends more than nobody reads is told so.
				_ = from.Close()
				return
			}
		}
		if err != nil {
			if half, ok := to.(*net.TCPConn); ok && errors.Is(err, io.EOF) {
				_ = half.CloseWrite()
			} else {
				_ = to.Close()
			}
			return
		}
	}
}
