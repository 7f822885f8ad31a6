package doctor_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/doctor"
)

// good are the facts of an installation on Postgres and a cluster with which nothing is wrong.
func good() doctor.Facts {
	stream := doctor.Stream{
		Name: "FLOW_TRIGGERS", Covers: true, Subjects: []string{"flow.trigger.>"}, Limits: true, Replicas: 3, Leader: true,
		MaxAge: 7 * 24 * time.Hour, Window: 10 * time.Minute, MaxBytes: -1, MaxMsgs: -1, MaxSize: -1,
	}
	bucket := stream
	bucket.Name, bucket.Window = "KV_calls", 2*time.Minute
	return doctor.Facts{
		Now:    time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
		Setup:  doctor.Setup{Address: "0.0.0.0:8080", Guarded: true},
		Clocks: []doctor.Clock{{Whose: "The database", Ahead: 3 * time.Millisecond, Blur: time.Millisecond}},
		Disks: []doctor.Disk{{
			Name: "spool_dir", Path: "/var/lib/webhookd/spool", Sync: 2 * time.Millisecond, Free: 50 << 30, Total: 100 << 30, Limit: 1 << 30,
		}},
		Database: doctor.Database{
			Where: "postgres://webhookd@db/webhookd", Version: "17.2", Major: 17, Schema: 5, Known: 5, Size: 3 << 30, Remote: true,
			Settings: map[string]string{
				"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "autovacuum": "on", "server_encoding": "UTF8",
			},
			Connections: 22, Places: 97, Need: 11,
		},
		NATS: doctor.NATS{
			Where: "nats://a:4222", Version: "2.15.2", Cluster: "pbx", Servers: 3, MaxPayload: 1 << 20, MaxStorage: -1, Replicas: 3,
			Subjects: "flow.trigger.>", Stream: stream, Bucket: bucket,
		},
		Ports:     []doctor.Port{{Name: "listen", Address: "0.0.0.0:8080"}},
		OpenFiles: 65536, MostFiles: 4096,
		Secrets: []doctor.SecretFile{{Path: "/etc/webhookd/webhookd.yaml"}},
	}
}

func TestAGoodInstallationIsWell(t *testing.T) {
	t.Parallel()
	found := doctor.Examine(good())
	var ids []string
	for _, f := range found {
		assert.Equal(t, doctor.OK, f.Level, f.Text)
		ids = append(ids, f.ID)
	}
	assert.Equal(t, []string{
		"config_ok", "secrets_ok", "clock_ok", "disk_ok", "database_ok", "schema_ok", "outbox_ok", "nats_ok", "stream_ok", "stream_ok",
		"port_free", "limits_ok",
	}, ids)
	assert.Equal(t, doctor.OK, doctor.Worst(found))
}

