package erase

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"

	"webhookd/internal/ingest"
	"webhookd/internal/person"
	"webhookd/internal/store"
)

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

// eraser is one erasure under way.
type eraser struct {
	*Service
	account     string
	numbers     person.Finder // by the number
	all         person.Finder // by number and names, with pseudonyms
	dryRun      bool
	found       *found
	guard       *person.Guard
	key         string          // the mark with the key of endings
	calls       map[string]bool // all that were found
	erasure     store.Erasure
	certificate Certificate
}

// Erase takes a person out of everything that is kept of an account: see the package, and docs/personal-data.md. With dryRun
// it changes nothing and says what it would. What breaks off in between can be done again: it goes on with the same
// pseudonym. It returns ErrNumber, and store.ErrUnavailable.
func (s *Service) Erase(ctx context.Context, account, number string, dryRun bool) (Certificate, error) {
	id, numbers, err := s.finder(number)
	if err != nil {
		return Certificate{}, err
	}
	e := &eraser{Service: s, account: account, numbers: numbers, dryRun: dryRun, found: nothingFound(), calls: map[string]bool{}}
	if _, err := s.look(ctx, account, numbers, e.found); err != nil {
		return Certificate{}, err
	}
	if err := s.lookAtRows(ctx, account, numbers, e.found); err != nil {
		return Certificate{}, err
	}
	if err := e.begin(ctx, id); err != nil {
		return Certificate{}, err
	}
	if err := e.journal(ctx); err != nil {
		return Certificate{}, err
	}
	for _, table := range store.PersonTables {
		if err := e.table(ctx, table); err != nil {
			return Certificate{}, fmt.Errorf("erase from %s: %w", table, err)
		}
	}
	e.stream(ctx)
	return e.certificate, e.certify(ctx)
}

// stream takes events back that were published. Without NATS everything else is erased all the same.
func (e *eraser) stream(ctx context.Context) {
	if e.dryRun {
		return
	}
	if e.Stream == nil {
		e.certificate.NotReached = append([]NotReached{stayed}, notReached...)
		return
	}
	// What is left of the time is for the certificate.
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	removed, err := e.Stream.Expunge(ctx, e.account, func(body []byte) bool {
		_, hit := person.Bytes(body, e.find(body))
		return hit
	})
	if err != nil {
		if e.Logger != nil {
			e.Logger.WarnContext(ctx, "published events are not erased", "erasure", e.certificate.ID, "error", err)
		}
		e.certificate.NotReached = append([]NotReached{stayed}, notReached...)
		return
	}
	e.certificate.StreamMessages = &removed
}

// begin decides the pseudonym and lets every instance recognise the person from now on.
func (e *eraser) begin(ctx context.Context, id string) error {
	now := e.Now().UTC().Truncate(time.Second)
	e.erasure = store.Erasure{
		ID: uuid.NewString(), Account: e.account, At: now, Pseudonym: person.Prefix + hex.EncodeToString(random(6)),
		GuardUntil: now.Add(GuardFor),
	}
	secret := random(sha256.Size)
	e.key = person.KeyPrefix + hex.EncodeToString(random(person.KeySize))
	if !e.dryRun {
		err := e.Store.Write(ctx, func(tx store.Tx) (err error) {
			if err := tx.ForgetMarks(ctx, now); err != nil {
				return err
			}
			if secret, err = tx.ErasureSecret(ctx, secret); err != nil {
				return err
			}
			return e.put(ctx, tx, secret, id)
		})
		if err != nil {
			return fmt.Errorf("begin erasure: %w", err)
		}
	}
	e.guard = person.NewGuard(secret, e.Region)
	if e.dryRun {
		e.erasure.Marks = e.marks(e.guard, id)
	}
	e.guard.Add(e.erasure.Pseudonym, e.erasure.Marks)
	e.all = e.guard.NumbersAndNames(e.account)
	e.certificate = Certificate{
		ID: e.erasure.ID, Account: e.account, ErasedAt: now, DryRun: e.dryRun, Pseudonym: e.erasure.Pseudonym,
		Tables:    map[string]TableCount{},
		LateUntil: e.erasure.GuardUntil, NotReached: notReached,
	}
	return nil
}

