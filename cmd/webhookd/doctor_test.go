package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"webhookd/internal/doctor"
	"webhookd/internal/store/postgres/pgtest"
)

// diagnosis is what doctor said.
type diagnosis struct {
	Level    doctor.Level     `json:"level"`
	Findings []doctor.Finding `json:"findings"`

	t    *testing.T
	code int
}

// examine runs doctor on a set-up; what the arguments do not say is a place where nothing is.
func examine(t *testing.T, environ []string, args ...string) diagnosis {
	t.Helper()
	usual := []string{"doctor", "--format", "json"}
	for flag, value := range map[string]string{"--data-dir": t.TempDir(), "--listen": "127.0.0.1:0", "--nats-listen": "127.0.0.1:0"} {
		if !slices.Contains(args, flag) {
			usual = append(usual, flag, value)
		}
	}
	r := start(t, environ, append(usual, args...)...)
	d := diagnosis{t: t, code: r.wait()}
	require.Empty(t, r.stderr.text())
	require.NoError(t, json.Unmarshal([]byte(r.stdout.text()), &d))
	require.Equal(t, doctor.Worst(d.Findings), d.Level)
	require.Equal(t, map[bool]int{true: 1, false: 0}[d.Level == doctor.Fail], d.code)
	return d
}

// finds requires a finding, with something in its text.
func (d diagnosis) finds(id string, says ...string) {
	d.t.Helper()
	for _, f := range d.Findings {
		missing := slices.ContainsFunc(says, func(text string) bool { return !strings.Contains(f.Text, text) })
		if f.ID == id && !missing {
			return
		}
	}
	require.Fail(d.t, "not found", "%s %q in %s", id, says, d)
}

// well requires that nothing but certain findings is worse than ok.
func (d diagnosis) well(but ...string) {
	d.t.Helper()
	for _, f := range d.Findings {
		// The disk of the machine that runs the test, and who owns it, are not what is tested.
		if !slices.Contains(append(but, "disk_low", "disk_slow", "disk_memory", "disk_open", "disk_network", "limits_files"), f.ID) {
			require.Equal(d.t, doctor.OK, f.Level, "%s: %s", f.ID, f.Text)
		}
	}
}

func (d diagnosis) String() string {
	var b strings.Builder
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Level, f.ID, f.Text)
	}
	return b.String()
}

// tree lists what is below a directory.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		names = append(names, path)
		return err
	}))
	return names
}

func TestDoctorOnAnEmbeddedInstallation(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	listen, broker, socket := freeAddress(t), freeAddress(t), freeAddress(t)
	args := []string{"--data-dir", dir, "--listen", listen, "--nats-listen", broker, "--nats-websocket-listen", socket}

	d := examine(t, nil, args...)
	d.well()
	d.finds("database_new")
	d.finds("nats_stopped")
	d.finds("port_free", "listen: "+listen)
	d.finds("disk_ok", "is not there yet")
	require.NoDirExists(t, dir, "doctor makes nothing")

	s := startService(t, nil, args...)
	for _, body := range webhooks(t) {
		post(t, s, body)
	}
	d = examine(t, nil, args...)
	d.well()
	d.finds("database_ok")
	d.finds("schema_ok")
	d.finds("nats_ok", "alone")
	d.finds("stream_ok", "FLOW_TRIGGERS")
	d.finds("stream_ok", "KV_calls")
	d.finds("port_ours", listen)
	d.finds("port_ours", broker)
	d.finds("port_ours", socket)

	s.signal(syscall.SIGTERM)
	require.Zero(t, s.wait())
	before := tree(t, dir)
	d = examine(t, nil, args...)
	d.well()
	d.finds("database_ok")
	d.finds("nats_stopped")
	require.Equal(t, before, tree(t, dir), "doctor leaves nothing behind")

	// The same without a graceful end: the database has a write-ahead log then.
	s = startService(t, nil, args...)
	s.signal(syscall.SIGKILL)
	s.wait()
	examine(t, nil, args...).finds("schema_ok")
	s = startService(t, nil, args...)
	require.NotEmpty(t, getCall(t, s))
}

