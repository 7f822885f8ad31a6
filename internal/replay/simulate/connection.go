package simulate

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// connection is one keep-alive connection to a door. It is used by one goroutine.
type connection struct {
	target  *target
	timeout time.Duration

	conn   net.Conn
	reader *bufio.Reader
	answer fasthttp.Response
	out    []byte
	until  time.Time // the deadline that is set
	served int       // requests answered on this conn
}

const (
	readBuffer = 4 << 10
	maxAnswer  = 64 << 10
)

// post sends one webhook and gives the answer. A connection that the door closed while it was idle is made anew, once.
func (c *connection) post(ctx context.Context, account string, body []byte) answer {
	c.out = append(c.out[:0], c.target.heads[account]...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
	for {
		reused := c.served > 0
		if err := c.open(ctx); err != nil {
			return answer{err: err}
		}
		begun, err := c.exchange()
		if err == nil {
			break
		}
		c.close()
		var network net.Error
		if begun || !reused || ctx.Err() != nil || errors.As(err, &network) && network.Timeout() {
			return answer{err: fmt.Errorf("send webhook: %w", err)}
		}
	}
	c.served++
	text := c.answer.Body()
	got := answer{status: c.answer.StatusCode(), said: word(text), spooled: bytes.Contains(text, spooledKey)}
	if c.answer.ConnectionClose() {
		c.close()
	}
	return got
}

// exchange writes the request and reads the answer; begun says that some of the answer came.
func (c *connection) exchange() (begun bool, err error) {
	// The deadline is moved now and then only: it need not be exact.
	now := time.Now()
	if c.until.Sub(now) < c.timeout {
		c.until = now.Add(c.timeout + c.timeout/4)
		if err := c.conn.SetDeadline(c.until); err != nil {
			return false, err //nolint:wrapcheck // post does
		}
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return false, err //nolint:wrapcheck // post does
	}
	if _, err := c.reader.Peek(1); err != nil {
		return false, err //nolint:wrapcheck // post does
	}
	return true, c.answer.ReadLimitBody(c.reader, maxAnswer) //nolint:wrapcheck // post does
}

func (c *connection) open(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	dialer := net.Dialer{Timeout: c.timeout}
	conn, err := dialer.DialContext(ctx, "tcp", c.target.address)
	if err == nil && c.target.tls != nil {
		secured := tls.Client(conn, c.target.tls)
		if err = secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
		}
		conn = secured
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	c.conn, c.until, c.served = conn, time.Time{}, 0
	if c.reader == nil {
		c.reader = bufio.NewReaderSize(conn, readBuffer)
	} else {
		c.reader.Reset(conn)
	}
	return nil
}

func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
	c.served = 0
}

// answer is what the service said to a webhook.
type answer struct {
	err     error  // why there is none
	status  int    // 0 is no answer
	said    string // what became of it
	spooled bool   // it was taken while the database is away
}

var (
	statusKey  = []byte(`"status":"`)
	spooledKey = []byte(`"spooled":true`)
)

// word reads the status out of an answer of webhookd's, "" if there is none.
func word(body []byte) string {
	_, rest, found := bytes.Cut(body, statusKey)
	if !found {
		return ""
	}
	said, _, found := bytes.Cut(rest, []byte{'"'})
	if !found {
		return ""
	}
	for _, known := range [...]string{saidAccepted, saidDuplicate, saidIgnored} {
		if string(said) == known { // no copy is made for comparing
			return known
		}
	}
	return string(said)
}