// put writes the erasure; one of the same number whose marks are still there gives its pseudonym.
func (e *eraser) put(ctx context.Context, tx store.Tx, secret []byte, id string) error {
	guard := person.NewGuard(secret, e.Region)
	known, _, err := tx.GuardedErasures(ctx, e.erasure.At)
	if err != nil {
		return err
	}
	mark := guard.NumberMark(e.account, id)
	var more []string // of an erasure that broke off
	for _, before := range known {
		if before.Account == e.account && slices.Contains(before.Marks, mark) {
			e.erasure.Pseudonym, more = before.Pseudonym, append(more, before.Marks...)
		}
	}
	if len(more) > 0 {
		e.key = "" // that of the earlier erasure is among its marks
	}
	e.erasure.Marks = append(e.marks(guard, id), more...)
	slices.Sort(e.erasure.Marks)
	e.erasure.Marks = slices.Compact(e.erasure.Marks)
	return tx.PutErasure(ctx, e.erasure)
}

func (e *eraser) marks(guard *person.Guard, id string) []string {
	marks := []string{guard.NumberMark(e.account, id), guard.TailMark(e.account, id)}
	if e.key != "" {
		marks = append(marks, e.key)
	}
	for _, name := range slices.Sorted(maps.Keys(e.found.names)) {
		marks = append(marks, guard.NameMark(e.account, name))
	}
	return marks
}

// journal rewrites the calls, and the entries of other families. What came in between finding and now is found again.
func (e *eraser) journal(ctx context.Context) error {
	for again := true; again; {
		dialogs := slices.Sorted(maps.Keys(e.found.dialogs))
		maps.Copy(e.calls, e.found.calls)
		var erased ingest.Erased
		if e.dryRun {
			if err := e.countCalls(ctx, &erased); err != nil {
				return err
			}
		}
		for batch := range slices.Chunk(dialogs, callBatch) {
			if e.dryRun {
				break
			}
			keys := make([]store.Key, len(batch))
			for i, id := range batch {
				keys[i] = store.Key{Account: e.account, UUID: id}
			}
			if err := e.write(ctx, func(tx store.Tx) error {
				one, err := e.Engine.Erase(ctx, tx, keys, e.all)
				if err == nil {
					erased.Add(one)
				}
				return err
			}); err != nil {
				return fmt.Errorf("erase calls: %w", err)
			}
		}
		if err := e.others(ctx, &erased); err != nil {
			return err
		}
		e.count("journal", erased.Entries, 0)
		e.count("legs", erased.Legs, 0)
		e.count("calls", erased.Calls, 0)
		e.certificate.Calls += erased.Calls
		e.certificate.OpenCalls += erased.Open
		again = false
		if !e.dryRun {
			through, names := e.found.through, e.found.names
			e.found = nothingFound()
			e.found.through, e.found.names = through, names
			hits, err := e.look(ctx, e.account, e.numbers, e.found)
			if err != nil {
				return err
			}
			again = hits > 0
		}
	}
	return nil
}

// others rewrites the entries that belong to no call.
func (e *eraser) others(ctx context.Context, erased *ingest.Erased) error {
	for batch := range slices.Chunk(e.found.others, rowBatch) {
		if e.dryRun {
			erased.Entries += len(batch)
			continue
		}
		if err := e.write(ctx, func(tx store.Tx) error {
			count, err := ingest.EraseEntries(ctx, tx, batch, e.all)
			erased.Entries += count
			return err
		}); err != nil {
			return fmt.Errorf("erase from journal: %w", err)
		}
	}
	return nil
}

