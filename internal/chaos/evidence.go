//go:build unix

package chaos

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// evidence reads what webhookd has written, without webhookd.
type evidence struct {
	db   *sql.DB
	nats *nats.Conn
	js   jetstream.JetStream
}

// facts is what it has written.
type facts struct {
	journal    []entry
	legs       []legRow
	calls      []callRow
	outbox     []change
	stream     []message
	bucket     map[string][]byte // by key
	held       int               // outbox rows that were set aside
	quarantine int               // bodies that were refused
}

type entry struct {
	id                                int64
	account, origin, dialogUUID, call string
	ignored                           bool
	sha256, body                      []byte
}

type legRow struct{ account, dialogUUID, callUUID string }

type callRow struct {
	account, callUUID, mergedInto, state string
	record                               []byte
	seq                                  int64
	revision                             int
}

// change is a row of the outbox.
type change struct {
	id                int64
	account, callUUID string
	record            []byte
	events            []event
}

// event is what the checks need of one in the outbox.
type event struct {
	UUID       string `json:"uuid"`
	Type       string `json:"type"`
	Seq        int64  `json:"seq"`
	DialogUUID string `json:"dialog_uuid"`
}

// message is one on the stream.
type message struct {
	sequence                        uint64
	id, subject, callUUID, bodyUUID string
	account                         string
	seq                             int64
	record                          []byte
}

const (
	streamName   = "FLOW_TRIGGERS"
	bucketName   = "calls"
	readPatience = 2 * time.Minute
)

func openEvidence(ctx context.Context, databaseURL, natsURLs string) (*evidence, error) {
	db, err := sql.Open("postgres", databaseURL)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	e := &evidence{db: db}
	if e.nats, err = nats.Connect(natsURLs, nats.Name("webhookd chaos"), nats.MaxReconnects(-1)); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to nats: %w", err), db.Close())
	}
	if e.js, err = jetstream.New(e.nats); err != nil {
		e.close()
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	if err := db.PingContext(ctx); err != nil {
		e.close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return e, nil
}

func (e *evidence) close() {
	e.nats.Close()
	_ = e.db.Close()
}

// waiting says what is still on its way, in words; nothing when all is at rest.
func (e *evidence) waiting(ctx context.Context, sent *sent) ([]string, error) {
	var found []string
	missing, err := e.missing(ctx, sent)
	if err != nil {
		return nil, err
	}
	if missing > 0 {
		found = append(found, fmt.Sprintf("%d acknowledged webhooks not in the journal", missing))
	}
	for _, question := range []struct{ what, query string }{
		{"calls to be settled", `select count(*) from due where kind = 'settle'`},
		{"outbox rows to be published", `select count(*) from outbox, relay where outbox.id > relay.through`},
	} {
		var count int
		if err := e.db.QueryRowContext(ctx, question.query).Scan(&count); err != nil {
			return nil, fmt.Errorf("count %s: %w", question.what, err)
		}
		if count > 0 {
			found = append(found, fmt.Sprintf("%d %s", count, question.what))
		}
	}
	return found, nil
}

// missing counts webhooks that were answered 2xx and are not in the journal.
func (e *evidence) missing(ctx context.Context, sent *sent) (int, error) {
	rows, err := e.db.QueryContext(ctx, `select account, sha256 from journal where origin = 'pbx'`)
	if err != nil {
		return 0, fmt.Errorf("read journal: %w", err)
	}
	defer func() { _ = rows.Close() }()
	missing := len(sent.taken)
	for rows.Next() {
		var account string
		var sum []byte
		if err := rows.Scan(&account, &sum); err != nil {
			return 0, fmt.Errorf("read journal: %w", err)
		}
		if _, taken := sent.taken[bodyKey{account, [32]byte(sum)}]; taken {
			missing--
		}
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("read journal: %w", err)
	}
	return missing, nil
}

// read reads everything.
func (e *evidence) read(ctx context.Context) (*facts, error) {
	f := &facts{}
	list := func(query string, row func(scan func(...any) error) error) error {
		rows, err := e.db.QueryContext(ctx, query)
		if err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}
		}
		return rows.Err()
	}
	err := errors.Join(
		list(`select id, account, origin, coalesce(dialog_uuid, ''), coalesce(call_uuid, ''), ignored, sha256, body
from journal order by id`, func(scan func(...any) error) error {
			var n entry
			err := scan(&n.id, &n.account, &n.origin, &n.dialogUUID, &n.call, &n.ignored, &n.sha256, &n.body)
			f.journal = append(f.journal, n)
			return err
		}),
		list(`select account, dialog_uuid, call_uuid from legs`, func(scan func(...any) error) error {
			var l legRow
			err := scan(&l.account, &l.dialogUUID, &l.callUUID)
			f.legs = append(f.legs, l)
			return err
		}),
		list(`select account, call_uuid, coalesce(merged_into, ''), state, record, seq, revision from calls`,
			func(scan func(...any) error) error {
				var c callRow
				err := scan(&c.account, &c.callUUID, &c.mergedInto, &c.state, &c.record, &c.seq, &c.revision)
				f.calls = append(f.calls, c)
				return err
			}),
		list(`select id, account, call_uuid, record, events from outbox order by id`, func(scan func(...any) error) error {
			var c change
			var events []byte
			if err := scan(&c.id, &c.account, &c.callUUID, &c.record, &events); err != nil {
				return err
			}
			f.outbox = append(f.outbox, c)
			return json.Unmarshal(events, &f.outbox[len(f.outbox)-1].events)
		}),
		e.db.QueryRowContext(ctx, `select count(*) from outbox_held`).Scan(&f.held),
		e.db.QueryRowContext(ctx, `select count(*) from quarantine`).Scan(&f.quarantine),
	)
	if err != nil {
		return nil, fmt.Errorf("read database: %w", err)
	}
	if f.stream, err = e.readStream(ctx); err != nil {
		return nil, err
	}
	f.bucket, err = e.readBucket(ctx)
	return f, err
}

