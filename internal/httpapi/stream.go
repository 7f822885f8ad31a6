package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/live"
)

// Streams of server-sent events (text/event-stream, as the HTML standard has it).

const (
	mimeEventStream = "text/event-stream"
	// reconnectAfter is what clients are told to wait before they connect again.
	reconnectAfter = 2 * time.Second
	// frameRoom is a guess at the size of an event without its data.
	frameRoom = 64
)

// streamRoutes are the routes of streams, as they are told.
var streamRoutes = []string{"GET /v1/stream", "GET /v1/stream/calls"}

// Live is where streams come from; *live.Board is one.
type Live interface {
	Look(account string) *live.Viewer
	Follow(ctx context.Context, trail live.Trail, reader live.Reader) error
}

// streamed is how many streams are open at once, and how many may be.
type streamed chan struct{}

func (s streamed) enter() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s streamed) leave() { <-s }

// Streams says how many streams are open.
func (s *Server) Streams() int { return len(s.streams) }

// answerStream answers with a stream of what produce sends, until the client leaves, the server stops, the session that it
// was opened in ends, or produce returns. produce is called in a goroutine that ends before the stream does; it has to
// return when its context is done.
func (s *Server) answerStream(c *fiber.Ctx, produce func(ctx context.Context, send func(frame []byte) error) error) error {
	c.Set(fiber.HeaderContentType, mimeEventStream)
	c.Set("X-Accel-Buffering", "no") // a proxy that collects answers would hold events back
	if c.Method() == fiber.MethodHead {
		return nil
	}
	if !s.streams.enter() {
		return &problem{
			kind: kindStreamsFull,
			detail: "As many streams are open at this server as it allows. Nothing was lost; connect again later, " +
				"and have pages share one stream where they can.",
		}
	}
	conn, until := c.Context().Conn(), readerOf(c).until
	// The writer runs after this handler, in a goroutine of fasthttp's: nothing of c may be used in it.
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.streams.leave()
		ctx, cancel := s.streamContext(until)
		defer cancel()
		s.writeStream(ctx, conn, w, produce)
	})
	return nil
}

// streamContext ends with the session that a stream was opened in, and in any case when the server stops.
func (s *Server) streamContext(until time.Time) (context.Context, context.CancelFunc) {
	if until.IsZero() {
		return context.WithCancel(s.streaming)
	}
	return context.WithTimeout(s.streaming, until.Sub(s.cfg.Now()))
}

// writeStream writes one stream to its end.
func (s *Server) writeStream(
	ctx context.Context, conn net.Conn, w *bufio.Writer,
	produce func(ctx context.Context, send func(frame []byte) error) error,
) {
	ctx, cancel := context.WithCancel(ctx)
	frames := make(chan []byte)
	go func() {
		defer close(frames)
		defer s.recoverStream()
		err := produce(ctx, func(frame []byte) error {
			select {
			case frames <- frame:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.WarnContext(ctx, "stream ended", "error", err)
		}
	}()
	defer func() {
		cancel()
		for range frames { // until produce has returned
		}
	}()
	// Proxies cut silent connections, and a client that has left is noticed by being written to.
	beat := time.NewTicker(s.cfg.Heartbeat)
	defer beat.Stop()
	out := &outlet{conn: conn, w: w, patience: s.cfg.WriteTimeout}
	if !out.write(append(strconv.AppendInt([]byte("retry: "), reconnectAfter.Milliseconds(), 10), '\n', '\n')) {
		return
	}
	for {
		select {
		case frame, more := <-frames:
			if !more || !out.write(frame) {
				return
			}
		case <-beat.C:
			if !out.write([]byte(":\n\n")) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// recoverStream keeps a fault in one stream from ending the process. The stream ends.
func (s *Server) recoverStream() {
	if what := recover(); what != nil {
		s.cfg.Logger.Error("stream failed", "error", fmt.Sprintf("panic: %v\n%s", what, debug.Stack()))
	}
}

// outlet writes to one client.
type outlet struct {
	conn     net.Conn
	w        *bufio.Writer
	patience time.Duration
}

// write sends one frame off and says whether the client can still be written to. fasthttp bounds the writing of a whole
// answer; a stream has no end, so it is each frame that has to be taken in time.
func (o *outlet) write(frame []byte) bool {
	_ = o.conn.SetWriteDeadline(time.Now().Add(o.patience)) // ours never fails, see connections.go
	if _, err := o.w.Write(frame); err != nil {
		return false
	}
	return o.w.Flush() == nil
}

// appendFrame appends an event: its name ("" for the one that needs none), its id ("" for none), and data in one line.
func appendFrame(buf []byte, name, id string, data []byte) []byte {
	if name != "" {
		buf = append(append(append(buf, "event: "...), name...), '\n')
	}
	if id != "" {
		buf = append(append(append(buf, "id: "...), id...), '\n')
	}
	buf = append(buf, "data: "...)
	for _, b := range data {
		if b == '\n' || b == '\r' { // between the tokens of JSON a blank means the same
			b = ' '
		}
		buf = append(buf, b)
	}
	return append(buf, '\n', '\n')
}

func frame(name, id, data string) []byte {
	return appendFrame(make([]byte, 0, len(data)+frameRoom), name, id, []byte(data))
}
