package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
)

// rebuildRound is one webhookd rebuild --check.
type rebuildRound struct {
	System      string  `json:"system"`
	Round       int     `json:"round"`
	Calls       int64   `json:"calls"`
	Entries     int64   `json:"journal_entries"`
	Rate        float64 `json:"entries_per_second"`
	Differences int64   `json:"differences"`
	Failed      string  `json:"failed,omitempty"`
}

// rebuild fills a database through the door, and works it out anew.
func (b *bench) rebuild(ctx context.Context, into *result) error {
	for _, name := range []string{systemPostgres, systemSQLite} {
		err := b.filled(ctx, name, func(args []string) error {
			for number := 1; number <= b.plan.rounds; number++ {
				r, err := b.rebuildOnce(ctx, args)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				r.System, r.Round = name, number
				if err != nil {
					r.Failed = err.Error()
					into.fail(fmt.Errorf("rebuild on %s: %w", name, err))
				}
				b.log.Info("rebuild", "system", name, "entries", r.Entries, "rate", int(r.Rate), "differences", r.Differences)
				into.Rebuilds = append(into.Rebuilds, r)
			}
			return nil
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			into.fail(fmt.Errorf("fill %s: %w", name, err))
		}
	}
	return nil
}

// filled lets calls be made for a while, stops the service, and hands over how to get at its database.
func (b *bench) filled(ctx context.Context, name string, use func(args []string) error) (err error) {
	lender := &system{}
	defer func() { err = errors.Join(err, lender.stop()) }()
	var (
		s    *system
		args []string
	)
	if name == systemPostgres {
		schema, err := b.lendSchema(ctx, lender)
		if err != nil {
			return err
		}
		args = []string{"--database-url", b.postgres.url(schema)}
		if s, err = b.openPostgres(ctx, schema); err != nil {
			return err
		}
	} else {
		dir, err := b.lendDirectory(lender, name)
		if err != nil {
			return err
		}
		args = []string{"--data-dir", filepath.Join(dir, "data")}
		if s, err = b.openSQLite(ctx, dir); err != nil {
			return err
		}
	}
	_, err = b.put(ctx, s, load{connections: busiest, duration: b.plan.rebuildLoad})
	if err == nil {
		err = s.books.quiet(ctx)
	}
	if err := errors.Join(err, s.stop()); err != nil {
		return err
	}
	return use(args)
}

// rebuilt is what webhookd rebuild says at its end.
var rebuilt = regexp.MustCompile(`(\d+) calls derived from (\d+) journal entries in \S+ \((\d+)/s\): (\d+) differences`)

func (b *bench) rebuildOnce(ctx context.Context, args []string) (rebuildRound, error) {
	cmd := program(ctx, b.webhookd, append([]string{"rebuild", "--check", "--settle-delay", settleDelay}, args...)...)
	out, err := execute(ctx, "webhookd rebuild", cmd)
	r, readErr := parseRebuilt(string(out))
	switch {
	case err != nil && r.Differences == 0:
		return r, err
	case readErr != nil:
		return r, readErr
	case r.Differences > 0:
		return r, fmt.Errorf("%d differences, the first: %.300s", r.Differences, out)
	default:
		return r, nil
	}
}

func parseRebuilt(out string) (rebuildRound, error) {
	found := rebuilt.FindStringSubmatch(out)
	if found == nil {
		return rebuildRound{}, fmt.Errorf("read result of rebuild: %.300q", out)
	}
	var numbers [4]int64
	for i := range numbers {
		var err error
		if numbers[i], err = strconv.ParseInt(found[i+1], 10, 64); err != nil {
			return rebuildRound{}, fmt.Errorf("read result of rebuild: %w", err)
		}
	}
	return rebuildRound{
		Calls: numbers[0], Entries: numbers[1], Rate: float64(numbers[2]), Differences: numbers[3],
	}, nil
}
