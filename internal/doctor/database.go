package doctor

import (
	"strings"
	"time"
)

const (
	oldestServer = 13 // major version
	outboxWaits  = time.Minute
	outboxStuck  = time.Hour
	busyTenths   = 9
	off          = "off"
	instances    = 2 // that run beside each other at least while a version is replaced
)

func (r *report) database(d Database) {
	switch d.Trouble {
	case Fine:
	case Unreachable:
		r.addf("database_unreachable", "The database at %s cannot be reached: %s.", d.Where, d.Problem)
	case Refused:
		r.addf("database_refused", "The database at %s does not let us in: %s.", d.Where, d.Problem)
	case Absent:
		r.addf("database_absent", "The server is there, but not the database of %s: %s.", d.Where, d.Problem)
	case Crowded:
		r.addf("database_crowded", "The database at %s takes no further connection: %s.", d.Where, d.Problem)
	case Broken:
		r.addf("database_broken", "The database at %s cannot be used: %s.", d.Where, d.Problem)
	}
	if d.Trouble != Fine {
		return
	}
	before := len(r.findings)
	if !d.Embedded {
		r.server(d)
		r.settings(d.Settings)
		r.connections(d)
	}
	if !r.bad(before) {
		switch {
		case d.Embedded && d.New:
			r.addf("database_new", "The embedded database %s is not there yet: the service makes it.", d.Where)
		case d.Embedded:
			r.addf("database_ok", "The embedded database %s (SQLite %s) can be read; it has %s.", d.Where, d.Version, size(d.Size))
		default:
			r.addf("database_ok", "%s answers (PostgreSQL %s), with settings that keep what is committed; our tables have %s.",
				d.Where, d.Version, size(d.Size))
		}
	}
	r.schema(d)
	if !d.New && d.Schema > 0 {
		r.outbox(d)
	}
}

func (r *report) server(d Database) {
	if d.Major < oldestServer {
		r.addf("database_version", "%s runs PostgreSQL %s: 13 is the oldest version that has what webhookd needs.",
			d.Where, d.Version)
	}
	if d.Standby {
		r.addf("database_standby", "%s can only be read (a standby, or default_transaction_read_only): nothing can be stored.",
			d.Where)
	}
	if d.NoSchema {
		r.addf("database_no_schema", "None of the schemas that search_path names exists in %s.", d.Where)
	}
	if d.NoCreate && (d.New || d.Schema < d.Known) && !d.NoSchema {
		r.addf("database_no_rights", "The user of %s may not make tables there, and tables are missing.", d.Where)
	}
	if d.Plain && d.Remote {
		r.addf("database_plain", "What goes to %s, calls and the password's proof among it, crosses the network unencrypted.",
			d.Where)
	}
}

func (r *report) settings(set map[string]string) {
	if encoding := set["server_encoding"]; encoding != "" && encoding != "UTF8" {
		r.addf("database_encoding", "The database's encoding is %s: names that need other letters cannot be stored.", encoding)
	}
	if set["fsync"] == off {
		r.addf("database_fsync", "fsync is off: when the server's machine crashes, webhooks that were acknowledged are lost, and "+
			"the whole database may be.")
	}
	if set["full_page_writes"] == off {
		r.addf("database_page_writes", "full_page_writes is off: a crash of the server's machine can leave pages half written.")
	}
	if set["autovacuum"] == off {
		r.addf("database_autovacuum", "autovacuum is off: tables grow without need, and everything becomes slow in some days.")
	}
	if set["synchronous_commit"] == off {
		r.addf("database_commit", "synchronous_commit is off there by default; webhookd switches it on for its own sessions.")
	}
}

func (r *report) connections(d Database) {
	if d.Places == 0 || d.Need == 0 {
		return
	}
	switch {
	case d.Places < instances*d.Need:
		r.addf("database_connections",
			"The server has %d places for connections; one webhookd may need %d, and while a version is "+
				"replaced two run beside each other.", d.Places, d.Need)
	case d.Connections*tenth >= d.Places*busyTenths:
		r.addf("database_connections", "%d of the server's %d places for connections are taken; one more webhookd may need %d.",
			d.Connections, d.Places, d.Need)
	}
}

func (r *report) schema(d Database) {
	switch {
	case d.New && d.Embedded:
	case d.New:
		r.addf("database_new", "There are no tables yet: the service makes them when it starts.")
	case d.Schema < d.Known:
		r.addf("schema_behind",
			"The schema has version %d, and this program knows %d: the service brings it up to date when it starts.",
			d.Schema, d.Known)
	case d.Schema > d.Known:
		r.addf("schema_ahead", "The schema has version %d, and this program knows %d only: a newer version has been here.",
			d.Schema, d.Known)
	default:
		r.addf("schema_ok", "The schema is up to date (version %d).", d.Schema)
	}
}

func (r *report) outbox(d Database) {
	if d.Held > 0 {
		r.addf("outbox_held", "%d changes of calls were set aside because they could not be published.", d.Held)
	}
	switch {
	case d.Unpublished == 0:
		r.addf("outbox_ok", "No event waits to be published.")
	case d.Oldest >= outboxStuck:
		r.addf("outbox_stuck",
			"%d changes of calls wait to be published, the oldest for %s: readers of events know nothing of them.",
			d.Unpublished, rounded(d.Oldest))
	case d.Oldest >= outboxWaits:
		r.addf("outbox_waits", "%d changes of calls wait to be published, the oldest for %s.", d.Unpublished, rounded(d.Oldest))
	default:
		r.addf("outbox_ok", "%d changes of calls are about to be published.", d.Unpublished)
	}
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
