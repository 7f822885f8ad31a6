package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What keeps webhookd from beginning is one line on standard error and exit code 2.
func TestWhatCannotBeginIsOneLineAndExitCode2(t *testing.T) {
	t.Parallel()
	busy, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = busy.Close() })
	free, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := free.Addr().String()
	require.NoError(t, free.Close())
	noDirectory := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(noDirectory, nil, 0o600))
	badFile := filepath.Join(t.TempDir(), "webhookd.yaml")
	require.NoError(t, os.WriteFile(badFile, []byte("listen: 127.0.0.1:0\nlisten_to: me\n"), 0o600))

	for name, tt := range map[string]struct {
		environ []string
		args    []string
		want    string
	}{
		"an unknown command":  {args: []string{"server"}, want: `unknown command "server" for "webhookd"`},
		"an unknown flag":     {args: []string{"serve", "--port", "80"}, want: "unknown flag: --port"},
		"an extra argument":   {args: []string{"version", "please"}, want: `unknown command "please" for "webhookd version"`},
		"a bad flag":          {args: []string{"serve", "--log-level", "loud"}, want: `log_level: "loud" is none of debug, info, warn, error (from --log-level)`},
		"a bad variable":      {environ: []string{"WEBHOOKD_LISTEN=0.0.0.0"}, args: []string{"serve"}, want: `listen: "0.0.0.0" is no address; write host:port, as 127.0.0.1:8080 or [::1]:8080 (from WEBHOOKD_LISTEN)`},
		"an unknown variable": {environ: []string{"WEBHOOKD_LISTENS=x"}, args: []string{"serve"}, want: "WEBHOOKD_LISTENS is no variable of webhookd, did you mean WEBHOOKD_LISTEN? (from the environment)"},
		"an unknown key":      {args: []string{"serve", "--config", badFile}, want: `"listen_to" is no key of webhookd, did you mean listen? (from file ` + badFile + ":2)"},
		"a missing file":      {args: []string{"check-config", "--config", "/no/such/file"}, want: "config: cannot read /no/such/file: no such file or directory (from --config)"},
		"no secret in public": {
			args: []string{"serve", "--listen", ":0"},
			want: "listen: :0 can be reached from other machines, and neither webhook_secret nor an account's webhook_auth is set: set one, or listen on 127.0.0.1 (from --listen)",
		},
		"a busy port": {
			args: []string{"serve", "--listen", busy.Addr().String()},
			want: "listen for http: listen tcp " + busy.Addr().String() + ": bind: address already in use",
		},
		"a busy port for NATS": {
			args: []string{"serve", "--listen", "127.0.0.1:0", "--nats-listen", busy.Addr().String()},
			want: busy.Addr().String() + ": bind: address already in use",
		},
		"a data directory that is none": {
			args: []string{"serve", "--listen", "127.0.0.1:0", "--data-dir", noDirectory},
			want: noDirectory + ": not a directory",
		},
		"a database out of reach": {
			args: []string{"migrate", "--database-url", "postgres://u:hunter2@" + nobody + "/x?sslmode=disable"},
			want: "dial tcp " + nobody + ": connect: connection refused",
		},
		"a NATS out of reach":    {args: []string{"tail", "--nats-url", "nats://hunter2@" + nobody}, want: "nothing answers at nats://REDACTED@" + nobody},
		"a service out of reach": {args: []string{"replay", "--url", "http://" + nobody, recording(t)}, want: "nothing answers there: dial tcp " + nobody + ": connect: connection refused"},
		"a recording out of reach": {
			args: []string{"replay", "/no/such/file"}, want: "cannot read /no/such/file: no such file or directory",
		},
		"nothing to replay": {args: []string{"replay"}, want: "replay needs a file, or - for standard input"},
		"a bad speed":       {args: []string{"replay", "--speed", "fast", "-"}, want: `--speed: "fast" is no speed; write 1x, 10x or max`},
		"a bad URL":         {args: []string{"replay", "--url", "localhost", "-"}, want: `--url: "localhost" is no URL of a service; write one as http://127.0.0.1:8080`},
		"no connections":    {args: []string{"replay", "--connections", "0", "-"}, want: "--connections: 0 is not from 1 to 10000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tt.environ, tt.args...)
			require.Equal(t, 2, r.wait())
			said := r.stderr.text()
			require.True(t, strings.HasPrefix(said, "webhookd: "), said)
			require.Equal(t, 1, strings.Count(said, "\n"), said)
			require.Contains(t, said, tt.want)
			require.NotContains(t, said, "hunter2")
			require.Empty(t, r.stdout.text())
		})
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	t.Parallel()
	r := start(t, nil, "version")
	require.Zero(t, r.wait())
	require.Equal(t, "webhookd v0.0.0-test ("+runtime.Version()+", "+runtime.GOOS+"/"+runtime.GOARCH+")\n", r.stdout.text())

	r = start(t, nil, "version", "--json")
	require.Zero(t, r.wait())
	var b buildInfo
	require.NoError(t, json.Unmarshal([]byte(r.stdout.text()), &b))
	require.Equal(t, "v0.0.0-test", b.Version)
	require.Equal(t, runtime.Version(), b.Go)
}

func TestTheSetUpIsPrintedWithoutSecrets(t *testing.T) {
	t.Parallel()
	r := start(t, []string{"WEBHOOKD_WEBHOOK_SECRET=hunter2", "WEBHOOKD_DATABASE_URL=postgres://u:hunter2@db/x?sslmode=disable"},
		"check-config", "--listen", ":80")
	require.Zero(t, r.wait())
	said := r.stdout.text()
	require.Contains(t, said, "listen: :80 # --listen\n")
	require.Contains(t, said, "webhook_secret: [REDACTED] # WEBHOOKD_WEBHOOK_SECRET\n")
	require.Contains(t, said, "database_url: postgres://u:REDACTED@db/x?sslmode=disable # WEBHOOKD_DATABASE_URL\n")
	require.Contains(t, said, "settle_delay: 10s # default\n")
	require.NotContains(t, said, "hunter2")
	require.Contains(t, r.stderr.text(), "fewer than 16 characters")
}

func TestHelpIsForEveryCommand(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"", "serve", "migrate", "replay", "simulate", "tail", "handlers lint", "handlers list", "handlers test", "check-config", "healthcheck", "man", "version"} {
		args := strings.Fields(command + " --help")
		r := start(t, nil, args...)
		require.Zero(t, r.wait())
		require.Contains(t, r.stdout.text(), "Usage:")
		require.Empty(t, r.stderr.text())
	}
}

func TestTheEmbeddedDatabaseIsMigrated(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	for range 2 {
		r := start(t, nil, "migrate", "--data-dir", dir)
		require.Zero(t, r.wait())
		require.Equal(t, filepath.Join(dir, "webhookd.db")+" is up to date\n", r.stdout.text())
	}
}

// fixture is the path of a file of the recorded call.
func fixture(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "fixtures", "outbound_answered", name))
	require.NoError(t, err)
	return path
}

func recording(t *testing.T) string {
	t.Helper()
	return fixture(t, "webhooks.ndjson")
}