func TestDoctorOnPostgresAndNATS(t *testing.T) {
	t.Parallel()
	database, broker := pgtest.URL(t), startNATS(t)
	environ := []string{"WEBHOOKD_DATABASE_URL=" + database, "WEBHOOKD_NATS_URL=" + broker, "WEBHOOKD_WEBHOOK_SECRET=a-secret-that-is-long-enough"}
	d := examine(t, environ)
	d.well("database_connections")
	d.finds("database_new")
	d.finds("stream_missing", "FLOW_TRIGGERS")
	d.finds("secrets_ok")
	db, err := sql.Open("postgres", database)
	require.NoError(t, err)
	defer db.Close()
	tables := func() (count int) {
		require.NoError(t, db.QueryRow(`select count(*) from pg_class where relnamespace = current_schema()::regnamespace`).Scan(&count))
		return count
	}
	require.Zero(t, tables(), "doctor migrates nothing")

	listen := freeAddress(t)
	data := t.TempDir()
	s := startService(t, environ, "--listen", listen, "--data-dir", data)
	d = examine(t, environ, "--listen", listen, "--data-dir", data)
	d.well("database_connections")
	d.finds("database_ok", "PostgreSQL")
	d.finds("schema_ok")
	d.finds("outbox_ok")
	d.finds("clock_ok", "The database's")
	d.finds("clock_ok", "NATS's")
	d.finds("stream_ok", "FLOW_TRIGGERS")
	d.finds("port_ours", listen)

	// A newer version has been here; and then an older one.
	_, err = db.Exec(`insert into schema_version (version_id, is_applied) values (9999, true)`)
	require.NoError(t, err)
	examine(t, environ).finds("schema_ahead", "9999")
	_, err = db.Exec(`delete from schema_version where version_id > 3`)
	require.NoError(t, err)
	d = examine(t, environ)
	d.finds("schema_behind", "version 3")
	require.Equal(t, doctor.Warn, d.Level)

	// Events that nobody publishes.
	s.signal(syscall.SIGTERM)
	s.wait()
	_, err = db.Exec(`insert into outbox (id, journal_id, account, call_uuid, created_at, record, events)
select relay.through + 1, 0, 'default', 'x', now() - interval '2 hours', '', '[]' from relay`)
	require.NoError(t, err)
	d = examine(t, environ)
	d.finds("outbox_stuck", "1 changes")
	require.Equal(t, 1, d.code)
}

func TestDoctorOnABrokenDatabase(t *testing.T) {
	t.Parallel()
	good := os.Getenv(pgtest.Variable)
	t.Run("away", func(t *testing.T) {
		t.Parallel()
		d := examine(t, nil, "--database-url", "postgres://webhookd:hidden@"+freeAddress(t)+"/webhookd")
		d.finds("database_unreachable", "refused")
		require.NotContains(t, d.String(), "hidden")
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		proxy, through := pgtest.Through(t, good)
		proxy.Stall()
		examine(t, nil, "--database-url", pgtest.With(t, through, "connect_timeout", "1")).finds("database_unreachable")
	})
	t.Run("no such database", func(t *testing.T) {
		t.Parallel()
		parsed, err := url.Parse(good)
		require.NoError(t, err)
		parsed.Path = "/nowhere"
		examine(t, nil, "--database-url", parsed.String()).finds("database_absent", "nowhere")
	})
	t.Run("no TLS", func(t *testing.T) {
		t.Parallel()
		examine(t, nil, "--database-url", pgtest.With(t, good, "sslmode", "require")).finds("database_broken", "SSL")
	})
	t.Run("no schema", func(t *testing.T) {
		t.Parallel()
		examine(t, nil, "--database-url", pgtest.With(t, good, "search_path", "nowhere")).finds("database_no_schema")
	})
	t.Run("read only", func(t *testing.T) {
		t.Parallel()
		examine(t, nil, "--database-url", pgtest.With(t, pgtest.URL(t), "default_transaction_read_only", "on")).finds("database_standby")
	})
	t.Run("no rights", func(t *testing.T) {
		t.Parallel()
		database := pgtest.URL(t)
		db, err := sql.Open("postgres", database)
		require.NoError(t, err)
		t.Cleanup(func() { db.Close() })
		parsed, err := url.Parse(database)
		require.NoError(t, err)
		role := "reader_" + strings.TrimPrefix(parsed.Query().Get("search_path"), "test_")
		schema := pq.QuoteIdentifier(parsed.Query().Get("search_path"))
		_, err = db.Exec(`create role ` + pq.QuoteIdentifier(role) + ` login; grant usage on schema ` + schema + ` to ` + pq.QuoteIdentifier(role))
		require.NoError(t, err)
		t.Cleanup(func() {
			_, err := db.Exec(`drop owned by ` + pq.QuoteIdentifier(role) + `; drop role ` + pq.QuoteIdentifier(role))
			require.NoError(t, err)
		})
		parsed.User = url.User(role)
		examine(t, nil, "--database-url", parsed.String()).finds("database_no_rights")
	})
	t.Run("wrong settings, and a wrong password", func(t *testing.T) {
		t.Parallel()
		cluster := pgtest.NewCluster(t)
		cluster.Start()
		db, err := sql.Open("postgres", cluster.URL)
		require.NoError(t, err)
		for _, statement := range []string{
			`alter system set fsync = off`, `alter system set full_page_writes = off`, `alter system set synchronous_commit = off`,
			`alter system set autovacuum = off`, `alter system set max_connections = 20`,
			`create role somebody login password 'right'`,
		} {
			_, err := db.Exec(statement)
			require.NoError(t, err)
		}
		require.NoError(t, db.Close())
		cluster.Stop()
		cluster.RequirePassword("somebody")
		cluster.Start()
		d := examine(t, nil, "--database-url", cluster.URL)
		d.finds("database_fsync")
		d.finds("database_page_writes")
		d.finds("database_autovacuum")
		d.finds("database_commit")
		d.finds("database_connections", "17 places")
		require.Equal(t, 1, d.code)
		d = examine(t, nil, "--database-url", strings.Replace(cluster.URL, "webhookd@", "somebody:wrong@", 1))
		d.finds("database_refused", "somebody")
		require.NotContains(t, d.String(), "wrong@")
		examine(t, nil, "--database-url", strings.Replace(cluster.URL, "webhookd@", "somebody:right@", 1)).finds("database_fsync")
	})
	t.Run("a file that is no database", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "webhookd.db"), []byte(strings.Repeat("no database ", 1000)), 0o600))
		examine(t, nil, "--data-dir", dir).finds("database_broken", "not a database")
	})
}