// Each of the changes makes one thing wrong; what is found beside what was found before is what it says. The thresholds
// are those of docs/doctor.md, tried on both sides.
func TestWhatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range doctor.Examine(good()) {
		seen[f.ID] = true
	}
	for _, c := range []struct {
		name string
		make func(f *doctor.Facts)
		want string // what is found that is not in a good installation, "" for nothing
		says string
	}{
		{"a set-up that is refused", func(f *doctor.Facts) { f.Setup.Problem = "listen: no" }, "config_invalid", "listen: no"},
		{"no secret", func(f *doctor.Facts) { f.Setup = doctor.Setup{Address: "127.0.0.1:8080", Loopback: true} }, "secrets_none", "127.0.0.1:8080"},
		{"a short secret", func(f *doctor.Facts) { f.Setup.Warnings = []string{"webhook_secret: short"} }, "secret_weak", "webhook_secret: short."},
		{"a secret in the open", func(f *doctor.Facts) { f.Secrets[0].Open = true }, "secret_file_open", "/etc/webhookd/webhookd.yaml"},

		{"no other clock", func(f *doctor.Facts) { f.Clocks = nil }, "clock_alone", "2026-11-26T12:00:00Z"},
		{"a clock that was never set", func(f *doctor.Facts) { f.Now = time.Unix(0, 0) }, "clock_unset", "1970-01-01"},
		{"a clock 1.9 s ahead", func(f *doctor.Facts) { f.Clocks[0] = doctor.Clock{Ahead: 1900 * time.Millisecond} }, "", ""},
		{"a clock 2 s ahead", func(f *doctor.Facts) { f.Clocks[0] = doctor.Clock{Whose: "NATS", Ahead: 2 * time.Second} }, "clock_off", "2s ahead of"},
		{"a clock 2 s ahead, seen through a slow network", func(f *doctor.Facts) { f.Clocks[0] = doctor.Clock{Ahead: 2 * time.Second, Blur: time.Second} }, "", ""},
		{"a clock a minute behind", func(f *doctor.Facts) { f.Clocks[0] = doctor.Clock{Ahead: -time.Minute} }, "clock_wrong", "behind"},

		{"a disk that cannot be written to", func(f *doctor.Facts) { f.Disks[0].Problem = "read-only file system" }, "disk_unwritable", "read-only"},
		{"a full disk", func(f *doctor.Facts) { f.Disks[0].Problem, f.Disks[0].Full, f.Disks[0].Free = "no space left", true, 0 }, "disk_full", "no space left"},
		{"a disk with 255 MiB", func(f *doctor.Facts) { f.Disks[0].Free = 255 << 20 }, "disk_full", "255 MiB"},
		{"no room for the spool", func(f *doctor.Facts) { f.Disks[0].Free = 1 << 30 }, "disk_low", "spool"},
		{"a spool that has its room already", func(f *doctor.Facts) {
			f.Disks[0].Free, f.Disks[0].Total, f.Disks[0].Holds = 1<<30, 2<<30, 700<<20
		}, "", ""},
		{"a disk nearly full", func(f *doctor.Facts) { f.Disks[0].Free = 4 << 30 }, "disk_low", "4.0 GiB of 100 GiB"},
		{"a slow disk", func(f *doctor.Facts) { f.Disks[0].Sync = 50 * time.Millisecond }, "disk_slow", "50ms"},
		{"a disk on a network", func(f *doctor.Facts) { f.Disks[0].Kind = "nfs" }, "disk_network", "nfs"},
		{"a disk in memory", func(f *doctor.Facts) { f.Disks[0].Kind = "tmpfs" }, "disk_memory", "tmpfs"},
		{"a directory in the open", func(f *doctor.Facts) { f.Disks[0].Open = true }, "disk_open", "other users"},
		{"the directory around one that will be made", func(f *doctor.Facts) { f.Disks[0].Open, f.Disks[0].Missing = true, true }, "", ""},
		{"somebody else's directory", func(f *doctor.Facts) { f.Disks[0].Owner = "webhookd" }, "disk_other_user", "webhookd"},
		{"a spool of eight tenths", func(f *doctor.Facts) { f.Disks[0].Limit, f.Disks[0].Holds = 100<<20, 80<<20 }, "spool_nearly_full", "80.0 MiB of the 100 MiB"},
		{"damaged files", func(f *doctor.Facts) { f.Disks[0].Damaged = 2 }, "spool_damaged", "2 damaged"},

		{"a database that is away", func(f *doctor.Facts) { f.Database.Trouble = doctor.Unreachable }, "database_unreachable", ""},
		{"a wrong password", func(f *doctor.Facts) { f.Database.Trouble = doctor.Refused }, "database_refused", ""},
		{"no such database", func(f *doctor.Facts) { f.Database.Trouble = doctor.Absent }, "database_absent", ""},
		{"too many connections", func(f *doctor.Facts) { f.Database.Trouble = doctor.Crowded }, "database_crowded", ""},
		{"anything else", func(f *doctor.Facts) { f.Database.Trouble, f.Database.Problem = doctor.Broken, "it burns" }, "database_broken", "it burns"},
		{"an old server", func(f *doctor.Facts) { f.Database.Major, f.Database.Version = 12, "12.20" }, "database_version", "12.20"},
		{"the oldest server that will do", func(f *doctor.Facts) { f.Database.Major = 13 }, "", ""},
		{"a standby", func(f *doctor.Facts) { f.Database.Standby = true }, "database_standby", ""},
		{"no schema", func(f *doctor.Facts) { f.Database.NoSchema, f.Database.NoCreate = true, true }, "database_no_schema", ""},
		{"no right to make tables, and none to make", func(f *doctor.Facts) { f.Database.NoCreate = true }, "", ""},
		{"no right to make tables, and no tables", func(f *doctor.Facts) { f.Database.NoCreate, f.Database.New = true, true }, "database_no_rights database_new", ""},
		{"another encoding", func(f *doctor.Facts) { f.Database.Settings["server_encoding"] = "LATIN2" }, "database_encoding", "LATIN2"},
		{"fsync off", func(f *doctor.Facts) { f.Database.Settings["fsync"] = "off" }, "database_fsync", "fsync is off"},
		{"full_page_writes off", func(f *doctor.Facts) { f.Database.Settings["full_page_writes"] = "off" }, "database_page_writes", ""},
		{"autovacuum off", func(f *doctor.Facts) { f.Database.Settings["autovacuum"] = "off" }, "database_autovacuum", ""},
		{"synchronous_commit off", func(f *doctor.Facts) { f.Database.Settings["synchronous_commit"] = "off" }, "database_commit", ""},
		{"in the open on a network", func(f *doctor.Facts) { f.Database.Plain = true }, "database_plain", ""},
		{"in the open on this machine", func(f *doctor.Facts) { f.Database.Plain, f.Database.Remote = true, false }, "", ""},
		{"places for one instance", func(f *doctor.Facts) { f.Database.Places = 21 }, "database_connections", "21 places"},
		{"places for two", func(f *doctor.Facts) { f.Database.Places, f.Database.Connections = 22, 11 }, "", ""},
		{"nine tenths taken", func(f *doctor.Facts) { f.Database.Places, f.Database.Connections = 100, 90 }, "database_connections", "90 of"},
		{"no tables", func(f *doctor.Facts) { f.Database.New = true }, "database_new", ""},
		{"an old schema", func(f *doctor.Facts) { f.Database.Schema = 4 }, "schema_behind", "version 4"},
		{"a newer schema", func(f *doctor.Facts) { f.Database.Schema = 6 }, "schema_ahead", "version 6"},
		{"events on their way", func(f *doctor.Facts) { f.Database.Unpublished, f.Database.Oldest = 5, 59*time.Second }, "", ""},
		{"events that wait", func(f *doctor.Facts) { f.Database.Unpublished, f.Database.Oldest = 5, time.Minute }, "outbox_waits", "5 changes"},
		{"events that are stuck", func(f *doctor.Facts) { f.Database.Unpublished, f.Database.Oldest = 5, time.Hour }, "outbox_stuck", "1h0m0s"},
		{"events that were set aside", func(f *doctor.Facts) { f.Database.Held = 1 }, "outbox_held", ""},
		{"SQLite that is not there", func(f *doctor.Facts) { f.Database = doctor.Database{Embedded: true, New: true, Known: 5} }, "database_new", ""},

		{"an embedded NATS that does not run", func(f *doctor.Facts) { f.NATS.Embedded, f.NATS.Stopped = true, true }, "nats_stopped", ""},
		{"NATS away", func(f *doctor.Facts) { f.NATS.Trouble = doctor.Unreachable }, "nats_unreachable", ""},
		{"NATS that lets nobody in", func(f *doctor.Facts) { f.NATS.Trouble = doctor.Refused }, "nats_refused", ""},
		{"anything else of NATS", func(f *doctor.Facts) { f.NATS.Trouble = doctor.Broken }, "nats_broken", ""},
		{"an old NATS", func(f *doctor.Facts) { f.NATS.Version = "2.10.22" }, "nats_version", "2.10.22"},
		{"a NATS just new enough", func(f *doctor.Facts) { f.NATS.Version = "2.11.0" }, "", ""},
		{"a later NATS", func(f *doctor.Facts) { f.NATS.Version = "3.0.0" }, "", ""},
		{"small messages", func(f *doctor.Facts) { f.NATS.MaxPayload = 1 << 18 }, "nats_payload", "256 KiB"},
		{"JetStream off", func(f *doctor.Facts) { f.NATS.JetStream = doctor.Broken }, "jetstream_off", ""},
		{"JetStream nearly full", func(f *doctor.Facts) { f.NATS.MaxStorage, f.NATS.Storage = 100, 90 }, "jetstream_storage", ""},
		{"no stream yet", func(f *doctor.Facts) { f.NATS.Stream = doctor.Stream{Name: "FLOW_TRIGGERS", Missing: true} }, "stream_missing", ""},
		{"a stream that cannot be asked", func(f *doctor.Facts) { f.NATS.Stream.Problem = "timeout" }, "stream_unknown", "timeout"},
		{"wrong subjects", func(f *doctor.Facts) { f.NATS.Stream.Covers, f.NATS.Stream.Subjects = false, []string{"orders.>"} }, "stream_subjects", "orders.>"},
		{"a sealed stream", func(f *doctor.Facts) { f.NATS.Stream.Sealed = true }, "stream_sealed", ""},
		{"no answers", func(f *doctor.Facts) { f.NATS.Stream.NoAck = true }, "stream_no_ack", ""},
		{"a work queue", func(f *doctor.Facts) { f.NATS.Stream.Limits = false }, "stream_retention", ""},
		{"new messages refused, without a bound", func(f *doctor.Facts) { f.NATS.Stream.Discard = true }, "", ""},
		{"new messages refused", func(f *doctor.Facts) { f.NATS.Stream.Discard, f.NATS.Stream.MaxBytes = true, 1<<30 }, "stream_discard", ""},
		{"new messages refused soon", func(f *doctor.Facts) {
			f.NATS.Stream.Discard, f.NATS.Stream.MaxMsgs, f.NATS.Stream.Messages = true, 100, 90
		}, "stream_discard stream_full", "nearly full"},
		{"a stream in memory", func(f *doctor.Facts) { f.NATS.Stream.Memory = true }, "stream_memory", ""},
		{"a bucket in memory", func(f *doctor.Facts) { f.NATS.Bucket.Memory = true }, "stream_memory", "KV_calls"},
		{"a stream of small messages", func(f *doctor.Facts) { f.NATS.Stream.MaxSize = 1000 }, "stream_message_size", "1000 B"},
		{"a short memory", func(f *doctor.Facts) { f.NATS.Stream.MaxAge = 59 * time.Minute }, "stream_short", ""},
		{"no end", func(f *doctor.Facts) { f.NATS.Stream.MaxAge = 0 }, "", ""},
		{"a short window", func(f *doctor.Facts) { f.NATS.Stream.Window = 119 * time.Second }, "stream_window", ""},
		{"fewer copies than wanted", func(f *doctor.Facts) { f.NATS.Stream.Replicas = 1 }, "stream_replicas", "nats_replicas is 3"},
		{"one copy on a cluster", func(f *doctor.Facts) { f.NATS.Replicas, f.NATS.Stream.Replicas = 1, 1 }, "stream_replicas", "one copy only"},
		{"one copy on a server that is alone", func(f *doctor.Facts) {
			f.NATS.Cluster, f.NATS.Replicas, f.NATS.Stream.Replicas, f.NATS.Bucket.Replicas = "", 1, 1, 1
		}, "", ""},
		{"a copy that is away", func(f *doctor.Facts) { f.NATS.Stream.Behind = []string{"nats-2"} }, "stream_lame", "nats-2"},
		{"no leader", func(f *doctor.Facts) { f.NATS.Stream.Leader = false }, "stream_no_leader", ""},
		{"more copies than servers", func(f *doctor.Facts) {
			f.NATS.Servers, f.NATS.Stream = 2, doctor.Stream{Name: "FLOW_TRIGGERS", Missing: true}
		}, "replicas_too_many stream_missing", "cannot be made with 3 copies"},
		{"a cluster that does not tell of all", func(f *doctor.Facts) { f.NATS.Servers = 1 }, "", ""},
		{"copies without a cluster", func(f *doctor.Facts) { f.NATS.Cluster = "" }, "replicas_too_many", ""},

		{"our own port", func(f *doctor.Facts) { f.Ports[0].Taken, f.Ports[0].Ours, f.Ports[0].By = true, true, "a webhookd" }, "port_ours", "a webhookd"},
		{"a port that is taken", func(f *doctor.Facts) { f.Ports[0].Taken = true }, "port_taken", "not webhookd"},
		{"an address of nobody", func(f *doctor.Facts) { f.Ports[0].Problem = "cannot assign" }, "port_impossible", "cannot assign"},
		{"few files", func(f *doctor.Facts) { f.OpenFiles = 1024 }, "limits_files", "1024"},
		{"few files for the connections that are configured", func(f *doctor.Facts) {
			f.OpenFiles, f.MostFiles = 5000, 65000
		}, "limits_files", "65256 are enough"},
		{"files for all connections", func(f *doctor.Facts) { f.OpenFiles = 4352 }, "", ""},
		{"hardly a file", func(f *doctor.Facts) { f.OpenFiles = 255 }, "limits_few_files", "255"},
	} {
		facts := good()
		c.make(&facts)
		usual := map[string]bool{}
		for _, f := range doctor.Examine(good()) {
			usual[f.ID] = true
		}
		var ids, texts []string
		for _, f := range doctor.Examine(facts) {
			seen[f.ID] = true
			assert.Equal(t, f.Level != doctor.OK, f.Mend != "", "%s: what is not well can be mended", f.ID)
			assert.NotContains(t, f.Text, "\n")
			assert.True(t, strings.HasSuffix(f.Text, ".") && !strings.HasSuffix(f.Text, ".."), f.Text)
			if !usual[f.ID] {
				ids, texts = append(ids, f.ID), append(texts, f.Text)
			}
		}
		assert.Equal(t, c.want, strings.Join(ids, " "), c.name)
		assert.Contains(t, strings.Join(texts, "\n"), c.says, c.name)
	}
	for _, kind := range doctor.Kinds() {
		assert.True(t, seen[kind.ID], "%s is found in no case above", kind.ID)
	}
}

