package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	_ "github.com/lib/pq" // the driver "postgres"
)

// setting is one parameter of a server.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Settings that stand in more than one list.
const (
	maxWALSize        = "max_wal_size"
	checkpointTimeout = "checkpoint_timeout"
)

// pinned is what differs from the server's defaults: a small dedicated machine's set-up. Durability is the default.
var pinned = []setting{
	{"shared_buffers", "512MB"},
	{maxWALSize, "4GB"},
	{checkpointTimeout, "15min"},
	{"max_connections", "100"},
}

// shown is what the document tells of the server, as it is in force.
var shown = []string{
	"shared_buffers", maxWALSize, checkpointTimeout, "wal_level", "fsync", "synchronous_commit",
	"full_page_writes", "wal_sync_method", "wal_compression", "commit_delay", "autovacuum", "jit", "work_mem",
	"effective_cache_size", "random_page_cost", "data_checksums",
}

// loading makes bulk loads fast. What is loaded is on disk before the server is started again without these.
var loading = []setting{
	{"wal_level", "minimal"},
	{"max_wal_senders", "0"},
	{"fsync", "off"},
	{"autovacuum", "off"},
	{maxWALSize, "32GB"},
	{checkpointTimeout, "1h"},
	{"maintenance_work_mem", "1GB"},
}

// cluster is a PostgreSQL server with databases that are thrown away.
type cluster struct {
	bin, dir string
	port     string
	as       *owner
	server   *process
	db       *sql.DB
}

const (
	databaseUser  = "webhookd"
	serverVersion = "server_version"
	serverStarted = "database system is ready to accept connections"
)

// newCluster makes a cluster in a directory of its own below dir, and starts its server.
func newCluster(ctx context.Context, dir string) (*cluster, error) {
	bin, err := findPostgres(ctx)
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: bin, dir: filepath.Join(dir, "postgres")}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make directory of cluster: %w", err)
	}
	if os.Geteuid() == 0 {
		if c.as, err = giveAway(c.dir); err != nil {
			return nil, err
		}
	}
	_, err = execute(ctx, "initdb", c.command(ctx, "initdb", "-D", c.data(), "-U", databaseUser, "-A", "trust",
		"-E", "UTF8", "--no-locale", "--no-sync"))
	if err != nil {
		return nil, fmt.Errorf("make cluster: %w", err)
	}
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := program(ctx, filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	apart(cmd, c.as)
	return cmd
}

// start starts the server with the pinned settings and those given.
func (c *cluster) start(ctx context.Context, further ...setting) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	c.port = port
	args := []string{
		"-D", c.data(), "-p", c.port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
	}
	for _, s := range slices.Concat(pinned, further) {
		args = append(args, "-c", s.Name+"="+s.Value)
	}
	// It ends by stop, not with ctx: a fast shutdown is cleaner than a kill.
	server, err := startProcess(ctx, "postgres", c.command(context.WithoutCancel(ctx), "postgres", args...))
	if err != nil {
		return err
	}
	c.server = server
	ready := func(line string) bool { return strings.Contains(line, serverStarted) }
	if err := server.await(ctx, ready); err != nil {
		return errors.Join(err, c.stop())
	}
	c.db, err = sql.Open("postgres", c.url("public"))
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return nil
}

// stop ends the server cleanly. It may be called again.
func (c *cluster) stop() error {
	if c.server == nil {
		return nil
	}
	if c.db != nil {
		_ = c.db.Close() // the server closes it anyway
	}
	err := c.server.stop(syscall.SIGINT) // -m fast
	c.server = nil
	return err
}

// restart starts the server with other settings.
func (c *cluster) restart(ctx context.Context, further ...setting) error {
	if err := c.stop(); err != nil {
		return err
	}
	return c.start(ctx, further...)
}

// url is for a database of its own in the cluster: a schema.
func (c *cluster) url(schema string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%s/postgres?sslmode=disable&search_path=%s",
		databaseUser, c.port, url.QueryEscape(schema))
}

// makeSchema makes an empty schema.
func (c *cluster) makeSchema(ctx context.Context, schema string) error {
	if _, err := c.db.ExecContext(ctx, `create schema `+schema); err != nil {
		return fmt.Errorf("make schema: %w", err)
	}
	return nil
}

// dropSchema drops a schema with all that is in it.
func (c *cluster) dropSchema(schema string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	if _, err := c.db.ExecContext(ctx, `drop schema if exists `+schema+` cascade`); err != nil {
		return fmt.Errorf("drop schema: %w", err)
	}
	return nil
}

// settings are those in force, for the document.
func (c *cluster) settings(ctx context.Context) ([]setting, error) {
	found := []setting{}
	for _, name := range append([]string{serverVersion}, shown...) {
		var value string
		if err := c.db.QueryRowContext(ctx, `select current_setting($1)`, name).Scan(&value); err != nil {
			return nil, fmt.Errorf("read setting %s: %w", name, err)
		}
		found = append(found, setting{name, value})
	}
	return found, nil
}

// findPostgres gives the directory of the server's programs; the script installs it where there is none.
func findPostgres(ctx context.Context) (string, error) {
	out, err := execute(ctx, "scripts/with-postgres", program(ctx, "scripts/with-postgres", "--installed"))
	if err != nil {
		return "", fmt.Errorf("find postgres: %w", err)
	}
	return firstLine(out), nil
}

// giveAway gives a directory to a user that is not root: the server refuses to run as root.
func giveAway(dir string) (*owner, error) {
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		const bits = 32
		uid, uidErr := strconv.ParseUint(found.Uid, 10, bits)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, bits)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("read user %s: %w", name, err)
		}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, fmt.Errorf("give cluster away: %w", err)
		}
		return &owner{uint32(uid), uint32(gid)}, nil
	}
	return nil, errors.New("give cluster away: running as root, and there is no user to run postgres as")
}

// freePort gives a port that was free just now.
func freePort(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err := errors.Join(err, listener.Close()); err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}
