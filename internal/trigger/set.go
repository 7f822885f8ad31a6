package trigger

import (
	"cmp"
	"slices"
)

// Set is all handlers of the installation, arranged so that the ones that an event concerns are found at once. It never
// changes; a nil Set is an empty one.
type Set struct {
	byName  map[string]*Compiled
	sorted  []*Compiled
	general byType            // of accounts that no handler names
	own     map[string]byType // of the accounts that some handler names
	cancels map[string]bool
}

// byType are handlers by the types of their events, in order of their names.
type byType struct {
	named map[string][]*Compiled
	every []*Compiled // of types that no handler names
}

// NewSet arranges handlers. Where two have one name, the later one counts.
func NewSet(handlers []*Compiled) *Set {
	s := &Set{byName: map[string]*Compiled{}, own: map[string]byType{}, cancels: map[string]bool{}}
	for _, c := range handlers {
		s.byName[c.handler.Name] = c
	}
	for _, c := range s.byName {
		s.sorted = append(s.sorted, c)
		for _, kind := range c.handler.CancelOn {
			s.cancels[kind] = true // also of one that is switched off: its triggers may still wait
		}
	}
	slices.SortFunc(s.sorted, func(a, b *Compiled) int { return cmp.Compare(a.handler.Name, b.handler.Name) })
	s.general = s.arrange("")
	for _, c := range s.sorted {
		if account := c.handler.Account; account != "" {
			s.own[account] = s.arrange(account)
		}
	}
	return s
}

// arrange gives the handlers that are for an account.
func (s *Set) arrange(account string) byType {
	b := byType{named: map[string][]*Compiled{}}
	var wanted []*Compiled
	for _, c := range s.sorted {
		if c.handler.Enabled && (c.handler.Account == "" || c.handler.Account == account) {
			wanted = append(wanted, c)
			for _, kind := range c.handler.On {
				b.named[kind] = nil
			}
		}
	}
	for kind := range b.named {
		for _, c := range wanted {
			if slices.Contains(c.handler.On, kind) || c.every() {
				b.named[kind] = append(b.named[kind], c)
			}
		}
	}
	b.every = b.named[Every]
	return b
}

func (c *Compiled) every() bool { return len(c.handler.On) == 1 && c.handler.On[0] == Every }

// Match gives the handlers that are for an account and a type of event, in order of their names; only those that are
// enabled. The list is not to be changed.
func (s *Set) Match(account, eventType string) []*Compiled {
	if s == nil {
		return nil
	}
	b, named := s.own[account]
	if !named {
		b = s.general
	}
	if handlers, ok := b.named[eventType]; ok {
		return handlers
	}
	return b.every
}

// CancelTypes says whether events of a type call off triggers of some handler.
func (s *Set) CancelTypes(eventType string) bool { return s != nil && s.cancels[eventType] }

// ByName gives the handler of a name that is for an account, enabled or not; nil if there is none.
func (s *Set) ByName(account, name string) *Compiled {
	if s == nil {
		return nil
	}
	c := s.byName[name]
	if c == nil || c.handler.Account != "" && c.handler.Account != account {
		return nil
	}
	return c
}

// All gives every handler, in order of their names. The list is not to be changed.
func (s *Set) All() []*Compiled {
	if s == nil {
		return nil
	}
	return s.sorted
}
