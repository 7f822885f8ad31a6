package retention

import (
	"context"

	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

// components are sets of dialogs and calls of one account that webhooks name together, over any number of steps: what a
// rebuild derives together, and what must go together. It is a disjoint-set forest.
type components struct {
	account string
	parent  map[string]string
	rows    map[string]int  // journal entries, by what they are about
	kept    map[string]bool // dialogs and calls that must stay
	taken   map[string]bool // roots
	dialogs map[string]bool // which of all are dialogs
}

// gather finds the components of calls: their legs, what the webhooks of these name, the legs of that, and so on.
func gather(ctx context.Context, tx store.Tx, account string, calls []string) (*components, error) {
	c := &components{
		account: account, parent: map[string]string{}, rows: map[string]int{}, kept: map[string]bool{},
		taken: map[string]bool{}, dialogs: map[string]bool{},
	}
	for _, call := range calls {
		c.find(call)
	}
	asked := map[string]bool{}
	seen := map[int64]bool{}
	for {
		var wanted []store.Key
		for uuid := range c.parent {
			if !asked[uuid] {
				asked[uuid] = true
				wanted = append(wanted, store.Key{Account: account, UUID: uuid})
			}
		}
		if len(wanted) == 0 {
			return c, nil
		}
		legs, err := tx.Legs(ctx, wanted)
		if err != nil {
			return nil, err
		}
		for _, leg := range legs {
			c.join(leg.DialogUUID, leg.CallUUID)
		}
		entries, err := tx.EntriesOf(ctx, wanted)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			named, dialogs, err := ingest.NamedIn(&entries[i])
			if err != nil {
				return nil, err
			}
			if len(named) == 0 || seen[entries[i].ID] {
				continue
			}
			seen[entries[i].ID] = true
			c.rows[named[0]]++
			for _, uuid := range dialogs {
				c.dialogs[uuid] = true
			}
			for _, uuid := range named[1:] {
				c.join(named[0], uuid)
			}
		}
	}
}

// find gives the root of a dialog or call, itself if it was not heard of.
func (c *components) find(uuid string) string {
	if _, known := c.parent[uuid]; !known {
		c.parent[uuid] = uuid
	}
	for c.parent[uuid] != uuid {
		c.parent[uuid] = c.parent[c.parent[uuid]]
		uuid = c.parent[uuid]
	}
	return uuid
}

func (c *components) join(a, b string) { c.parent[c.find(b)] = c.find(a) }

// keys names every dialog and call.
func (c *components) keys() []store.Key {
	keys := make([]store.Key, 0, len(c.parent))
	for uuid := range c.parent {
		keys = append(keys, store.Key{Account: c.account, UUID: uuid})
	}
	return keys
}

// keep makes the component of a dialog or call stay.
func (c *components) keep(uuid string) { c.kept[c.find(uuid)] = true }

// take gives all of the component of a call, and how many journal entries it has: once, and nothing if it has to stay or
// is not known.
func (c *components) take(call string) (keys []store.Key, entries int) {
	if _, known := c.parent[call]; !known {
		return nil, 0
	}
	root := c.find(call)
	if c.kept[root] || c.taken[root] {
		return nil, 0
	}
	c.taken[root] = true
	for uuid := range c.parent {
		if c.find(uuid) == root {
			keys = append(keys, store.Key{Account: c.account, UUID: uuid})
			entries += c.rows[uuid]
		}
	}
	return keys, entries
}