// A subject of which something is bad does not say that it is well, too.
func TestWhatIsBadIsNotWell(t *testing.T) {
	t.Parallel()
	facts := good()
	facts.Database.Settings["fsync"] = "off"
	facts.NATS.Stream.Memory = true
	facts.Disks[0].Kind = "nfs"
	for _, f := range doctor.Examine(facts) {
		assert.NotContains(t, []string{"database_ok", "disk_ok"}, f.ID)
		if f.ID == "stream_ok" {
			assert.Contains(t, f.Text, "KV_calls")
		}
	}
	assert.Equal(t, doctor.Fail, doctor.Worst(doctor.Examine(facts)))
}

func TestTheWorstCounts(t *testing.T) {
	t.Parallel()
	f := func(levels ...doctor.Level) (all []doctor.Finding) {
		for _, level := range levels {
			all = append(all, doctor.Finding{Level: level})
		}
		return all
	}
	assert.Equal(t, doctor.OK, doctor.Worst(nil))
	assert.Equal(t, doctor.Warn, doctor.Worst(f(doctor.OK, doctor.Warn, doctor.OK)))
	assert.Equal(t, doctor.Fail, doctor.Worst(f(doctor.Warn, doctor.Fail, doctor.Warn, doctor.OK)))
}

// docs/doctor.md has every finding, in the same order, with its level and what to do.
func TestTheDocumentHasEveryFinding(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../docs/doctor.md")
	require.NoError(t, err)
	var told, there [][]string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\| ([^|]+) \\| ([^|]*) ?\\|$").FindAllStringSubmatch(string(document), -1) {
		assert.NotEmpty(t, row[3])
		told = append(told, []string{row[1], row[2], strings.TrimSpace(row[4])})
	}
	for _, kind := range doctor.Kinds() {
		there = append(there, []string{kind.ID, string(kind.Level), kind.Mend})
	}
	assert.Equal(t, there, told)
}
