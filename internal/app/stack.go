package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// stack holds named clean-ups and runs them last in, first out. A start that fails half-way rolls back by it.
type stack struct {
	mu    sync.Mutex
	items []cleanup
}

type cleanup struct {
	name string
	run  func(context.Context) error
}

func (s *stack) push(name string, run func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = append(s.items, cleanup{name, run})
}

// unwind runs every clean-up once, also after one has failed, and gives all errors.
func (s *stack) unwind(ctx context.Context) error {
	s.mu.Lock()
	items := s.items
	s.items = nil
	s.mu.Unlock()
	var all []error
	for _, item := range slices.Backward(items) {
		if err := item.run(ctx); err != nil {
			all = append(all, fmt.Errorf("stop %s: %w", item.name, err))
		}
	}
	return errors.Join(all...)
}
