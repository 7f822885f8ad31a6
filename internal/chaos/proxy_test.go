//go:build unix

package chaos

import (
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// echo is a server that says again what it hears. Connections that it sees end are told by ended.
func echo(t *testing.T) (address string, ended <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	over := make(chan struct{}, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
				over <- struct{}{}
			}()
		}
	}()
	return listener.Addr().String(), over
}

func through(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.address())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func hears(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	got := make([]byte, len(text))
	_, err := io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

func hearsNothing(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(conn, text)
	require.NoError(t, err)
}

func TestAStalledNetworkPassesNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	address, ended := echo(t)
	p, err := newProxy(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.close()) })
	first, second := through(t, p), through(t, p)
	say(t, first, "before")
	hears(t, first, "before")
	say(t, second, "too")
	hears(t, second, "too")

	p.stall()
	p.stall() // changes nothing
	say(t, first, "meanwhile")
	hearsNothing(t, first)
	late := through(t, p) // the kernel answers, nobody else
	say(t, late, "late")
	hearsNothing(t, late)
	require.NoError(t, second.Close())
	select {
	case <-ended:
		require.FailNow(t, "the end of a connection passed a stalled network")
	case <-time.After(50 * time.Millisecond):
	}

	p.resume()
	hears(t, first, "meanwhile")
	hears(t, late, "late")
	<-ended
}

func TestAProxyClosesWhateverItDoes(t *testing.T) {
	t.Parallel()
	address, ended := echo(t)
	p, err := newProxy(t.Context(), address)
	require.NoError(t, err)
	conn := through(t, p)
	say(t, conn, "x")
	hears(t, conn, "x")
	p.stall()
	say(t, conn, "y")
	require.NoError(t, p.close())
	<-ended
	require.NoError(t, p.close())
}

func TestNobodyBehindAProxyIsAHangUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	p, err := newProxy(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.close()) })
	conn := through(t, p)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}
