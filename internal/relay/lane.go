package relay

import (
	"errors"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
	"webhookd/internal/store"
)

const behindPoison = "waits behind an event of its call that cannot be published"

// lane is the rows of calls that must be dealt with one after the other: those of one call, and of calls that were
// merged with it. One message of it is on its way at a time. It collects what it did; the relay takes that when all lanes
// are done.
type lane struct {
	rows []*store.OutboxRow

	at       int            // the row that is being dealt with
	messages []flow.Message // its messages, nil before they are made
	sent     int            // how many of them are on the stream
	blocked  map[store.Key]bool

	done      []int64 // dealt with: on the stream, or to be held back
	partialID int64   // the row at which the lane stopped,
	partial   int     // and how many of its events are on the stream
	hold      []store.Held
	show      map[string]showing // by key: what the bucket is to show after the rows dealt with
}

// split puts rows, in ID order, into lanes.
func split(rows []store.OutboxRow) []*lane {
	groups := newGroups()
	for i := range rows {
		own := store.Key{Account: rows[i].Account, UUID: rows[i].CallUUID}
		groups.find(own)
		for j := range rows[i].Events {
			if from := rows[i].Events[j].From; from != "" {
				groups.join(own, store.Key{Account: own.Account, UUID: from})
			}
		}
	}
	var lanes []*lane
	byGroup := make(map[store.Key]*lane)
	for i := range rows {
		root := groups.find(store.Key{Account: rows[i].Account, UUID: rows[i].CallUUID})
		l := byGroup[root]
		if l == nil {
			l = &lane{show: make(map[string]showing)}
			byGroup[root] = l
			lanes = append(lanes, l)
		}
		l.rows = append(l.rows, &rows[i])
	}
	return lanes
}

// groups are disjoint sets of calls.
type groups map[store.Key]store.Key

func newGroups() groups { return make(groups) }

func (g groups) find(key store.Key) store.Key {
	parent, known := g[key]
	if !known {
		g[key] = key
		return key
	}
	if parent == key {
		return key
	}
	root := g.find(parent)
	g[key] = root
	return root
}

func (g groups) join(a, b store.Key) { g[g.find(b)] = g.find(a) }

// next gives the lane's next message, once the one before it is on the stream. ok is false when all rows are dealt with.
func (n *lane) next(p *progress) (message flow.Message, ok bool) {
	for n.at < len(n.rows) {
		row := n.rows[n.at]
		key := store.Key{Account: row.Account, UUID: row.CallUUID}
		switch {
		case p.done[row.ID]:
			n.pass()
			continue
		case n.messages == nil && (p.blocked[key] || n.blocked[key]):
			n.setAside(p, row, false, behindPoison)
			n.finish(row)
			continue
		case n.messages == nil:
			n.partialID, n.partial = row.ID, p.sent[row.ID]
			messages, err := flow.Messages(row.Change, p.relay.config.Options)
			if err != nil {
				n.poison(p, row, err)
				continue
			}
			n.messages, n.sent = messages, p.sent[row.ID]
		}
		if n.sent < len(n.messages) {
			return n.messages[n.sent], true
		}
		n.finish(row)
	}
	return flow.Message{}, false
}

// landed takes in what became of the message that next gave last. After an error, which may pass, the lane rests.
func (n *lane) landed(p *progress, err error) error {
	row := n.rows[n.at]
	switch {
	case err == nil:
		n.sent++
		n.partialID, n.partial = row.ID, n.sent
		p.relay.gauges.published.Add(1)
		if n.sent == len(n.messages) {
			if tell := p.relay.config.Published; tell != nil {
				tell(p.relay.now().Sub(row.CreatedAt))
			}
			n.finish(row)
		}
		return nil
	case errors.Is(err, natsbus.ErrTooLarge):
		n.poison(p, row, err)
		return nil
	}
	return err
}

// poison holds back a row that can never be published, and with it what comes after it in its call.
func (n *lane) poison(p *progress, row *store.OutboxRow, err error) {
	if n.blocked == nil {
		n.blocked = make(map[store.Key]bool)
	}
	n.blocked[store.Key{Account: row.Account, UUID: row.CallUUID}] = true
	n.setAside(p, row, true, err.Error())
	p.relay.gauges.poisoned.Add(1)
	p.relay.log.Error("event cannot be published, its call is held back", "account", row.Account,
		"call_uuid", row.CallUUID, "outbox_id", row.ID, "error", err)
	n.finish(row)
}

// finish ends the work on a row: it is on the stream, or to be held back.
func (n *lane) finish(row *store.OutboxRow) {
	n.done = append(n.done, row.ID)
	for _, one := range show(row) {
		n.show[one.key] = one
	}
	n.pass()
}

func (n *lane) pass() {
	n.at++
	n.messages, n.sent = nil, 0
	n.partialID, n.partial = 0, 0
}

func (n *lane) setAside(p *progress, row *store.OutboxRow, poison bool, reason string) {
	n.hold = append(n.hold, store.Held{
		OutboxID: row.ID,
		Account:  row.Account,
		CallUUID: row.CallUUID,
		Poison:   poison,
		Reason:   reason,
		At:       p.relay.now().UTC(),
	})
}
