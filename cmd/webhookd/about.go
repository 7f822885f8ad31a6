package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// about is what somebody wants to know of a command before typing it. The help, the manual page and docs/commands.md say it
// alike.
type about struct {
	when    string // to use it
	service string // whether it has to run, may run, or has to be stopped
	changes string // what is written to
	exits   string // the exit codes
}

// How a command and the service get along.
const (
	serviceAsked  = "Has to run: it is what the command asks."
	serviceApart  = "May run or not: the command has nothing to do with it."
	serviceBeside = "On Postgres it may run meanwhile. The embedded database belongs to one process: stop the service first."
)

const (
	changesNothing = "Nothing."
	exitsUsual     = "0 done; 1 something failed on the way; 2 it could not begin."
	exitsDatabase  = "0 done; 1 something failed on the way; 2 it could not begin, also because there is no database there yet."
)

// described says it of every command, by its path below webhookd.
var described = map[string]about{
	"serve": {
		"To run the service: it is what a unit, an image or a manifest starts.",
		"Is this. Two must not share a data_dir; on Postgres any number may share the database.",
		"The database, which is made if there is none, and brought to the schema of this version; data_dir; NATS.",
		"0 after SIGINT or SIGTERM; 1 if it failed, or had to be ended by force after stop_timeout; 2 it could not begin.",
	},
	"migrate": {
		"Before an update, where bringing the schema up to date is to be a step of its own; and to make a new, empty database.",
		"On Postgres the version before may go on meanwhile. With the embedded database stop the service first.",
		"The schema of the database, which is made if there is none. Calls and webhooks stay as they are.",
		exitsUsual,
	},
	"replay": {
		"To send a recording, one's own or one of fixtures/, to an installation: to try it, or to look into a call again.",
		serviceAsked,
		"What the service writes for the webhooks that it takes.",
		"0 every webhook was taken; 1 one failed or was refused; 2 it could not begin.",
	},
	"record": {
		"To hand a problem with a call on to somebody, with webhookd scrub, or to play it again elsewhere.",
		serviceBeside,
		"Nothing; what it writes goes to standard output.",
		exitsDatabase,
	},
	"scrub": {
		"Before a recording leaves the house.",
		serviceApart,
		"Nothing; what it writes goes to standard output.",
		exitsUsual,
	},
	"export": {
		"When a person asks what is stored of them.",
		serviceBeside + " Or ask it: GET /v1/contacts/{number}.",
		"Nothing; the document goes to standard output.",
		exitsDatabase,
	},
	"erase": {
		"When a person asks to be forgotten. Look at --dry-run first: it cannot be undone.",
		serviceBeside + " Or ask it: DELETE /v1/contacts/{number}.",
		"The database and the stream on NATS; with --dry-run nothing. The certificate goes to standard output.",
		exitsDatabase,
	},
	"simulate": {
		"To see a board with calls on it, or to find out what an installation bears. Not on one that real calls go to.",
		serviceAsked,
		"What the service writes for the webhooks that it takes.",
		"0 every webhook was taken; 1 one was not; 2 it could not begin.",
	},
	"tail": {
		"To see whether events arrive, and what they say.",
		"With the embedded NATS server it has to run; servers of one's own are enough.",
		changesNothing,
		"0 when it is stopped, or has printed --count events; 1 something failed on the way; 2 NATS cannot be reached, or it could " +
			"not begin for another reason.",
	},
	"close": {
		"For a call that stays on the board although it is over, and that is not to stay there until ring_limit or call_limit.",
		serviceAsked,
		"The call, by the service. Its end is published.",
		"0 done; 1 the service refused, as for a call that it does not know; 2 it could not begin, or nothing answers.",
	},
	"handlers lint": {
		"Before a handlers file is put in its place, and in a pipeline.",
		serviceApart,
		changesNothing,
		"0 nothing is wrong; 1 something is; 2 it could not begin, as when a file cannot be read.",
	},
	"handlers list": {
		"To see which handlers are in force, and whether they fail.",
		serviceAsked,
		changesNothing,
		"0 done; 1 the service refused; 2 it could not begin, or nothing answers.",
	},
	"handlers test": {
		"To find out why a handler did something, or did not.",
		serviceAsked,
		changesNothing,
		"0 done; 1 the service refused; 2 it could not begin, or nothing answers.",
	},
	"rebuild": {
		"After a database was restored or failed over; after an upgrade or a change of close_causes that is to count for calls of " +
			"the past, too; and with --check to know whether calls and journal agree.",
		serviceBeside,
		"Legs, calls, due times and, with --publish, the outbox; with --check nothing.",
		"0 done; 1 something failed on the way or, with --check, something differs; 2 it could not begin, also because there is no " +
			"database there yet or, with --check, because its schema is of another version.",
	},
	"reconcile": {
		"After an outage of the PBX's webhooks, so as not to wait until the service asks by itself.",
		serviceBeside,
		"The journal, calls and the outbox: what changed is published. With --dry-run nothing.",
		"0 done; 1 the PBX did not give its records, or something failed on the way; 2 it could not begin, also because no account " +
			"has a pbx_api, or there is no database there yet.",
	},
	"backfill": {
		"Once, for the time before the PBX was pointed at webhookd; it may come before the first webhook.",
		serviceBeside,
		"The journal, calls and statistics and, with --publish, the outbox; the database is made if there is none. With --dry-run " +
			"nothing, and there has to be one.",
		"0 done; 1 the PBX did not give its records, or something failed on the way; 2 it could not begin, also because the " +
			"account has no pbx_api.",
	},
	"purge": {
		"After limits were set or shortened, so as not to wait for the service; and with --dry-run before that.",
		serviceBeside,
		"Removes from the database, for good; with --dry-run nothing.",
		exitsDatabase,
	},
	"republish": {
		"After the stream lost messages, or for a call of which an event was refused by NATS.",
		"With Postgres and a NATS cluster it may run meanwhile. The embedded ones belong to one process: stop the service first.",
		"The stream on NATS; of the database, what is held back.",
		exitsDatabase,
	},
	"check-config": {
		"Before a start with a new set-up, and to see where a value comes from.",
		serviceApart,
		changesNothing,
		"0 serve would take the set-up; 2 it would refuse.",
	},
	"doctor": {
		"After an installation, an update or a move, and when something is wrong.",
		"May run or not: doctor looks at either.",
		changesNothing,
		"0 nothing fails, though there may be warnings; 1 something fails, also a set-up that would be refused; 2 the command line " +
			"is wrong.",
	},
	"healthcheck": {
		"In a container or a script that has no curl.",
		serviceAsked,
		changesNothing,
		"0 webhooks are taken; 1 they are not, or nothing answers; 2 the command line or the set-up is wrong.",
	},
	versionName: {
		"To say which build it is, as in a report of a fault.",
		serviceApart,
		changesNothing,
		exitsUsual,
	},
}

// widthOfHelp is how wide a paragraph of the help is at most.
const widthOfHelp = 110

// describe puts what is said of a command behind the long text of its help.
func describe(command *cobra.Command) {
	for _, below := range command.Commands() {
		describe(below)
	}
	said, ok := described[pathBelow(command)]
	if !ok {
		return
	}
	if command.Long == "" {
		command.Long = command.Short + "."
	}
	for _, paragraph := range []string{
		"When: " + said.when, "Service: " + said.service, "Changes: " + said.changes, "Exit codes: " + said.exits,
	} {
		command.Long += "\n\n" + wrapped(paragraph, widthOfHelp)
	}
}

// pathBelow is what is typed after webhookd.
func pathBelow(command *cobra.Command) string {
	return strings.TrimPrefix(command.CommandPath(), command.Root().Name()+" ")
}

// wrapped breaks a paragraph into lines.
func wrapped(paragraph string, width int) string {
	var text strings.Builder
	column := 0
	for word := range strings.FieldsSeq(paragraph) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			text.WriteString("\n")
			column = 0
		default:
			text.WriteString(" ")
			column++
		}
		text.WriteString(word)
		column += len(word)
	}
	return text.String()
}
