package main

import (
	"context"
	"fmt"
)

// throughput puts as much load as gets answered on each system in turn, at each number of connections, again and again:
// what is compared is measured side by side.
func (b *bench) throughput(ctx context.Context, into *result) error {
	for number := 1; number <= b.plan.rounds; number++ {
		for _, connections := range b.plan.connections {
			for _, name := range b.plan.systems {
				r, err := b.once(ctx, name, load{
					connections: connections, duration: b.plan.duration, warmup: b.plan.warmup, cut: true, seed: number,
				}, number)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				into.Rounds = append(into.Rounds, r)
				if err != nil {
					into.fail(fmt.Errorf("%s at %d connections, round %d: %w", name, connections, number, err))
				}
			}
		}
	}
	return nil
}
