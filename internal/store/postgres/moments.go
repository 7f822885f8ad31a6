package postgres

import (
	"database/sql"
	"time"

	"github.com/lib/pq"
)

// orNow gives the store's clock for a moment that was left zero, where a column must have a value.
func (t *tx) orNow(given time.Time) time.Time {
	if given.IsZero() {
		return t.store.now()
	}
	return given
}

// optionalMoments are times of which a zero one is ""; the statements make null of it.
func optionalMoments[T any](rows []T, column func(T) time.Time) pq.StringArray {
	return texts(rows, func(row T) string {
		if at := column(row); !at.IsZero() {
			return moment(at)
		}
		return ""
	})
}

// momentOf gives the zero time for null.
func momentOf(at sql.NullTime) time.Time {
	if !at.Valid {
		return time.Time{}
	}
	return at.Time.UTC()
}

// list is a list of texts as one array.
func list(values []string) pq.StringArray {
	return texts(values, func(value string) string { return value })
}
