package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
)

// The systems of the throughput part, in the order in which they take turns.
const (
	systemPostgres = "postgres"
	systemLimit    = "limit"
	systemPlain    = "plain"
	systemSQLite   = "sqlite"
)

var systemNames = []string{systemPostgres, systemLimit, systemPlain, systemSQLite}

// system is everything that runs while a round is measured.
type system struct {
	service   *service
	books     *books         // nil: it keeps nothing
	natsURL   string         // "": it publishes nothing
	processes map[string]int // whose processor time is told
	undo      []func() error
}

// The processes whose processor time is told; the generator's is added.
const (
	serviceProcess  = "service"
	postgresProcess = "postgres"
	natsProcess     = "nats"
	generator       = "generator"
)

// stop ends everything, the last first.
func (s *system) stop() error {
	var errs []error
	for _, undo := range slices.Backward(s.undo) {
		errs = append(errs, undo())
	}
	s.undo = nil
	return errors.Join(errs...)
}

func (s *system) later(undo func() error) { s.undo = append(s.undo, undo) }

// open starts a system on an empty database of its own.
func (b *bench) open(ctx context.Context, name string) (*system, error) {
	return b.assemble(func(s *system) error {
		switch name {
		case systemPostgres:
			schema, err := b.lendSchema(ctx, s)
			if err != nil {
				return err
			}
			return b.addPostgres(ctx, s, schema)
		case systemSQLite:
			dir, err := b.lendDirectory(s, name)
			if err != nil {
				return err
			}
			return b.addSQLite(ctx, s, dir)
		case systemPlain:
			return b.addPlain(ctx, s)
		case systemLimit:
			return b.addService(s, func() (*service, error) {
				return startService(ctx, serveLimit, b.own(ctx, serveLimit))
			})
		default:
			return fmt.Errorf("open system: %q is none", name)
		}
	})
}

// openPostgres starts webhookd on a schema that is there and stays.
func (b *bench) openPostgres(ctx context.Context, schema string) (*system, error) {
	return b.assemble(func(s *system) error { return b.addPostgres(ctx, s, schema) })
}

// openSQLite starts webhookd on a directory that is there and stays.
func (b *bench) openSQLite(ctx context.Context, dir string) (*system, error) {
	return b.assemble(func(s *system) error { return b.addSQLite(ctx, s, dir) })
}

// assemble puts a system together, and takes it apart if something fails.
func (b *bench) assemble(add func(*system) error) (*system, error) {
	s := &system{processes: map[string]int{}}
	if err := add(s); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// lendSchema makes a schema for as long as the system lives.
func (b *bench) lendSchema(ctx context.Context, s *system) (string, error) {
	schema := b.name("round")
	if err := b.postgres.makeSchema(ctx, schema); err != nil {
		return "", err
	}
	s.later(func() error { return b.postgres.dropSchema(schema) })
	return schema, nil
}

// lendDirectory makes a directory for as long as the system lives.
func (b *bench) lendDirectory(s *system, kind string) (string, error) {
	dir, err := b.room(b.name(kind))
	if err != nil {
		return "", err
	}
	s.later(func() error { return b.remove(dir) })
	return dir, nil
}

// remove removes a directory, unless everything is to be kept.
func (b *bench) remove(dir string) error {
	if b.plan.keep {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove directory: %w", err)
	}
	return nil
}

// addBroker adds a nats-server with empty streams.
func (b *bench) addBroker(ctx context.Context, s *system) error {
	dir, err := b.lendDirectory(s, "nats")
	if err != nil {
		return err
	}
	broker, err := b.startBroker(ctx, dir)
	if err != nil {
		return err
	}
	s.later(broker.stop)
	s.natsURL = broker.url
	s.processes[natsProcess] = broker.server.pid()
	return nil
}

// addService adds what answers the webhooks.
func (*bench) addService(s *system, start func() (*service, error)) error {
	started, err := start()
	if err != nil {
		return err
	}
	s.service = started
	s.later(started.stop)
	s.processes[serviceProcess] = started.process.pid()
	return nil
}

func (s *system) addBooks(opened *books, err error) error {
	if err != nil {
		return err
	}
	s.books = opened
	s.later(func() error { opened.close(); return nil })
	return nil
}

// addPostgres adds webhookd on a schema, with a nats-server.
func (b *bench) addPostgres(ctx context.Context, s *system, schema string) error {
	dir, err := b.lendDirectory(s, "spool")
	if err != nil {
		return err
	}
	if err := b.addBroker(ctx, s); err != nil {
		return err
	}
	s.processes[postgresProcess] = b.postgres.server.pid()
	err = b.addService(s, func() (*service, error) {
		return b.startWebhookd(ctx, dir, b.postgres.url(schema), s.natsURL)
	})
	if err != nil {
		return err
	}
	return s.addBooks(b.postgres.books(schema))
}

// addSQLite adds webhookd with its embedded database in a directory, with an external nats-server.
func (b *bench) addSQLite(ctx context.Context, s *system, dir string) error {
	if err := b.addBroker(ctx, s); err != nil {
		return err
	}
	err := b.addService(s, func() (*service, error) { return b.startWebhookd(ctx, dir, "", s.natsURL) })
	if err != nil {
		return err
	}
	return s.addBooks(sqliteBooks(dir))
}

// addPlain adds the reference with a transaction for each webhook.
func (b *bench) addPlain(ctx context.Context, s *system) error {
	schema, err := b.lendSchema(ctx, s)
	if err != nil {
		return err
	}
	s.processes[postgresProcess] = b.postgres.server.pid()
	err = b.addService(s, func() (*service, error) {
		return startService(ctx, servePlain, b.own(ctx, servePlain, b.postgres.url(schema)))
	})
	if err != nil {
		return err
	}
	return s.addBooks(b.postgres.books(schema))
}

// own is this program in another role.
func (b *bench) own(ctx context.Context, args ...string) *exec.Cmd {
	return resident(ctx, b.self, args...)
}
