package main

import (
	"errors"
	"io/fs"
	"net"

	"webhookd/internal/config"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/natsbus"
	"webhookd/internal/replay"
	"webhookd/internal/store"
	"webhookd/internal/store/sqlite"
	"webhookd/internal/trigger"
)

// Exit codes, as README.md promises them.
const (
	exitOK      = 0
	exitFailure = 1 // something failed on the way
	exitUsage   = 2 // it could not begin: command line, set-up, an address that is taken, something out of reach
)

// usageError is a fault of the command line that the flag library does not know.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

// beginError is whatever kept a service from beginning that is not its own fault.
type beginError struct{ err error }

func (e *beginError) Error() string { return e.err.Error() }
func (e *beginError) Unwrap() error { return e.err }

// saidError ends a command that has said already what is wrong.
type saidError struct{}

func (*saidError) Error() string { return "failed" }

func exitCode(err error) int {
	var (
		usage *usageError
		begin *beginError
		setup *config.Error
	)
	if errors.As(err, &usage) || errors.As(err, &begin) || errors.As(err, &setup) || errors.Is(err, replay.ErrUnreachable) {
		return exitUsage
	}
	return exitFailure
}

// cannotBegin marks the errors of opening and binding that the surroundings are to blame for: an address that is taken
// or not ours, a server that is out of reach, a directory that cannot be used, a handlers file that is wrong.
func cannotBegin(err error) error {
	var (
		network  *net.OpError
		path     *fs.PathError
		handlers *trigger.DefinitionError
	)
	if errors.As(err, &network) || errors.As(err, &path) || errors.As(err, &handlers) ||
		errors.Is(err, natsbus.ErrListen) || errors.Is(err, natsbus.ErrNotLoopback) || errors.Is(err, store.ErrUnavailable) ||
		errors.Is(err, sqlite.ErrInUse) || errors.Is(err, spool.ErrInUse) {
		return &beginError{err}
	}
	return err
}
