package correlate

import (
	"slices"

	"webhookd/internal/dialog"
)

// Set is a part of an account's legs and calls, whole enough that webhooks can be applied to it: for every leg in it,
// all legs of that leg's call are in it too. Whoever fills it asks Missing what else a webhook needs. It is used by one
// goroutine.
type Set struct {
	rules   Rules
	account string
	legs    map[string]*Leg
	links   map[string]Link
	calls   map[string]*Call           // the calls of the legs, derived when first asked for
	members map[string]map[string]bool // call uuid → uuids of its legs
	loaded  map[string]bool            // uuids (dialogs and calls) whose legs are here, if there are any
}

// NewSet gives an empty set of one account.
func NewSet(rules Rules, account string) *Set {
	return &Set{
		rules: rules, account: account, legs: map[string]*Leg{}, links: map[string]Link{}, calls: map[string]*Call{},
		members: map[string]map[string]bool{}, loaded: map[string]bool{},
	}
}

// Load adds what is known for these uuids, each a dialog's or a call's: every leg of every call that one of them stands
// for. Legs that are here already stay as they are.
func (s *Set) Load(uuids []string, legs []*Leg) {
	for _, id := range uuids {
		s.loaded[id] = true
	}
	var fresh []*Leg
	for _, leg := range legs {
		if s.legs[leg.UUID] == nil {
			s.legs[leg.UUID] = leg
			s.loaded[leg.UUID] = true
			fresh = append(fresh, leg)
		}
	}
	for _, leg := range fresh {
		link := findLink(s.account, leg, s.find)
		s.links[leg.UUID] = link
		s.join(link.Call, leg.UUID)
		s.loaded[link.Call] = true
	}
}

// Missing gives the uuids that must be loaded before the evidence can be applied; none if it can be. Loading them can
// show that more are missing.
func (s *Set) Missing(evidence *Leg) []string {
	var missing []string
	need := func(id string) {
		if id != "" && !s.loaded[id] && !slices.Contains(missing, id) {
			missing = append(missing, id)
		}
	}
	need(evidence.UUID)
	need(evidence.Told(dialog.CallerDialogUUID))
	if len(missing) > 0 {
		return missing
	}
	merged := s.merged(evidence)
	find := func(id string) *Leg {
		if id == merged.UUID {
			return merged
		}
		need(id)
		return s.legs[id]
	}
	link := findLink(s.account, merged, find)
	need(link.Call)
	return missing
}

// Has says whether the legs are here that are known for a uuid, a dialog's or a call's.
func (s *Set) Has(uuid string) bool { return s.loaded[uuid] }

// Legs is how many legs the set holds.
func (s *Set) Legs() int { return len(s.legs) }

func (s *Set) find(id string) *Leg { return s.legs[id] }

func (s *Set) merged(evidence *Leg) *Leg {
	if known := s.legs[evidence.UUID]; known != nil {
		return Merge(known, evidence)
	}
	return evidence
}

func (s *Set) join(call, leg string) {
	if s.members[call] == nil {
		s.members[call] = map[string]bool{}
	}
	s.members[call][leg] = true
}

func (s *Set) leave(call, leg string) {
	delete(s.members[call], leg)
	if len(s.members[call]) == 0 {
		delete(s.members, call)
	}
}

// Leg gives a leg of the set and its place, nil if it is not there.
func (s *Set) Leg(id string) (*Leg, Link) { return s.legs[id], s.links[id] }

// Call gives a call of the set, nil if it has no legs.
func (s *Set) Call(id string) *Call {
	if call := s.calls[id]; call != nil {
		return call
	}
	ids := s.members[id]
	if len(ids) == 0 {
		return nil
	}
	legs := make([]Linked, 0, len(ids))
	for leg := range ids {
		legs = append(legs, Linked{s.legs[leg], s.links[leg]})
	}
	call := Derive(s.rules, s.account, id, legs)
	s.calls[id] = call
	return call
}

// Effect is what one piece of evidence did to one call.
type Effect struct {
	CallUUID string
	Before   *Call  // nil if the call began with it
	After    *Call  // nil if it has no legs any more
	Into     string // the call that all its legs went to, if After is nil
	Steps    []Step // in the order of design §7
}

