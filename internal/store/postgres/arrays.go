package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"

	"webhookd/internal/dialog"
)

// A batch goes to the server as one array for each column. These make the arrays.

func texts[T any](rows []T, column func(T) string) pq.StringArray {
	values := make(pq.StringArray, len(rows))
	for i, row := range rows {
		values[i] = column(row)
	}
	return values
}

func ints[T any](rows []T, column func(T) int64) pq.Int64Array {
	values := make(pq.Int64Array, len(rows))
	for i, row := range rows {
		values[i] = column(row)
	}
	return values
}

func bools[T any](rows []T, column func(T) bool) pq.BoolArray {
	values := make(pq.BoolArray, len(rows))
	for i, row := range rows {
		values[i] = column(row)
	}
	return values
}

// moments are times with microseconds; finer parts are cut off, where the server would round.
func moments[T any](rows []T, column func(T) time.Time) pq.StringArray {
	return texts(rows, func(row T) string { return moment(column(row)) })
}

func moment(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format("2006-01-02T15:04:05.999999Z")
}

// optional gives "" for a time that was not reported; the statements make null of it.
func optional(t dialog.Time) string { return t.String() }

// second gives the first second of 1970 for a time that was not reported, where a column must have a value.
func second(t dialog.Time) string { return moment(time.Unix(int64(t), 0)) }

// literal is a list as one array value in the server's notation, for a column that is an array itself.
func literal(values []string) string {
	if len(values) == 0 {
		return "{}"
	}
	value, err := pq.StringArray(values).Value()
	text, ok := value.(string)
	if err != nil || !ok { // it has no errors, and gives text for a list
		panic(fmt.Sprintf("list as an array: %T: %v", value, err))
	}
	return text
}

// readable makes text that the server takes of any text, for messages that may quote what a sender sent.
func readable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// latest drops rows that a later one of the same key replaces: one statement can write a row only once.
func latest[T any, K comparable](rows []T, key func(T) K) []T {
	place := make(map[K]int, len(rows))
	kept := make([]T, 0, len(rows))
	for _, row := range rows {
		at, known := place[key(row)]
		if known {
			kept[at] = row
			continue
		}
		place[key(row)] = len(kept)
		kept = append(kept, row)
	}
	return kept
}