func TestDoctorOnABrokenNATS(t *testing.T) {
	t.Parallel()
	t.Run("away", func(t *testing.T) {
		t.Parallel()
		d := examine(t, nil, "--nats-url", "nats://me:hidden@"+freeAddress(t))
		d.finds("nats_unreachable")
		require.NotContains(t, d.String(), "hidden")
	})
	t.Run("no JetStream", func(t *testing.T) {
		t.Parallel()
		d := examine(t, nil, "--nats-url", startNATSWith(t, ""))
		d.finds("jetstream_off")
		require.Equal(t, 1, d.code)
	})
	t.Run("another password", func(t *testing.T) {
		t.Parallel()
		broker := startNATSWith(t, `authorization { user: me, password: right }`)
		examine(t, nil, "--nats-url", strings.Replace(broker, "nats://", "nats://me:wrong@", 1)).finds("nats_refused")
		examine(t, nil, "--nats-url", strings.Replace(broker, "nats://", "nats://me:right@", 1)).finds("jetstream_off")
	})
	t.Run("small messages, and copies without a cluster", func(t *testing.T) {
		t.Parallel()
		d := examine(t, nil, "--nats-replicas", "3", "--nats-url", startNATSWith(t, `max_payload: 64KB, jetstream { store_dir: "`+t.TempDir()+`" }`))
		d.finds("nats_payload", "64.0 KiB")
		d.finds("replicas_too_many")
	})
	for name, c := range map[string]struct {
		stream jetstream.StreamConfig
		want   string
	}{
		"other subjects": {jetstream.StreamConfig{Subjects: []string{"flow.trigger.default.>"}}, "stream_subjects"},
		"discard new":    {jetstream.StreamConfig{Discard: jetstream.DiscardNew, MaxMsgs: 1000}, "stream_discard"},
		"in memory":      {jetstream.StreamConfig{Storage: jetstream.MemoryStorage}, "stream_memory"},
		"a work queue":   {jetstream.StreamConfig{Retention: jetstream.WorkQueuePolicy}, "stream_retention"},
		"interest":       {jetstream.StreamConfig{Retention: jetstream.InterestPolicy}, "stream_retention"},
		"short":          {jetstream.StreamConfig{MaxAge: 30 * time.Minute, Duplicates: time.Minute}, "stream_short"},
		"a small window": {jetstream.StreamConfig{Duplicates: time.Minute}, "stream_window"},
		"small messages": {jetstream.StreamConfig{MaxMsgSize: 1024}, "stream_message_size"},
		"no answers":     {jetstream.StreamConfig{NoAck: true}, "stream_no_ack"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broker := startNATS(t)
			conn, err := nats.Connect(broker)
			require.NoError(t, err)
			t.Cleanup(conn.Close)
			js, err := jetstream.New(conn)
			require.NoError(t, err)
			c.stream.Name = "FLOW_TRIGGERS"
			if c.stream.Subjects == nil {
				c.stream.Subjects = []string{"flow.trigger.>"}
			}
			_, err = js.CreateStream(t.Context(), c.stream)
			require.NoError(t, err)
			examine(t, nil, "--nats-url", broker).finds(c.want, "FLOW_TRIGGERS")
		})
	}
	t.Run("one copy on a cluster", func(t *testing.T) {
		t.Parallel()
		urls := startNATSCluster(t)
		conn, err := nats.Connect(urls)
		require.NoError(t, err)
		t.Cleanup(conn.Close)
		js, err := jetstream.New(conn)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "FLOW_TRIGGERS", Subjects: []string{"flow.trigger.>"}})
			return err == nil
		}, patience, 100*time.Millisecond)
		examine(t, nil, "--nats-url", urls).finds("stream_replicas", "one copy only")
		examine(t, nil, "--nats-url", urls, "--nats-replicas", "5").finds("replicas_too_many", "tells of 3 servers only")
		d := examine(t, nil, "--nats-url", urls, "--nats-replicas", "3")
		d.finds("stream_replicas", "nats_replicas is 3")
		_, err = js.UpdateStream(t.Context(), jetstream.StreamConfig{Name: "FLOW_TRIGGERS", Subjects: []string{"flow.trigger.>"}, Replicas: 3})
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			d := examine(t, nil, "--nats-url", urls, "--nats-replicas", "3")
			return slices.ContainsFunc(d.Findings, func(f doctor.Finding) bool { return f.ID == "stream_ok" })
		}, patience, 100*time.Millisecond)
	})
}

