//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"
)

// world is everything that runs.
type world struct {
	database  *database
	proxies   []*proxy // one for each instance
	brokers   []*broker
	instances []*instance

	stopKeeping func() // ends the loops that keep the instances up
	busy        map[string]*sync.Mutex
}

// newWorld makes everything, below a directory, and starts nothing but the proxies.
func newWorld(ctx context.Context, cfg Config) (_ *world, err error) {
	w := &world{busy: map[string]*sync.Mutex{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.end())
		}
	}()
	if w.database, err = newDatabase(ctx, cfg.Postgres, cfg.Dir); err != nil {
		return nil, err
	}
	if w.brokers, err = newBrokers(ctx, cfg.NATSServer, cfg.Dir, nodes); err != nil {
		return nil, err
	}
	for i := range instances {
		proxy, err := newProxy(ctx, w.database.address)
		if err != nil {
			return nil, err
		}
		w.proxies = append(w.proxies, proxy)
		one, err := newInstance(ctx, i+1, cfg.Webhookd, cfg.Dir, w.database.url(proxy.address()), urls(w.brokers), cfg.Settle)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(one.dir, 0o700); err != nil {
			return nil, fmt.Errorf("make directory of %s: %w", one.name, err)
		}
		w.instances = append(w.instances, one)
	}
	w.busy["postgres"] = &sync.Mutex{}
	for i := range w.instances {
		w.busy[fmt.Sprint("webhookd", i)], w.busy[fmt.Sprint("network", i)] = &sync.Mutex{}, &sync.Mutex{}
	}
	for i := range w.brokers {
		w.busy[fmt.Sprint("nats", i)] = &sync.Mutex{}
	}
	return w, nil
}

// start starts everything and returns when it is ready.
func (w *world) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*startPatience)
	defer cancel()
	for _, b := range w.brokers {
		if err := b.start(); err != nil {
			return err
		}
	}
	if err := w.database.start(ctx); err != nil {
		return err
	}
	for _, b := range w.brokers {
		if err := b.healthy(ctx); err != nil {
			return err
		}
	}
	keeping, stop := context.WithCancel(context.Background())
	var kept sync.WaitGroup
	w.stopKeeping = func() { stop(); kept.Wait() }
	for _, i := range w.instances {
		i.want(true)
		kept.Go(func() { _ = i.run(keeping) })
	}
	for _, i := range w.instances {
		if err := i.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// take makes sure that a thing is broken by one fault at a time. ok is false if it is broken already.
func (w *world) take(things ...string) (release func(), ok bool) {
	var taken []*sync.Mutex
	release = func() {
		for _, m := range taken {
			m.Unlock()
		}
	}
	for _, thing := range things {
		if m := w.busy[thing]; m.TryLock() {
			taken = append(taken, m)
			continue
		}
		release()
		return nil, false
	}
	return release, true
}

// breaks lets one fault happen, and mends what it broke. done is false if that was broken already.
func (w *world) breaks(ctx context.Context, f fault, tell func(string, ...any)) (done bool, err error) {
	things, doing, undoing := w.means(ctx, f)
	release, ok := w.take(things...)
	if !ok {
		tell("%s: left out, some of that is broken already", f.kind)
		return false, nil
	}
	defer release()
	tell("%s", f)
	if err := doing(); err != nil {
		return false, fmt.Errorf("%s: %w", f.kind, err)
	}
	_ = pause(ctx, f.last) // cut short, it is mended at once
	if err := undoing(); err != nil {
		return true, fmt.Errorf("mend after %s: %w", f.kind, err)
	}
	return true, nil
}

// means says what a fault concerns, and how it is done and undone.
func (w *world) means(ctx context.Context, f fault) (things []string, doing, undoing func() error) {
	switch f.kind {
	case killWebhookd:
		one := w.instances[f.which]
		return []string{fmt.Sprint("webhookd", f.which)}, one.kill, func() error { one.want(true); return nil }
	case crashPostgres:
		return []string{"postgres"}, w.database.crash,
			func() error { return w.database.start(context.WithoutCancel(ctx)) }
	case stallNetwork:
		var proxies []*proxy
		for i, p := range w.proxies {
			if f.which == i || f.which == instances {
				things, proxies = append(things, fmt.Sprint("network", i)), append(proxies, p)
			}
		}
		return things, each(proxies, func(p *proxy) error { p.stall(); return nil }),
			each(proxies, func(p *proxy) error { p.resume(); return nil })
	case killNATS, killQuorum, killCluster:
		var brokers []*broker
		for i, b := range w.brokers {
			if f.kind == killCluster || (f.kind == killNATS) == (i == f.which) {
				things, brokers = append(things, fmt.Sprint("nats", i)), append(brokers, b)
			}
		}
		return things, each(brokers, (*broker).kill), each(brokers, (*broker).start)
	}
	return nil, nil, nil
}

func each[T any](all []T, do func(T) error) func() error {
	return func() error {
		errs := make([]error, 0, len(all))
		for _, one := range all {
			errs = append(errs, do(one))
		}
		return errors.Join(errs...)
	}
}

// heal waits until everything is up again.
func (w *world) heal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*startPatience)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, b := range w.brokers {
		group.Go(func() error { return b.healthy(ctx) })
	}
	for _, i := range w.instances {
		group.Go(func() error { return i.ready(ctx) })
	}
	return group.Wait()
}

// end takes everything down, whatever state it is in. It may be called again.
func (w *world) end() error {
	var errs []error
	if w.stopKeeping != nil {
		w.stopKeeping()
	}
	for _, i := range w.instances {
		errs = append(errs, i.kill())
	}
	for _, b := range w.brokers {
		errs = append(errs, b.kill())
	}
	for _, p := range w.proxies {
		errs = append(errs, p.close())
	}
	if w.database != nil {
		errs = append(errs, w.database.remove())
	}
	return errors.Join(errs...)
}
