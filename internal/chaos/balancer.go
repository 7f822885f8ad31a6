//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// balancer stands before the instances and gives each request to the next one that is in, so that the webhooks of one call
// go to all of them in turn.
type balancer struct {
	listener net.Listener
	server   *http.Server
	ended    chan error

	mu   sync.Mutex
	in   []*url.URL
	next int
}

func newBalancer(ctx context.Context) (*balancer, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start balancer: %w", err)
	}
	b := &balancer{listener: listener, ended: make(chan error, 1)}
	const idle = 256
	transport := &http.Transport{MaxIdleConnsPerHost: idle}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(request *httputil.ProxyRequest) { request.SetURL(b.turn()) },
		ErrorLog:  log.New(discard{}, "", 0), // what was not answered is in the sender's log
	}
	b.server = &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	go func() {
		err := b.server.Serve(listener)
		transport.CloseIdleConnections()
		b.ended <- err
	}()
	return b, nil
}

type discard struct{}

func (discard) Write(data []byte) (int, error) { return len(data), nil }

func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

// turn gives the instance whose turn it is.
func (b *balancer) turn() *url.URL {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.in) == 0 {
		return &url.URL{Scheme: "http", Host: "127.0.0.1:1"} // nobody listens there
	}
	b.next = (b.next + 1) % len(b.in)
	return b.in[b.next]
}

// put says which instances are in.
func (b *balancer) put(instances ...*instance) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.in = nil
	for _, i := range instances {
		b.in = append(b.in, &url.URL{Scheme: "http", Host: i.address})
	}
}

func (b *balancer) close() error {
	if err := b.server.Close(); err != nil {
		return fmt.Errorf("stop balancer: %w", err)
	}
	if err := <-b.ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("stop balancer: %w", err)
	}
	return nil
}