func TestDoctorOnPorts(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	taken := other.Listener.Addr().String()
	d := examine(t, nil, "--listen", taken)
	d.finds("port_taken", taken, "not webhookd")
	require.Equal(t, 1, d.code)

	broker := strings.TrimPrefix(startNATS(t), "nats://")
	d = examine(t, nil, "--nats-listen", broker)
	d.finds("port_taken", "another NATS server")
	d.finds("nats_stopped") // what was asked there is somebody else's

	// A webhookd of another set-up is not ours: ours cannot start.
	dir, listen, embedded := t.TempDir(), freeAddress(t), freeAddress(t)
	args := []string{"--listen", listen, "--nats-listen", embedded}
	startService(t, nil, append(args, "--data-dir", dir)...)
	examine(t, nil, append(args, "--data-dir", dir)...).finds("port_ours", listen, "a running webhookd")
	d = examine(t, nil, append(args, "--data-dir", t.TempDir())...)
	d.finds("port_taken", listen, "a webhookd of another set-up")
	d.finds("port_taken", embedded, "a webhookd of another set-up")
	require.Equal(t, 1, d.code)

	examine(t, nil, "--listen", "192.0.2.1:8080", "--webhook-secret", "a-secret-that-is-long-enough").finds("port_impossible", "192.0.2.1")
}

