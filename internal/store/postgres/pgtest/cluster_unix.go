//go:build unix

package pgtest

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver "postgres"
)

// startWithin is how long a server may take to start.
const startWithin = time.Minute

// Cluster is a PostgreSQL server of one test's own, which may be stopped and started.
type Cluster struct {
	URL string // of its database postgres; the port stays the same

	t       testing.TB
	bin     string // directory of the server's programs
	dir     string
	port    string
	owner   *syscall.Credential // nil: whoever runs the test
	running *exec.Cmd
	options []string // of the server
}

// UseTLS lets the server, before it is started, speak TLS with a certificate, and take nobody over TCP without it.
func (c *Cluster) UseTLS(certFile, keyFile string) {
	c.t.Helper()
	for name, from := range map[string]string{"server.crt": certFile, "server.key": keyFile, "pg_hba.conf": ""} {
		data := []byte("hostssl postgres all 127.0.0.0/8 trust\n")
		if from != "" {
			var err error
			if data, err = os.ReadFile(from); err != nil {
				c.t.Fatalf("give cluster a certificate: %v", err)
			}
		}
		path := filepath.Join(c.dir, "data", name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			c.t.Fatalf("give cluster a certificate: %v", err)
		}
		if c.owner != nil {
			if err := os.Chown(path, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
				c.t.Fatalf("give cluster a certificate: %v", err)
			}
		}
	}
	c.options = append(c.options, "-c", "ssl=on", "-c", "listen_addresses=127.0.0.1,127.0.0.2")
	c.URL = strings.Replace(c.URL, "sslmode=disable", "sslmode=require", 1)
}

// NewCluster makes a server, which is not started yet and goes with the test. The programs are those that
// scripts/with-postgres would use; the test fails if there are none.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t, bin: findBinaries(), port: freePort(t)}
	if c.bin == "" {
		t.Fatal("no PostgreSQL is installed on this machine: scripts/with-postgres --installed installs one")
	}
	c.URL = fmt.Sprintf("postgres://webhookd@127.0.0.1:%s/postgres?sslmode=disable", c.port)
	//nolint:usetesting // another user must be able to enter it
	dir, err := os.MkdirTemp("/tmp", "webhookd-cluster")
	if err != nil {
		t.Fatalf("make directory of cluster: %v", err)
	}
	c.dir = dir
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Geteuid() == 0 {
		c.disown()
	}
	out, err := c.command("initdb", "-D", c.dir+"/data", "-U", "webhookd", "-A", "trust", "-E", "UTF8", "--no-locale",
		"--no-sync").CombinedOutput()
	if err != nil {
		t.Fatalf("make cluster: %v\n%s", err, out)
	}
	t.Cleanup(c.Stop)
	return c
}

// disown gives the cluster to somebody who is not root: the server refuses to run as root.
func (c *Cluster) disown() {
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(found.Uid, 10, 32)
		gid, _ := strconv.ParseUint(found.Gid, 10, 32)
		c.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(c.dir, int(uid), int(gid)); err != nil {
			c.t.Fatalf("give cluster away: %v", err)
		}
		return
	}
	c.t.Fatal("running as root, and there is no user to run PostgreSQL as")
}

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(c.bin, name), args...)
	command.Dir = c.dir
	// A group of its own, so that an interrupt of the test leaves it to Stop.
	command.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner, Setpgid: true}
	return command
}

// Start starts the server and returns when it answers.
func (c *Cluster) Start() {
	c.t.Helper()
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.t.Fatalf("start cluster: %v", err)
	}
	defer log.Close()
	server := c.command("postgres", append([]string{
		"-D", c.dir + "/data", "-p", c.port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
	}, c.options...)...)
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		c.t.Fatalf("start cluster: %v", err)
	}
	c.running = server
	db, err := sql.Open("postgres", c.URL)
	if err != nil {
		c.t.Fatalf("start cluster: %v", err)
	}
	defer db.Close()
	for deadline := time.Now().Add(startWithin); db.Ping() != nil; {
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			c.t.Fatalf("the cluster does not start:\n%s", text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop ends the server at once, as a crash would, and returns when it is gone. Stopping one that does not run does
// nothing.
func (c *Cluster) Stop() {
	if c.running == nil {
		return
	}
	_ = c.running.Process.Signal(syscall.SIGQUIT) // -m immediate
	var ended *exec.ExitError
	if err := c.running.Wait(); err != nil && !errors.As(err, &ended) {
		c.t.Errorf("stop cluster: %v", err)
	}
	c.running = nil
}

// findBinaries gives the directory of the newest server that is installed, "" if there is none.
func findBinaries() string {
	var dirs []string
	if found, err := exec.LookPath("initdb"); err == nil {
		dirs = append(dirs, filepath.Dir(found))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*", "/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	} {
		found, _ := filepath.Glob(pattern)
		slices.Reverse(found)
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		_, initErr := os.Stat(filepath.Join(dir, "initdb"))
		_, serverErr := os.Stat(filepath.Join(dir, "postgres"))
		if initErr == nil && serverErr == nil {
			return dir
		}
	}
	return ""
}

// freePort gives a port that was free just now.
func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// RequirePassword makes the server, from its next start on, ask one user for a password.
func (c *Cluster) RequirePassword(of string) {
	c.t.Helper()
	path := filepath.Join(c.dir, "data", "pg_hba.conf")
	rules, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatalf("require a password: %v", err)
	}
	rules = append([]byte("host all "+of+" 127.0.0.1/32 scram-sha-256\n"), rules...)
	if err := os.WriteFile(path, rules, 0o600); err != nil {
		c.t.Fatalf("require a password: %v", err)
	}
}