// Applied is what one piece of evidence did.
type Applied struct {
	Effects []Effect // the call of the evidence's dialog first; only calls that the evidence touches
	Legs    []string // uuids of the legs that changed or moved
	Cycle   bool     // the leg's parents form a cycle
}

// Apply merges evidence into the set. Missing must have given nothing. It panics if it is applied to a set that lacks
// what it needs, because the records would be wrong without a sign of it.
func (s *Set) Apply(evidence *Leg) Applied {
	if missing := s.Missing(evidence); len(missing) > 0 {
		panic("evidence applied to a set that lacks " + missing[0])
	}
	id := evidence.UUID
	old, after := s.legs[id], s.merged(evidence)
	was, moved := s.relink(old, after)
	s.legs[id] = after
	main := s.links[id].Call

	touched := []string{main}
	for _, call := range moved.calls() {
		if call != main {
			touched = append(touched, call)
		}
	}
	before := map[string]*Call{}
	for _, call := range touched {
		before[call] = was(call)
	}
	for _, call := range touched {
		delete(s.calls, call)
	}
	d := &diff{
		set: s, old: old, leg: after, at: max(evidence.First, evidence.closedAt()), before: before, moved: moved,
	}
	applied := Applied{Legs: moved.legs(id), Cycle: s.links[id].Cycle}
	for _, call := range touched {
		effect := Effect{CallUUID: call, Before: before[call], After: s.Call(call)}
		if effect.After == nil {
			effect.Into = s.successor(call, moved)
		} else {
			effect.Steps = d.steps(call, call == main)
		}
		applied.Effects = append(applied.Effects, effect)
	}
	return applied
}

// moves says which legs went from one call to another.
type moves map[string]struct{ from, to string }

// calls gives every call that a leg left or came to, sorted.
func (m moves) calls() []string {
	calls := make([]string, 0, 2*len(m))
	for _, move := range m {
		calls = append(calls, move.from, move.to)
	}
	slices.Sort(calls)
	return slices.Compact(calls)
}

// legs gives the moved legs, sorted, with one more put first.
func (m moves) legs(first string) []string {
	legs := []string{first}
	for leg := range m {
		if leg != first {
			legs = append(legs, leg)
		}
	}
	slices.Sort(legs[1:])
	return legs
}

// relink works out the links again that can have changed: those of the leg itself, of the legs of its old call, and of
// the call that has the leg's own uuid (its children, if they came first). Nobody else's way up leads through the leg.
// was gives a call as it was before.
func (s *Set) relink(old, leg *Leg) (was func(string) *Call, moved moves) {
	known := map[string]*Call{}
	was = func(call string) *Call { return known[call] }
	moved = moves{}
	if old != nil && sameLink(old, leg) {
		call := s.links[leg.UUID].Call
		known[call] = s.Call(call)
		return was, moved
	}
	affected := map[string]bool{leg.UUID: true}
	for _, call := range []string{s.links[leg.UUID].Call, leg.UUID} {
		for member := range s.members[call] {
			affected[member] = true
		}
	}
	find := func(id string) *Leg {
		if id == leg.UUID {
			return leg
		}
		return s.legs[id]
	}
	links := map[string]Link{}
	for id := range affected {
		links[id] = findLink(s.account, find(id), find)
	}
	for id, link := range links {
		known[link.Call] = s.Call(link.Call)
		if from := s.links[id].Call; from != "" {
			known[from] = s.Call(from)
		}
	}
	for id, link := range links {
		from := s.links[id].Call
		if from != "" && from != link.Call {
			moved[id] = struct{ from, to string }{from, link.Call}
			s.leave(from, id)
		}
		s.links[id] = link
		s.join(link.Call, id)
	}
	return was, moved
}

// sameLink says whether a leg's way up begins as before.
func sameLink(a, b *Leg) bool {
	for _, field := range []dialog.Field{
		dialog.CallerDialogUUID, dialog.ApplicationType, dialog.CaseID, dialog.ContactTry,
	} {
		if a.Told(field) != b.Told(field) {
			return false
		}
	}
	return true
}

// successor is the call that took over a call without legs: the one of its first leg in leg order.
func (s *Set) successor(call string, moved moves) string {
	var first *Leg
	for id, move := range moved {
		if leg := s.legs[id]; move.from == call && (first == nil || compareLegs(leg, first) < 0) {
			first = leg
		}
	}
	if first == nil {
		return ""
	}
	return s.links[first.UUID].Call
}
