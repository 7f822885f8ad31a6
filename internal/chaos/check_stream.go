//go:build unix

package chaos

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// checkStream: every event of the outbox history is on the stream once, by id, in seq order per call, and nothing else
// is.
func checkStream(f *facts) []Check {
	numbered := Check{Name: "events of a call are numbered without a gap, and named by rule"}
	counted := Check{Name: "calls know their last event and how often they were settled"}
	once := Check{Name: "events of the outbox are on the stream once, as they were written"}
	order := Check{Name: "events of a call stand in order on the stream"}
	known := Check{Name: "messages of the stream are events of the outbox"}

	type written struct {
		change *change
		event  *event
	}
	outbox := map[string]written{}
	last, settled := map[callKey]int64{}, map[callKey]int{}
	names := map[string]int{}
	for i := range f.outbox {
		c := &f.outbox[i]
		key := callKey{c.account, c.callUUID}
		for j := range c.events {
			e := &c.events[j]
			name := eventName(c, e)
			names[name]++
			_, twice := outbox[e.UUID]
			last[key]++
			numbered.thatf(!twice && e.Seq == last[key] && e.UUID == eventUUID(name, names[name]),
				"event %s (%s) of call %s: seq %d", e.UUID, e.Type, c.callUUID, e.Seq)
			outbox[e.UUID] = written{c, e}
			if e.Type == "call_settled" {
				settled[key]++
			}
		}
	}
	rows := map[callKey]bool{}
	for _, row := range f.calls {
		key := callKey{row.account, row.callUUID}
		rows[key] = true
		counted.thatf(row.seq == last[key] && row.revision == settled[key],
			"call %s of account %s: seq %d, revision %d, but the outbox has %d and %d", row.callUUID, row.account, row.seq,
			row.revision, last[key], settled[key])
	}

	for key := range last {
		if !rows[key] {
			counted.thatf(false, "call %s of account %s is not there, but has events", key.uuid, key.account)
		}
	}

	times := map[string]int{}
	at := map[callKey]int64{}
	for _, m := range f.stream {
		times[m.id]++
		w, is := outbox[m.id]
		known.thatf(is && m.bodyUUID == m.id, "message %d, id %s", m.sequence, m.id)
		if !is || times[m.id] > 1 {
			continue
		}
		key := callKey{w.change.account, w.change.callUUID}
		at[key]++
		order.thatf(m.seq == at[key], "message %d of call %s has seq %d, not %d", m.sequence, key.uuid, m.seq, at[key])
		once.thatf(m.callUUID == key.uuid && m.account == key.account && m.seq == w.event.Seq &&
			strings.HasSuffix(m.subject, "."+w.event.Type) && bytes.Equal(m.record, w.change.record),
			"message %d is not event %s of the outbox", m.sequence, m.id)
	}
	for id, w := range outbox {
		once.thatf(times[id] == 1, "event %s (%s, seq %d) of call %s is there %d times", id, w.event.Type, w.event.Seq,
			w.change.callUUID, times[id])
	}
	return []Check{numbered, counted, once, order, known}
}

// eventName and eventUUID are written here again from docs/design.md, section 7: the check is not to believe the
// program.
func eventName(c *change, e *event) string {
	of := e.DialogUUID
	if of == "" {
		of = "-"
	}
	return "webhookd:event:" + c.account + ":" + c.callUUID + ":" + e.Type + ":" + of
}

func eventUUID(name string, n int) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name+":"+strconv.Itoa(n))).String()
}