// readStream reads the stream from its first message to its last.
func (e *evidence) readStream(ctx context.Context) ([]message, error) {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	stream, err := e.js.Stream(ctx, streamName)
	if err != nil {
		return nil, fmt.Errorf("find stream: %w", err)
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("find stream: %w", err)
	}
	if info.State.Msgs == 0 {
		return nil, nil
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	defer messages.Stop()
	var all []message
	for {
		got, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("read stream: %w", err)
		}
		one, err := readMessage(got)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
		if one.sequence >= info.State.LastSeq {
			return all, nil
		}
	}
}

// readBucket reads what the bucket shows.
func (e *evidence) readBucket(ctx context.Context) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readPatience)
	defer cancel()
	bucket, err := e.js.KeyValue(ctx, bucketName)
	if err != nil {
		return nil, fmt.Errorf("find bucket: %w", err)
	}
	watcher, err := bucket.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("read bucket: %w", err)
	}
	defer func() { _ = watcher.Stop() }()
	shown := map[string][]byte{}
	for {
		select {
		case one, open := <-watcher.Updates():
			if !open {
				return nil, errors.New("read bucket: it ended early")
			}
			if one == nil { // that is all there is
				return shown, nil
			}
			shown[one.Key()] = one.Value()
		case <-ctx.Done():
			return nil, fmt.Errorf("read bucket: %w", context.Cause(ctx))
		}
	}
}

func readMessage(got jetstream.Msg) (message, error) {
	meta, err := got.Metadata()
	if err != nil {
		return message{}, fmt.Errorf("read message: %w", err)
	}
	var body struct {
		UUID    string `json:"uuid"`
		Account string `json:"account_key"`
		Data    struct {
			Seq  int64           `json:"seq"`
			Call json.RawMessage `json:"call"`
		} `json:"event_data"`
	}
	if err := json.Unmarshal(got.Data(), &body); err != nil {
		return message{}, fmt.Errorf("read message %d: %w", meta.Sequence.Stream, err)
	}
	return message{
		sequence: meta.Sequence.Stream, id: got.Headers().Get(jetstream.MsgIDHeader), subject: got.Subject(),
		callUUID: got.Headers().Get("ce-subject"), bodyUUID: body.UUID, account: body.Account, seq: body.Data.Seq,
		record: body.Data.Call,
	}, nil
}
