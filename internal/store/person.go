package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// PersonTable is a table, beside journal, legs and calls, whose rows may hold something of a person.
type PersonTable string

// The tables, in the order in which they are gone through: of what is done in its time, what it comes of first, and the
// outbox, which gets what comes of it, last.
const (
	PersonSubscribers PersonTable = "subscribers"
	PersonTopics      PersonTable = "topic_subscribers"
	PersonBroadcasts  PersonTable = "broadcasts"
	PersonTriggers    PersonTable = "triggers"
	PersonRequests    PersonTable = "requests"
	PersonMarks       PersonTable = "cancel_marks"
	PersonAnswers     PersonTable = "idempotent_answers"
	PersonQuarantine  PersonTable = "quarantine"
	PersonOutbox      PersonTable = "outbox"
)

// PersonColumn is a column of a PersonTable that may hold something of a person.
type PersonColumn struct {
	Name     string
	Bytes    bool // of bytes, not text
	Nullable bool // null is read as empty, and empty is written as null
}

const keyColumn = "key"

// PersonKeys says for each table which columns name a row within its account. An index has them in this order, so that a
// page is read from where the last one ended. For adapters.
var PersonKeys = map[PersonTable][]string{
	PersonOutbox: {"id"}, PersonTriggers: {"id"}, PersonRequests: {"id"}, PersonBroadcasts: {"id"},
	PersonMarks: {keyColumn, "event_type"}, PersonSubscribers: {"id"}, PersonTopics: {"topic_key", "subscriber_id"},
	PersonAnswers: {keyColumn}, PersonQuarantine: {"id"},
}

// JoinPersonKey makes a [PersonRow.Key] of the texts of its columns; SplitPersonKey undoes it. They are for adapters.
func JoinPersonKey(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	var key strings.Builder
	for _, part := range parts {
		key.WriteString(strconv.Itoa(len(part)) + ":" + part)
	}
	return key.String()
}

// SplitPersonKey gives the texts of the columns that make a key of a table; all are empty for "".
func SplitPersonKey(table PersonTable, key string) ([]string, error) {
	columns := PersonKeys[table]
	if len(columns) == 1 {
		return []string{key}, nil
	}
	parts := make([]string, len(columns))
	if key == "" {
		return parts, nil
	}
	rest := key
	for i := range parts {
		length, behind, _ := strings.Cut(rest, ":")
		size, err := strconv.Atoi(length)
		if err != nil || size < 0 || size > len(behind) {
			return nil, fmt.Errorf("read key of %s: %w", table, ErrRefused)
		}
		parts[i], rest = behind[:size], behind[size:]
	}
	return parts, nil
}

// PersonColumns says for each table which columns these are. For adapters and tests.
var PersonColumns = map[PersonTable][]PersonColumn{
	PersonOutbox: {{Name: "record"}, {Name: "events"}},
	PersonTriggers: {
		{Name: "contact", Nullable: true}, {Name: "once_key", Nullable: true}, {Name: "occasion", Bytes: true}, {Name: "reason"},
	},
	PersonRequests:   {{Name: "spec", Bytes: true}, {Name: "last_error"}},
	PersonBroadcasts: {{Name: "spec", Bytes: true}},
	PersonMarks:      {{Name: keyColumn}},
	PersonSubscribers: {
		{Name: "id"},
		{Name: "phone"},
		{Name: "email"},
		{Name: "first_name"},
		{Name: "last_name"},
		{Name: "locale"},
		{Name: "avatar"},
		{Name: "data", Nullable: true},
	},
	PersonTopics:     {{Name: "subscriber_id"}},
	PersonAnswers:    {{Name: "body", Bytes: true}},
	PersonQuarantine: {{Name: "body", Bytes: true}, {Name: "reason"}},
}

// PersonTables are all of them, in that order.
var PersonTables = []PersonTable{
	PersonSubscribers, PersonTopics, PersonBroadcasts, PersonTriggers, PersonRequests, PersonMarks, PersonAnswers,
	PersonQuarantine, PersonOutbox,
}

// PersonRow is one row of a PersonTable.
type PersonRow struct {
	Key    string   // names the row within its account and table; the program's own form
	Values [][]byte // in the order of PersonColumns
}

// Rewrite is another body for a journal entry.
type Rewrite struct {
	ID     int64
	SHA256 [32]byte // over the new body, as Entry.SHA256 says
	Rank   [32]byte // as Entry.Rank
	Body   []byte
}

// Erasure is one person's erasure. The number itself is not kept.
type Erasure struct {
	ID        string // a UUID
	Account   string
	At        time.Time // when it was asked for
	Pseudonym string    // what stands in the number's place
	// Marks recognise what arrives late: hex HMAC-SHA256, by the installation's secret, of the number and the names. They
	// are removed at GuardUntil.
	Marks       []string
	GuardUntil  time.Time
	Certificate []byte // JSON; empty until it is done
}

// PersonWriter is what a transaction does to take a person out.
type PersonWriter interface {
	// RewriteJournal gives entries other bodies. Where the account has another entry with a SHA256 already, it returns
	// ErrRefused.
	RewriteJournal(ctx context.Context, rewrites []Rewrite) error
	// Journaled gives those of the hashes of which an account's journal has an entry (Entry.SHA256). Order is not defined.
	Journaled(ctx context.Context, account string, hashes [][32]byte) ([][32]byte, error)
	// EntriesByID gives those of the journal entries that exist, in journal order.
	EntriesByID(ctx context.Context, ids []int64) ([]Entry, error)
	// PersonRowsByKey gives those rows of an account's table that exist, as [PersonReader.PersonRows] does. Order is not
	// defined.
	PersonRowsByKey(ctx context.Context, account string, table PersonTable, keys []string) ([]PersonRow, error)
	// RewriteRows writes rows of an account's table anew; those that are not there are no error.
	RewriteRows(ctx context.Context, account string, table PersonTable, rows []PersonRow) error
	// DropRows removes rows of an account's table; those that are not there are no error.
	DropRows(ctx context.Context, account string, table PersonTable, keys []string) error
	ErasureWriter
}

// ErasureWriter is what a transaction keeps of erasures.
type ErasureWriter interface {
	// ErasureSecret gives the installation's secret, which is made of fresh where there is none yet.
	ErasureSecret(ctx context.Context, fresh []byte) ([]byte, error)
	// PutErasure writes an erasure, new or known by ID. Every instance that writes afterwards knows it.
	PutErasure(ctx context.Context, erasure Erasure) error
	// AddErasureMarks adds marks to those of an erasure, unless they were removed. Every instance that writes afterwards
	// knows them.
	AddErasureMarks(ctx context.Context, id string, marks []string) error
	// GuardedErasures gives the erasures whose GuardUntil is later than a moment, and the secret; nil if there is none. Their
	// certificates are left out.
	GuardedErasures(ctx context.Context, after time.Time) ([]Erasure, []byte, error)
	// ForgetMarks removes the marks of erasures whose GuardUntil has come, and says of how many.
	ForgetMarks(ctx context.Context, now time.Time) (int, error)
}

// PersonReader finds a person.
type PersonReader interface {
	// PersonRows gives up to limit rows of an account's table that come after the one with a key, or from
	// the first on for "". Every row comes once, in an order of the table's own.
	PersonRows(ctx context.Context, account string, table PersonTable, after string, limit int) ([]PersonRow, error)
	// Erasures gives the erasures of an account, the latest first.
	Erasures(ctx context.Context, account string) ([]Erasure, error)
}
