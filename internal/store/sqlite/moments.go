package sqlite

import (
	"database/sql"
	"time"
)

// orNow gives the store's clock for a moment that was left zero, where a column must have a value.
func (t *tx) orNow(given time.Time) int64 {
	if given.IsZero() {
		given = t.store.now()
	}
	return moment(given)
}

// optionalMoment gives null for a moment that was left zero.
func optionalMoment(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return moment(at)
}

// optionalMomentOf gives the zero time for null.
func optionalMomentOf(micro sql.NullInt64) time.Time {
	if !micro.Valid {
		return time.Time{}
	}
	return momentOf(micro.Int64)
}