// countCalls says what would be changed.
func (e *eraser) countCalls(ctx context.Context, erased *ingest.Erased) error {
	for id := range e.found.calls {
		key := store.Key{Account: e.account, UUID: id}
		call, err := e.Store.Call(ctx, key)
		if err != nil {
			return fmt.Errorf("read call: %w", err)
		}
		entries, err := e.Store.Entries(ctx, key)
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		for i := range entries {
			if _, hit := person.Bytes(entries[i].Body, e.all); hit {
				erased.Entries++
			}
		}
		erased.Calls++
		if call.Revision == 0 {
			erased.Open++
		}
	}
	erased.Legs = len(e.found.dialogs)
	return nil
}

// table goes through a further table.
func (e *eraser) table(ctx context.Context, table store.PersonTable) error {
	var rows []store.PersonRow
	var gone []string
	flush := func(least int) error {
		if len(rows)+len(gone) < least {
			return nil
		}
		e.count(string(table), len(rows), len(gone))
		if !e.dryRun {
			if err := e.write(ctx, func(tx store.Tx) error {
				if err := tx.RewriteRows(ctx, e.account, table, rows); err != nil {
					return err
				}
				if table == store.PersonTriggers {
					return e.callOff(ctx, tx, rows)
				}
				return tx.DropRows(ctx, e.account, table, gone)
			}); err != nil {
				return err
			}
		}
		rows, gone = nil, nil
		return nil
	}
	err := e.rows(ctx, e.account, table, func(row store.PersonRow) error {
		made, hit := rewritten(row, e.find(row.Values...))
		switch {
		case !hit:
			return nil
		case dropped(table):
			gone = append(gone, row.Key)
		default:
			rows = append(rows, made)
		}
		return flush(rowBatch)
	})
	if err != nil {
		return err
	}
	return flush(1)
}

// someUUID finds what may be the UUID of a call.
var someUUID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// find gives what a row, or an event, is looked through for: names only where it names the number, or a call of the person,
// too. Others may have the same name.
func (e *eraser) find(values ...[]byte) person.Finder {
	numbers := e.guard.Numbers(e.account)
	for _, value := range values {
		for _, id := range someUUID.FindAll(value, -1) {
			if e.calls[string(id)] {
				return e.all
			}
		}
	}
	for _, value := range values {
		if _, hit := person.Bytes(value, numbers); hit {
			return e.all
		}
	}
	return numbers
}

// dropped says whether rows that hold something of the person go as a whole: they are no history.
func dropped(table store.PersonTable) bool {
	switch table {
	case store.PersonOutbox, store.PersonTriggers, store.PersonBroadcasts:
		return false
	case store.PersonRequests, store.PersonMarks, store.PersonSubscribers, store.PersonTopics, store.PersonAnswers,
		store.PersonQuarantine:
	}
	return true
}

// callOff ends triggers that were still to be fired for the person.
func (e *eraser) callOff(ctx context.Context, tx store.Tx, rows []store.PersonRow) error {
	triggers := make([]store.Trigger, len(rows))
	for i, row := range rows {
		triggers[i] = store.Trigger{
			ID: row.Key, State: store.TriggerCancelled, EndedAt: e.Now().UTC(), Reason: "the person was erased",
		}
	}
	_, err := tx.EndTriggers(ctx, triggers)
	return err
}

func (e *eraser) write(ctx context.Context, fn func(store.Tx) error) error {
	if err := e.Store.Write(ctx, fn); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (e *eraser) count(table string, rewrittenRows, removed int) {
	if rewrittenRows+removed == 0 {
		return
	}
	count := e.certificate.Tables[table]
	count.Rewritten += rewrittenRows
	count.Removed += removed
	e.certificate.Tables[table] = count
}

// certify keeps the certificate.
func (e *eraser) certify(ctx context.Context) error {
	if e.dryRun {
		return nil
	}
	text, err := json.Marshal(e.certificate)
	if err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	e.erasure.Certificate = text
	if e.Logger != nil {
		e.Logger.Info("erased a person", "account", e.account, "erasure", e.erasure.ID, "calls", e.certificate.Calls)
	}
	return e.write(ctx, func(tx store.Tx) error { return tx.PutErasure(ctx, e.erasure) })
}

func random(n int) []byte {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // it never fails
	return bytes
}
