package rebuild

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"webhookd/internal/flow"
	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// Difference is one thing that was not what the journal gives.
type Difference struct {
	Account string
	What    string // leg, call or event
	UUID    string
	Field   string // "" where the whole thing is meant
	Was, Is string // as text; "" for not there
}

func (d Difference) String() string {
	name := fmt.Sprintf("%s %s of account %s", d.What, d.UUID, d.Account)
	if d.Field != "" {
		name += ": " + d.Field
	}
	return fmt.Sprintf("%s: was %s, is %s", name, orNothing(d.Was), orNothing(d.Is))
}

func orNothing(text string) string {
	if text == "" {
		return "not there"
	}
	return text
}

func (g *group) differ(account, what, uuid, field, was, is string) {
	g.differences = append(g.differences, Difference{account, what, uuid, field, was, is})
}

// stored is what is kept about a group, read at once.
type stored struct {
	legs   map[store.Key]store.Leg
	calls  map[store.Key]store.Call
	events map[store.Key][]flow.Event // by call
}

// compare holds what was derived against what is stored, and collects what is to be written.
func (g *group) compare(ctx context.Context) error {
	var keys []store.Key
	for _, p := range g.parts {
		keys = append(keys, p.keys...)
	}
	was := stored{legs: map[store.Key]store.Leg{}, calls: map[store.Key]store.Call{}, events: map[store.Key][]flow.Event{}}
	legs, err := g.tx.Legs(ctx, keys)
	if err != nil {
		return err
	}
	for _, leg := range legs {
		was.legs[store.Key{Account: leg.Account, UUID: leg.DialogUUID}] = leg
	}
	calls := make([][]store.Key, len(g.parts))
	for i, p := range g.parts {
		calls[i] = p.calls(was)
	}
	rows, err := g.tx.WholeCalls(ctx, slices.Concat(calls...))
	if err != nil {
		return err
	}
	facts, err := g.tx.FactsOf(ctx, slices.Concat(calls...))
	if err != nil {
		return err
	}
	for _, call := range rows {
		key := store.Key{Account: call.Account, UUID: call.CallUUID}
		call.Index.Facts = facts[key]
		was.calls[key] = call
	}
	changes, err := g.tx.EventsOf(ctx, slices.Concat(calls...))
	if err != nil {
		return err
	}
	for _, change := range changes {
		if change.JournalID == 0 {
			continue // what handlers published: it does not come out of the journal
		}
		key := store.Key{Account: change.Account, UUID: change.CallUUID}
		was.events[key] = append(was.events[key], change.Events...)
	}
	removed, err := g.readRemoved(ctx, keys)
	if err != nil {
		return err
	}
	for i, p := range g.parts {
		if removed.touches(p.keys) || g.incomplete(p.keys, was.legs, p.derived.Legs) {
			continue
		}
		g.compareLegs(was.legs, p.derived.Legs)
		g.compareCalls(was.calls, calls[i], p.derived.Calls)
		g.due = append(g.due, p.derived.Due...)
		g.compareEvents(was.events, calls[i], p.derived.Outbox, removed)
	}
	return nil
}

// calls names the calls that a part is, or was, about.
func (p *part) calls(was stored) []store.Key {
	calls := slices.Clone(p.keys)
	for _, key := range p.keys {
		if leg, known := was.legs[key]; known {
			calls = append(calls, store.Key{Account: leg.Account, UUID: leg.CallUUID})
		}
	}
	for _, call := range p.derived.Calls {
		calls = append(calls, store.Key{Account: call.Account, UUID: call.CallUUID})
	}
	slices.SortFunc(calls, func(a, b store.Key) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.UUID, b.UUID))
	})
	return slices.Compact(calls)
}

// incomplete says, and reports, that the journal lacks all entries of a leg that is stored. What such a call was cannot
// be worked out any more, so it is left as it is.
func (g *group) incomplete(keys []store.Key, stored map[store.Key]store.Leg, derived []store.Leg) bool {
	there := map[store.Key]bool{}
	for _, leg := range derived {
		there[store.Key{Account: leg.Account, UUID: leg.DialogUUID}] = true
	}
	found := false
	for _, key := range keys {
		if _, kept := stored[key]; kept && !there[key] {
			g.differ(key.Account, "leg", key.UUID, "", "there, and is left with its call", "")
			found = true
		}
	}
	return found
}

func (g *group) compareLegs(stored map[store.Key]store.Leg, derived []store.Leg) {
	for _, leg := range derived {
		was, known := stored[store.Key{Account: leg.Account, UUID: leg.DialogUUID}]
		switch {
		case !known:
			g.differ(leg.Account, "leg", leg.DialogUUID, "", "", "there")
		case was.CallUUID != leg.CallUUID:
			g.differ(leg.Account, "leg", leg.DialogUUID, "call_uuid", was.CallUUID, leg.CallUUID)
		case !bytes.Equal(was.Evidence, leg.Evidence):
			g.differ(leg.Account, "leg", leg.DialogUUID, "evidence", hex.EncodeToString(was.Evidence),
				hex.EncodeToString(leg.Evidence))
		default:
			continue
		}
		g.legs = append(g.legs, leg)
	}
}

