package doctor

// Subjects of findings.
const (
	config   = "config"
	secrets  = "secrets"
	clock    = "clock"
	disk     = "disk"
	database = "database"
	nats     = "nats"
	ports    = "ports"
	limits   = "limits"
)

// Kind is a finding that there can be.
type Kind struct {
	ID      string
	Level   Level
	Subject string
	Mend    string // what to do; empty where nothing is to be done
}

// Kinds are all findings there can be, in the order of docs/doctor.md.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

var index = func() map[string]int {
	at := make(map[string]int, len(kinds))
	for i, kind := range kinds {
		at[kind.ID] = i
	}
	return at
}()

var kinds = []Kind{
	{"config_ok", OK, config, ""},
	{"config_invalid", Fail, config, "Mend the key that is named; webhookd check-config says when it is right."},

	{"secrets_ok", OK, secrets, ""},
	{"secrets_none", OK, secrets, ""},
	{"secret_weak", Warn, secrets, "Put a longer random text beside it (openssl rand -hex 32), change the sender, then take the old one away."},
	{"secret_file_open", Warn, secrets, "Take it from the others: chmod 600 (640 where the service has it by its group)."},

	{"clock_ok", OK, clock, ""},
	{"clock_alone", OK, clock, ""},
	{"clock_unset", Fail, clock, "Set this machine's clock: switch time synchronisation on (timedatectl set-ntp true)."},
	{"clock_off", Warn, clock, "Let both machines get their time from the same place (timedatectl status; chronyc tracking)."},
	{"clock_wrong", Fail, clock, "Let both machines get their time from the same place (timedatectl status; chronyc tracking)."},

	{"disk_ok", OK, disk, ""},
	{"disk_unwritable", Fail, disk, "Make it a directory that the user of the service may write to, or name another one."},
	{"disk_full", Fail, disk, "Make room, or name a directory on another disk."},
	{"disk_low", Warn, disk, "Make room, name a directory on another disk, or lower spool_limit."},
	{"disk_slow", Warn, disk, "Put it on a disk that confirms a write sooner: a local SSD, not a network volume."},
	{"disk_network", Warn, disk, "Put it on a disk of this machine."},
	{"disk_memory", Warn, disk, "Put it on a disk: what is in memory is gone when the machine stops."},
	{"disk_open", Warn, disk, "Take it from the others: chmod 700."},
	{"disk_other_user", Warn, disk, "Run doctor as the user that the service runs as (sudo -u webhookd webhookd doctor)."},
	{"spool_nearly_full", Warn, disk, "Bring the database back, so that the spool drains; or raise spool_limit while it is away."},
	{"spool_damaged", Warn, disk, "Look at the log of the service: it says which files were set aside and why. Keep the files."},

	{"database_ok", OK, database, ""},
	{"database_new", OK, database, ""},
	{"database_unreachable", Fail, database, "Start it, or mend database_url or the network between. The service takes webhooks into its spool meanwhile."},
	{"database_refused", Fail, database, "Mend user and password in database_url (percent-encoded), or the server's pg_hba.conf."},
	{"database_absent", Fail, database, "Make it: createdb, as the owner that database_url names."},
	{"database_crowded", Fail, database, "Raise max_connections, or close what else is connected."},
	{"database_broken", Fail, database, "Mend what the message says; the server's log has more."},
	{"database_version", Fail, database, "Bring the server to PostgreSQL 13 or newer."},
	{"database_standby", Fail, database, "Name the primary in database_url."},
	{"database_no_schema", Fail, database, "Make the schema that search_path names, or leave search_path out."},
	{"database_no_rights", Fail, database, "Make the user of database_url the owner of its schema: alter schema … owner to …."},
	{"database_encoding", Fail, database, "Make a database with encoding 'UTF8' and bring the data over."},
	{"database_fsync", Fail, database, "Set fsync = on and start the server again."},
	{"database_page_writes", Warn, database, "Set full_page_writes = on, unless the file system rules out torn pages (ZFS)."},
	{"database_autovacuum", Warn, database, "Set autovacuum = on."},
	{"database_commit", OK, database, ""},
	{"database_plain", Warn, database, "Set sslmode=verify-full in database_url, and sslrootcert."},
	{"database_connections", Warn, database, "Raise max_connections, or close what else is connected."},
	{"schema_ok", OK, database, ""},
	{"schema_behind", Warn, database, "Nothing, if the service is to be started next: it does that. As a step of its own: webhookd migrate."},
	{"schema_ahead", Warn, database, "Bring this program to the version that made the schema; docs/upgrade.md says how far back one can go."},
	{"outbox_ok", OK, database, ""},
	{"outbox_waits", Warn, database, "See that a webhookd runs, and that NATS is well (below)."},
	{"outbox_stuck", Fail, database, "See that a webhookd runs, and that NATS is well (below); its log says what keeps it from publishing."},
	{"outbox_held", Warn, database, "Look at the log for why; when it is mended, webhookd republish lets these calls go on."},

	{"nats_ok", OK, nats, ""},
	{"nats_stopped", OK, nats, ""},
	{"nats_unreachable", Fail, nats, "Start it, or mend nats_url or the network between. Events wait in the outbox meanwhile."},
	{"nats_refused", Fail, nats, "Mend user and password, or the credentials, that the service has for NATS."},
	{"nats_broken", Fail, nats, "Mend what the message says; the server's log has more."},
	{"nats_version", Warn, nats, "Bring the servers to 2.11 or newer."},
	{"nats_payload", Warn, nats, "Set max_payload of the servers to 1MB, which is their default, or more."},
	{"jetstream_off", Fail, nats, "Switch it on: jetstream { store_dir: … } in the server's configuration, and for the account."},
	{"jetstream_storage", Warn, nats, "Raise the account's or the server's max_file_store, or let the stream keep less."},
	{"stream_ok", OK, nats, ""},
	{"stream_missing", OK, nats, ""},
	{"stream_unknown", Fail, nats, "Mend what the message says: an account without the rights, or a cluster without a leader."},
	{"stream_subjects", Fail, nats, "Let the stream take flow.trigger.> (nats stream edit FLOW_TRIGGERS --subjects), or remove it if it is somebody else's."},
	{"stream_sealed", Fail, nats, "Remove it, and let webhookd make it again; webhookd republish fills it."},
	{"stream_no_ack", Fail, nats, "Set no_ack of the stream to false (nats stream edit --ack)."},
	{"stream_retention", Fail, nats, "Remove it, and let webhookd make it again (retention cannot be changed); webhookd republish fills it."},
	{"stream_discard", Warn, nats, "nats stream edit FLOW_TRIGGERS --discard old: the database keeps every event, the stream need not."},
	{"stream_memory", Warn, nats, "Remove it, and let webhookd make it again (storage cannot be changed); webhookd republish fills it."},
	{"stream_message_size", Warn, nats, "nats stream edit --max-msg-size=-1."},
	{"stream_short", Warn, nats, "nats stream edit FLOW_TRIGGERS --max-age 7d."},
	{"stream_window", Warn, nats, "nats stream edit FLOW_TRIGGERS --dupe-window 10m."},
	{"stream_full", Warn, nats, "Raise its limits, or see that readers keep up."},
	{"stream_replicas", Warn, nats, "nats stream edit --replicas; and set nats_replicas, for what is made later."},
	{"stream_lame", Warn, nats, "Bring the servers that are named back; nats stream report shows them."},
	{"stream_no_leader", Fail, nats, "Bring back as many servers as make a majority."},
	{"replicas_too_many", Fail, nats, "Set nats_replicas to no more than the cluster has servers, or form a cluster."},

	{"port_free", OK, ports, ""},
	{"port_ours", OK, ports, ""},
	{"port_taken", Fail, ports, "End what listens there (ss -ltnp), or set another address."},
	{"port_impossible", Fail, ports, "Name an address of this machine, and a port that the user of the service may have."},

	{"limits_ok", OK, limits, ""},
	{"limits_files", Warn, limits, "Raise it for the service: LimitNOFILE=65536 in its unit, or ulimit -n."},
	{"limits_few_files", Fail, limits, "Raise it for the service: LimitNOFILE=65536 in its unit, or ulimit -n."},
}
