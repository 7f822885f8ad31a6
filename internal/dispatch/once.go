package dispatch

import (
	"fmt"
	"time"

	"webhookd/internal/store"
)

// once leaves out what its handler's once_per does not allow. What was called off does not count.
func (r *round) once(wave []*armed) ([]*armed, error) {
	var queries []store.OnceQuery
	for _, one := range wave {
		if one.row.OnceKey != "" {
			queries = append(queries, r.onceQuery(one))
		}
	}
	if len(queries) == 0 {
		return wave, nil
	}
	taken, err := r.tx.OnceTaken(r.ctx, queries)
	if err != nil {
		return nil, fmt.Errorf("look for earlier triggers: %w", err)
	}
	var allowed []*armed
	at := 0
	for _, one := range wave {
		if one.row.OnceKey == "" {
			allowed = append(allowed, one)
			continue
		}
		key := store.OnceQuery{Account: one.row.Account, Handler: one.row.Handler, OnceKey: one.row.OnceKey}
		if !taken[at] && !r.taken[key] {
			allowed = append(allowed, one)
			r.taken[key] = true // also for the others of this transaction
		}
		at++
	}
	return allowed, nil
}

func (r *round) onceQuery(one *armed) store.OnceQuery {
	query := store.OnceQuery{Account: one.row.Account, Handler: one.row.Handler, OnceKey: one.row.OnceKey}
	if once := one.handler.Handler().OncePer; once != nil && once.Window > 0 {
		query.Since = r.now.Add(-time.Duration(once.Window))
	}
	return query
}