func (g *group) compareCalls(stored map[store.Key]store.Call, keys []store.Key, derived []store.Call) {
	for _, call := range derived {
		key := store.Key{Account: call.Account, UUID: call.CallUUID}
		was, known := stored[key]
		delete(stored, key)
		if !known {
			g.differ(call.Account, "call", call.CallUUID, "", "", "there")
		} else if !g.compareCall(was, call) {
			continue
		}
		g.calls = append(g.calls, call)
	}
	for _, key := range keys {
		if _, kept := stored[key]; kept {
			delete(stored, key)
			g.differ(key.Account, "call", key.UUID, "", "there", "")
			g.drop = append(g.drop, key)
		}
	}
}

// compareCall says whether two forms of a call differ, and reports every field that does.
func (g *group) compareCall(was, is store.Call) bool {
	before := len(g.differences)
	report := func(name, old, now string) {
		if old != now {
			g.differ(was.Account, "call", was.CallUUID, name, old, now)
		}
	}
	report("merged_into", was.MergedInto, is.MergedInto)
	if !bytes.Equal(was.Record, is.Record) {
		reportRecord(report, was.Record, is.Record)
		if len(g.differences) == before {
			report("record", string(was.Record), string(is.Record))
		}
	}
	report("ledger", string(was.Ledger), string(is.Ledger))
	report("seq", strconv.FormatInt(was.Seq, 10), strconv.FormatInt(is.Seq, 10))
	report("revision", strconv.Itoa(was.Revision), strconv.Itoa(is.Revision))
	report("heard_at", when(was.HeardAt), when(is.HeardAt))
	report("updated_at", when(was.UpdatedAt), when(is.UpdatedAt))
	if !slices.Equal(was.Index.Facts, is.Index.Facts) {
		report("facts", shown(was.Index.Facts), shown(is.Index.Facts))
	}
	was.Index.Facts, is.Index.Facts = nil, nil
	if !reflect.DeepEqual(was.Index, is.Index) {
		report("search", fmt.Sprintf("%+v", was.Index), fmt.Sprintf("%+v", is.Index))
	}
	return len(g.differences) > before
}

// reportRecord reports every field of two records, which differ in some.
func reportRecord(report func(name, old, now string), was, is json.RawMessage) {
	old, now := fieldsOf(was), fieldsOf(is)
	names := slices.Sorted(maps.Keys(now))
	for name := range old {
		if _, known := now[name]; !known {
			names = append(names, name)
		}
	}
	for _, name := range names {
		report("record."+name, string(old[name]), string(now[name]))
	}
}

// shown gives what counts of a call in statistics as text.
func shown(facts []stats.Fact) string {
	texts := make([]string, len(facts))
	for i, fact := range facts {
		texts[i] = fmt.Sprintf("%+v", fact)
	}
	return strings.Join(texts, " ")
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func fieldsOf(record json.RawMessage) map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(record, &fields) != nil {
		return nil // told as a whole
	}
	return fields
}

// compareEvents holds the ids of the events against the outbox's history, as far as that is kept.
func (g *group) compareEvents(
	was map[store.Key][]flow.Event, calls []store.Key, derived []*store.OutboxRow, removed removed,
) {
	type place struct {
		call store.Key
		seq  int64
	}
	stored := map[string]place{}
	for _, call := range calls {
		for _, event := range was[call] {
			stored[event.UUID] = place{call, event.Seq}
		}
	}
	for _, row := range derived {
		var lacking []flow.Event
		for _, event := range row.Events {
			was, known := stored[event.UUID]
			delete(stored, event.UUID)
			name := fmt.Sprintf("%s, seq %d", event.Type, event.Seq)
			switch {
			case !known && removed.published(row):
			case !known:
				g.differ(row.Account, "event", event.UUID, "", "", name)
				lacking = append(lacking, event)
			case was.seq != event.Seq:
				g.differ(row.Account, "event", event.UUID, "seq",
					strconv.FormatInt(was.seq, 10), strconv.FormatInt(event.Seq, 10))
			}
		}
		if len(lacking) > 0 {
			change := *row
			change.Events = lacking
			change.CreatedAt = time.Time{} // when it is written
			g.outbox = append(g.outbox, &change)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(stored)) {
		was := stored[id]
		g.differ(was.call.Account, "event", id, "", fmt.Sprintf("seq %d of call %s", was.seq, was.call.UUID), "")
	}
}
