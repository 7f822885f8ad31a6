package erase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"webhookd/internal/person"
	"webhookd/internal/store"
)

// Export is everything that is stored of a person in an account.
type Export struct {
	Account    string            `json:"account"`
	Number     string            `json:"number"` // as it was asked for
	ExportedAt time.Time         `json:"exported_at"`
	Calls      []json.RawMessage `json:"calls"`    // the records of the calls that name the number
	Webhooks   []ExportedEntry   `json:"webhooks"` // all journal entries of these calls, and others that name the number
	// Rows are the rows of further tables that an erasure would change: those that name the number, and those that name the
	// person and one of the calls.
	Rows map[store.PersonTable][]ExportedRow `json:"rows"`
}

// ExportedEntry is a journal entry.
type ExportedEntry struct {
	JournalID  int64           `json:"journal_id"`
	ReceivedAt time.Time       `json:"received_at"`
	Origin     store.Origin    `json:"origin"`
	EventName  string          `json:"event_name"`
	CallUUID   *string         `json:"call_uuid"`             // null for other families, and for what retention has removed
	Body       json.RawMessage `json:"body"`                  // the JSON, or a text for what is none
	BodyBase64 []byte          `json:"body_base64,omitempty"` // in place of body for what is no UTF-8
}

// ExportedRow is a row of a table: its columns that may hold something of a person.
type ExportedRow map[string]json.RawMessage

// Export collects everything that is stored of a person. It returns ErrNumber, and store.ErrUnavailable.
func (s *Service) Export(ctx context.Context, account, number string) (Export, error) {
	id, numbers, err := s.finder(number)
	if err != nil {
		return Export{}, err
	}
	export := Export{
		Account: account, Number: number, ExportedAt: s.Now().UTC().Truncate(time.Second), Calls: []json.RawMessage{},
		Webhooks: []ExportedEntry{}, Rows: map[store.PersonTable][]ExportedRow{},
	}
	f := nothingFound()
	if _, err := s.look(ctx, account, wanted{numbers: numbers}, f); err != nil {
		return Export{}, err
	}
	if err := s.lookAtRows(ctx, account, numbers, f); err != nil {
		return Export{}, err
	}
	e := s.wouldErase(account, id, f)
	for _, id := range slices.Sorted(maps.Keys(f.calls)) {
		if err := s.exportCall(ctx, store.Key{Account: account, UUID: id}, &export); err != nil {
			return Export{}, err
		}
	}
	for i := range f.others {
		export.Webhooks = append(export.Webhooks, exportedEntry(&f.others[i], nil))
	}
	for _, table := range store.PersonTables {
		list := []ExportedRow{}
		_, err := s.rows(ctx, account, table, "", func(row store.PersonRow) error {
			if _, hit := rewritten(row, e.find(row.Values...)); hit {
				list = append(list, exportedRow(table, row))
			}
			return nil
		})
		if err != nil {
			return Export{}, fmt.Errorf("export %s: %w", table, err)
		}
		export.Rows[table] = list
	}
	return export, nil
}

func (s *Service) exportCall(ctx context.Context, key store.Key, export *Export) error {
	call, err := s.Store.Call(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("export call: %w", err)
	}
	if len(call.Record) > 0 {
		export.Calls = append(export.Calls, call.Record)
	}
	entries, err := s.Store.Entries(ctx, key)
	if err != nil {
		return fmt.Errorf("export journal: %w", err)
	}
	for i := range entries {
		export.Webhooks = append(export.Webhooks, exportedEntry(&entries[i], &key.UUID))
	}
	return nil
}

func exportedEntry(entry *store.Entry, call *string) ExportedEntry {
	made := ExportedEntry{
		JournalID: entry.ID, ReceivedAt: entry.ReceivedAt.UTC(), Origin: entry.Origin, EventName: entry.EventName, CallUUID: call,
		Body: shown(entry.Body),
	}
	if !utf8.Valid(entry.Body) {
		made.BodyBase64 = entry.Body
	}
	return made
}

// shown gives a value as JSON: as it is where it is some, null for nothing and for what is no text, else as a text.
func shown(value []byte) json.RawMessage {
	switch {
	case len(value) == 0 || !utf8.Valid(value):
		return json.RawMessage("null")
	case (value[0] == '{' || value[0] == '[') && json.Valid(value):
		return value
	}
	text, err := json.Marshal(string(value))
	if err != nil { // a string always encodes
		return json.RawMessage("null")
	}
	return text
}

// rewritten gives a row with pseudonyms.
func rewritten(row store.PersonRow, find person.Finder) (store.PersonRow, bool) {
	made, changed := store.PersonRow{Key: row.Key, Values: make([][]byte, len(row.Values))}, false
	for i, value := range row.Values {
		written, hit := person.Bytes(value, find)
		made.Values[i], changed = written, changed || hit
	}
	return made, changed
}
