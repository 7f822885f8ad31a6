package main

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/browsertest"
)

// cable is a way to a server that can be pulled: nothing goes through then, and nobody is told.
type cable struct {
	listener net.Listener
	ends     sync.WaitGroup

	mu    sync.Mutex
	whole *sync.Cond
	cut   bool
	conns []net.Conn
}

func plugIn(t *testing.T, to string) *cable {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{listener: listener}
	c.whole = sync.NewCond(&c.mu)
	c.ends.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, near, far)
			c.mu.Unlock()
			c.ends.Go(func() { c.carry(far, near) })
			c.ends.Go(func() { c.carry(near, far) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		c.set(false)
		c.mu.Lock()
		for _, conn := range c.conns {
			_ = conn.Close()
		}
		c.mu.Unlock()
		c.ends.Wait()
	})
	return c
}

// set pulls the cable, or plugs it in again.
func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	c.whole.Broadcast()
}

func (c *cable) carry(to, from net.Conn) {
	defer func() { _ = to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		c.mu.Lock()
		for c.cut {
			c.whole.Wait()
		}
		c.mu.Unlock()
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

// A cable that is pulled says nothing, and a stream that is silent looks like one on which nothing happens. The board finds
// out by asking, says so, and is whole again soon after the cable is back.
func TestTheBoardNoticesAPulledCable(t *testing.T) {
	t.Parallel()
	s := startService(t, nil, "--data-dir", t.TempDir())
	way := plugIn(t, s.HTTP)
	tab := browsertest.Open(t).Tab(t)
	tab.Do(chromedp.Navigate("http://" + way.listener.Addr().String() + "/"))
	tab.Until(`document.getElementById("board").dataset.state === "live"`)

	way.set(true)
	tab.Until(`document.getElementById("board").dataset.state === "lost"`)
	assert.Regexp(t, `^Out of date since \d\d:\d\d:\d\d: no connection to the server\.`, textOf(tab, "#state-text"))
	for _, body := range begun(t, "inbound_answered", time.Minute)[:6] {
		post(t, s, body) // by another way
	}
	assert.Empty(t, shownOpen(tab))

	way.set(false)
	tab.Until(`document.getElementById("board").dataset.state === "live"`)
	tab.Until(inGroup(boardCall, "talking") + ` !== null`)
	assert.Len(t, shownOpen(tab), 1)
}