func TestDoctorOnASetUp(t *testing.T) {
	t.Parallel()
	d := examine(t, nil, "--listen", "0.0.0.0:8080")
	d.finds("config_invalid", "neither webhook_secret nor an account's webhook_auth is set")
	require.Len(t, d.Findings, 1)
	require.Equal(t, 1, d.code)

	dir := t.TempDir()
	secret, file := filepath.Join(dir, "secret"), filepath.Join(dir, "webhookd.yaml")
	require.NoError(t, os.WriteFile(secret, []byte("a-secret-that-is-long-enough"), 0o644))
	require.NoError(t, os.WriteFile(file, []byte("accounts:\n  crm:\n    webhook_auth: [{type: bearer, secret_file: "+secret+"}]\nwebhook_secret: [short]\n"), 0o644))
	d = examine(t, nil, "--config", file)
	d.finds("secret_weak", "webhook_secret")
	d.finds("secret_file_open", secret)
	d.finds("secret_file_open", file)
	require.Zero(t, d.code)
	require.NoError(t, os.Chmod(secret, 0o640))
	require.NoError(t, os.Chmod(file, 0o600))
	for _, f := range examine(t, nil, "--config", file).Findings {
		require.NotEqual(t, "secret_file_open", f.ID)
	}

	// Accounts hold secrets only where one is written there.
	require.NoError(t, os.WriteFile(file, []byte("accounts:\n  crm:\n    webhook_sources: [192.0.2.0/24]\n    webhook_auth: [{type: bearer, secret_file: "+secret+"}]\n"), 0o600))
	require.NoError(t, os.Chmod(file, 0o644))
	for _, f := range examine(t, nil, "--config", file).Findings {
		require.NotEqual(t, "secret_file_open", f.ID, f.Text)
	}

	r := start(t, nil, "doctor", "--format", "xml")
	require.Equal(t, 2, r.wait())
	require.Contains(t, r.stderr.text(), `"xml" is neither text nor json`)

	r = start(t, nil, "doctor", "--listen", "0.0.0.0:8080")
	require.Equal(t, 1, r.wait())
	require.Empty(t, r.stderr.text())
	require.Regexp(t, `^fail  config    The set-up is refused: listen: .* \[config_invalid\]\n {16}→ Mend the key`, r.stdout.text())
}

func TestDoctorOnDisks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	d := examine(t, nil, "--data-dir", path)
	d.finds("disk_unwritable", "no directory")
	require.Equal(t, 1, d.code)

	spool := filepath.Join(dir, "spool")
	require.NoError(t, os.MkdirAll(spool, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(spool, "0000000000000001-0000000000000001.spool.corrupt"), []byte("x"), 0o600))
	held, err := os.Create(filepath.Join(spool, "0000000000000002-0000000000000001.spool"))
	require.NoError(t, err)
	require.NoError(t, held.Truncate(30<<20))
	require.NoError(t, held.Close())
	d = examine(t, nil, "--spool-dir", spool, "--spool-limit", "32MiB")
	d.finds("spool_damaged", "1 damaged")
	d.finds("spool_nearly_full", "30.0 MiB of the 32.0 MiB")
	d.finds("disk_open", spool)
}

// given are the addresses that freeAddress gave: what they are for may not listen yet.
var given sync.Map

// freeAddress gives a loopback address that nobody listens on, and none twice. Its port is below those that systems use
// for outgoing connections, and for port 0.
func freeAddress(t *testing.T) string {
	t.Helper()
	const low, high, attempts = 20_000, 32_000, 1000
	for range attempts {
		address := fmt.Sprintf("127.0.0.1:%d", low+rand.IntN(high-low))
		if _, twice := given.LoadOrStore(address, true); twice {
			continue
		}
		if listener, err := net.Listen("tcp", address); err == nil {
			require.NoError(t, listener.Close())
			return address
		}
	}
	require.FailNow(t, "no port is free")
	return ""
}

// startNATSWith runs a nats-server with a configuration and gives its URL.
func startNATSWith(t *testing.T, config string) string {
	t.Helper()
	address := freeAddress(t)
	file := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf("listen: %q\n%s\n", address, config)), 0o600))
	r := startBinary(t, binaries.natsServer, nil, nil, "--config", file)
	r.next(r.stderr, "Server is ready")
	return "nats://" + address
}

// startNATSCluster runs three nats-servers as a cluster and gives their URLs.
func startNATSCluster(t *testing.T) string {
	t.Helper()
	var clients, routes []string
	for range 3 {
		clients, routes = append(clients, freeAddress(t)), append(routes, freeAddress(t))
	}
	for i := range clients {
		file := filepath.Join(t.TempDir(), "nats.conf")
		require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf(
			"server_name: n%d\nlisten: %q\njetstream { store_dir: %q }\ncluster { name: test, listen: %q, routes: [%q, %q, %q] }\n",
			i, clients[i], t.TempDir(), routes[i], "nats://"+routes[0], "nats://"+routes[1], "nats://"+routes[2])), 0o600))
		r := startBinary(t, binaries.natsServer, nil, nil, "--config", file)
		r.next(r.stderr, "Server is ready")
	}
	return "nats://" + strings.Join(clients, ",nats://")
}
