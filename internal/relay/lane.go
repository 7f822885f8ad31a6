package relay

import (
	"errors"

	"webhookd/internal/flow"
	"webhookd/internal/natsbus"
	"webhookd/internal/store"
)

const behindPoison = "waits behind an event of its call that cannot be published"

// lane is the rows of calls that must be dealt with one after the other: those of one call, and of calls that were
// merged with it. It is run by one goroutine and collects what it did; the relay takes that when all lanes are done.
type lane struct {
	rows []*store.OutboxRow

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

// run deals with the lane's rows in order, up to the first that cannot be published now.
func (n *lane) run(p *progress) error {
	blocked := make(map[store.Key]bool)
	for _, row := range n.rows {
		if p.done[row.ID] {
			continue
		}
		if p.soft.Err() != nil {
			return p.soft.Err()
		}
		key := store.Key{Account: row.Account, UUID: row.CallUUID}
		if p.blocked[key] || blocked[key] {
			n.setAside(p, row, false, behindPoison)
		} else if poison, err := n.publish(p, row); poison {
			blocked[key] = true
			n.setAside(p, row, true, err.Error())
			p.relay.gauges.poisoned.Add(1)
			p.relay.log.Error("event cannot be published, its call is held back", "account", row.Account,
				"call_uuid", row.CallUUID, "outbox_id", row.ID, "error", err)
		} else if err != nil {
			return err
		}
		n.done = append(n.done, row.ID)
		for _, one := range show(row) {
			n.show[one.key] = one
		}
	}
	return nil
}

// publish sends the events of a row that are not on the stream yet, each after the PubAck of the one before. Poison
// says that the row can never be published.
func (n *lane) publish(p *progress, row *store.OutboxRow) (poison bool, err error) {
	messages, err := flow.Messages(row.Change, p.relay.config.Options)
	if err != nil {
		return true, err
	}
	for i := p.sent[row.ID]; i < len(messages); i++ {
		if err = p.soft.Err(); err == nil {
			err = p.relay.bus.Publish(p.hard, messages[i])
		}
		if err != nil {
			n.partialID, n.partial = row.ID, i
			return errors.Is(err, natsbus.ErrTooLarge), err
		}
		p.relay.gauges.published.Add(1)
	}
	return false, nil
}

func (n *lane) setAside(p *progress, row *store.OutboxRow, poison bool, reason string) {
	n.partial = 0
	n.hold = append(n.hold, store.Held{
		OutboxID: row.ID,
		Account:  row.Account,
		CallUUID: row.CallUUID,
		Poison:   poison,
		Reason:   reason,
		At:       p.relay.now().UTC(),
	})
}
