//go:build unix

package chaos

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	_ "github.com/lib/pq" // the driver "postgres"
)

// database is a Postgres server of our own, with the settings that it has by default: a commit is on disk.
type database struct {
	bin, dir string
	log      string
	address  string
	owner    *syscall.Credential // nil: whoever runs us
	server   *process
}

// startPatience is how long anything may take to start.
const startPatience = time.Minute

// newDatabase makes a server, which is not started yet. Its files are in a directory of its own, for it may run as
// another user.
func newDatabase(ctx context.Context, programs, logDir string) (_ *database, err error) {
	d := &database{bin: programs, log: filepath.Join(logDir, "postgres.log")}
	if d.address, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	if d.dir, err = os.MkdirTemp("/tmp", "webhookd-chaos-postgres"); err != nil {
		return nil, fmt.Errorf("make directory of database: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(d.dir))
		}
	}()
	if os.Geteuid() == 0 {
		if err := d.disown(); err != nil {
			return nil, err
		}
	}
	p, err := launch("initdb", d.log, d.owner, filepath.Join(d.bin, "initdb"), "-D", d.data(), "-U", "webhookd",
		"-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	if err != nil {
		return nil, err
	}
	<-p.ended
	if p.err != nil {
		return nil, fmt.Errorf("make database: %w (see %s)", p.err, d.log)
	}
	return d, nil
}

func (d *database) data() string { return filepath.Join(d.dir, "data") }

// url is where the database is, directly or through a proxy.
func (d *database) url(address string) string {
	return "postgres://webhookd@" + address + "/postgres?sslmode=disable"
}

// start starts the server and returns when it answers.
func (d *database) start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(d.address)
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	d.server, err = launch("postgres", d.log, d.owner, filepath.Join(d.bin, "postgres"), "-D", d.data(), "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=100")
	if err != nil {
		return err
	}
	db, err := sql.Open("postgres", d.url(d.address))
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		failed := db.PingContext(ctx)
		switch {
		case failed == nil:
			return nil
		case d.server.hasEnded():
			return fmt.Errorf("start postgres: it ended (see %s)", d.log)
		case pause(ctx, pollEvery) != nil:
			return fmt.Errorf("start postgres: %w (see %s)", failed, d.log)
		}
	}
}

// crash ends the server as pg_ctl stop -m immediate does: at once, to recover when it starts.
func (d *database) crash() error { return d.server.stop(syscall.SIGQUIT) }

func (d *database) remove() error {
	return errors.Join(d.server.stop(syscall.SIGQUIT), os.RemoveAll(d.dir))
}

// disown gives the directory to a user who is not root: the server refuses to run as root.
func (d *database) disown() error {
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		const bits = 32
		uid, uidErr := strconv.ParseUint(found.Uid, 10, bits)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, bits)
		if err := errors.Join(uidErr, gidErr, os.Chown(d.dir, int(uid), int(gid))); err != nil {
			return fmt.Errorf("give database to %s: %w", name, err)
		}
		d.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return nil
	}
	return errors.New("give database away: running as root, and there is no user to run postgres as")
}
