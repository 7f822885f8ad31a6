package rebuild

import (
	"cmp"
	"time"

	"webhookd/internal/ingest"
	"webhookd/internal/store"
)

// components says which dialogs and calls can have to do with one another: those that a webhook names together. It is
// a disjoint-set forest; what belongs together is also a ring, so that it can be listed. It takes about 250 bytes of
// memory for each dialog.
type components struct {
	account string // only this one, if not ""
	through int64  // id of the last entry taken in
	seen    int    // entries taken in

	index  map[store.Key]int
	keys   []store.Key
	parent []int
	next   []int       // the ring
	latest []time.Time // the last arrival, valid at the root
	done   []bool
}

func newComponents(account string) *components {
	return &components{account: account, index: map[store.Key]int{}}
}

// add takes in a page of the journal.
func (c *components) add(page []store.Entry) error {
	for i := range page {
		entry := &page[i]
		c.through = entry.ID
		c.seen++
		if entry.Ignored || c.account != "" && entry.Account != c.account {
			continue
		}
		if err := c.addEntry(entry); err != nil {
			return err
		}
	}
	return nil
}

func (c *components) addEntry(entry *store.Entry) error {
	node := c.node(about(entry))
	if root := c.find(node); entry.ReceivedAt.After(c.latest[root]) {
		c.latest[root] = entry.ReceivedAt
	}
	named, _, err := ingest.NamedIn(entry)
	if err != nil {
		return err
	}
	for _, id := range named {
		c.join(node, store.Key{Account: entry.Account, UUID: id})
	}
	return nil
}

// about says which dialog or call an entry is about.
func about(entry *store.Entry) store.Key {
	return store.Key{Account: entry.Account, UUID: cmp.Or(entry.DialogUUID, entry.CallUUID)}
}

// node gives the number of a dialog or call, a new one if it was not heard of.
func (c *components) node(key store.Key) int {
	if node, known := c.index[key]; known {
		return node
	}
	node := len(c.keys)
	c.index[key] = node
	c.keys = append(c.keys, key)
	c.parent = append(c.parent, node)
	c.next = append(c.next, node)
	c.latest = append(c.latest, time.Time{})
	c.done = append(c.done, false)
	return node
}

func (c *components) find(node int) int {
	for c.parent[node] != node {
		c.parent[node] = c.parent[c.parent[node]]
		node = c.parent[node]
	}
	return node
}

// join says that a node has to do with a key, and whether that is news about a key that was heard of before.
func (c *components) join(node int, key store.Key) (news bool) {
	_, known := c.index[key]
	a, b := c.find(node), c.find(c.node(key))
	if a == b {
		return false
	}
	c.parent[b] = a
	c.next[a], c.next[b] = c.next[b], c.next[a]
	if c.latest[b].After(c.latest[a]) {
		c.latest[a] = c.latest[b]
	}
	return known
}

// members lists a component.
func (c *components) members(node int) []store.Key {
	keys := []store.Key{c.keys[node]}
	for at := c.next[node]; at != node; at = c.next[at] {
		keys = append(keys, c.keys[at])
	}
	return keys
}
