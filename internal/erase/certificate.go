package erase

import "time"

// Certificate says what an erasure did. The number is not in it.
type Certificate struct {
	ID       string    `json:"id"`
	Account  string    `json:"account"`
	ErasedAt time.Time `json:"erased_at"`
	DryRun   bool      `json:"dry_run"` // nothing was changed; the counts are of what would be
	// Pseudonym stands in the number's place; in that of names, and of other ways of writing it, with an ending.
	Pseudonym string `json:"pseudonym"`
	// Calls is how many calls were changed, OpenCalls how many of these go on or were not settled yet.
	Calls     int                   `json:"calls"`
	OpenCalls int                   `json:"open_calls"`
	Tables    map[string]TableCount `json:"tables"` // by table, those without any left out
	// StreamMessages is how many published events were removed from the stream, and is not known in a dry run; null where they
	// could not be looked at, which NotReached says then.
	StreamMessages *int `json:"stream_messages"`
	// LateUntil is until when webhooks of these calls that come late, or once more, are recognised and treated alike.
	LateUntil  time.Time    `json:"late_until"`
	NotReached []NotReached `json:"not_reached"`
}

// TableCount counts the rows of a table.
type TableCount struct {
	Rewritten int `json:"rewritten"`
	Removed   int `json:"removed"`
}

// NotReached is a place where the person may still be.
type NotReached struct {
	Where string `json:"where"`
	Why   string `json:"why"`
	Until string `json:"until"` // how long it stays there, and what ends it
}

// notReached are the places outside of the database, or out of its sight.
var notReached = []NotReached{
	{
		"events that were on their way to the stream", "What waited to be published at that moment went out as it was.",
		"The stream keeps them 7 days; the same erasure again removes them.",
	},
	{"readers of the stream and of call-outs", "What left webhookd is with whoever got it.", "Ask them."},
	{"backups and replicas of the database", "They are copies.", "As long as they are kept."},
	{
		"free space of the database", "A database does not overwrite what it frees: dead rows, write-ahead logs.",
		"Until it is used again; VACUUM (FULL) gives it back.",
	},
	{"the spool", "Webhooks that wait there while the database is away are rewritten when they are taken in.", "Until then."},
	{
		"damaged files of the spool (*.corrupt)", "What could not be read of a file stays in it, and may be anybody's.",
		"Until somebody removes them.",
	},
	{
		"handlers", "A definition may name a number, and so may the last error of one; who wrote it can change it.",
		"Until it is changed; the last error until it fails again.",
	},
	{
		"transaction ids, and keys and names of topics", "Clients chose them, and ask by them; one made of a number names it.",
		"Triggers as long as calls are kept; topics until they are removed.",
	},
	{"logs", "webhookd writes no numbers or names above the level debug; proxies before it may.", "As long as they are kept."},
	{"the PBX", "It has its own records.", "Ask it."},
}

// stayed is the stream, where it could not be looked at.
var stayed = NotReached{
	"the stream FLOW_TRIGGERS", "NATS could not be reached, or not for long enough: events that were published are still there.",
	"The stream keeps them 7 days. The same erasure again removes them, and \"nats stream purge\" removes all.",
}
