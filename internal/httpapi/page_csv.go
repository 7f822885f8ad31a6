package httpapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"webhookd/internal/store"
	"webhookd/internal/web"
)

// byteOrderMark tells spreadsheets that the file is UTF-8.
const byteOrderMark = "\ufeff"

// getCallsCSV answers with all calls that fit the filter as a table, however many there are: one page after the other is
// read while the ones before are on their way.
func (s *Server) getCallsCSV(c *fiber.Ctx) error {
	page, filter, err := s.askedCalls(c)
	if err != nil {
		return err
	}
	if page.Invalid != "" {
		return &problem{kind: kindParameterInvalid, parameter: page.Invalid, detail: page.Detail}
	}
	filter.Limit = maxPage
	table := &callTable{
		list: s.cfg.Reader.Calls, filter: filter, zone: s.zone(), base: s.base, patience: s.cfg.RequestTimeout,
		conn: c.Context().Conn(), slowest: s.cfg.WriteTimeout,
	}
	table.buf.WriteString(byteOrderMark)
	if err := table.write(web.CSVHeader()); err != nil {
		return err
	}
	if err := table.fill(); err != nil { // while an error can still be told
		return err
	}
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8; header=present")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="calls.csv"`)
	c.Response().SetBodyStream(table, -1)
	return nil
}

// callTable is the table as a stream. An error ends it before its end, which the client sees: the last chunk is missing.
type callTable struct {
	list     func(context.Context, store.CallFilter) ([]store.Call, error)
	filter   store.CallFilter
	zone     *time.Location
	base     context.Context //nolint:containedctx // the stream outlives its handler
	patience time.Duration   // for one page to be read
	conn     net.Conn
	slowest  time.Duration // for one page to be taken

	buf  bytes.Buffer
	done bool
}

// Read gives what is ready, and fetches the next page when nothing is.
func (t *callTable) Read(p []byte) (int, error) {
	if t.buf.Len() == 0 {
		if t.done {
			return 0, io.EOF
		}
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	// The server's own deadline is for a whole answer.
	if err := t.conn.SetWriteDeadline(time.Now().Add(t.slowest)); err != nil {
		return 0, fmt.Errorf("set deadline: %w", err)
	}
	if t.buf.Len() == 0 {
		return 0, io.EOF
	}
	return t.buf.Read(p)
}

// fill fetches a page of calls.
func (t *callTable) fill() error {
	ctx, cancel := context.WithTimeout(t.base, t.patience)
	defer cancel()
	calls, err := t.list(ctx, t.filter)
	if err != nil {
		return fmt.Errorf("list calls: %w", err)
	}
	for i := range calls {
		record, err := recordOf(calls[i])
		if err != nil {
			return err
		}
		if err := t.write(web.CSVRow(record, t.zone)); err != nil {
			return err
		}
	}
	if t.done = len(calls) < t.filter.Limit; !t.done {
		last := calls[len(calls)-1]
		t.filter.Before = &store.Cursor{StartedAt: last.Index.StartedAt, CallUUID: last.CallUUID}
	}
	return nil
}

func (t *callTable) write(row []string) error {
	w := csv.NewWriter(&t.buf)
	w.UseCRLF = true
	if err := w.Write(row); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}
