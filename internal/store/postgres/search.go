package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"webhookd/internal/store"
)

const defaultPage = 100 // calls, where the filter sets no limit

// Calls implements [store.Reader]. A limit of 0 means 100.
func (s *Store) Calls(ctx context.Context, filter store.CallFilter) ([]store.Call, error) {
	query, args := searchCalls(filter)
	var rows []callRow
	if err := s.list(ctx, "search calls", &rows, query, args...); err != nil {
		return nil, err
	}
	return callsOf(rows), nil
}

// condition collects the parts of a where clause and their values.
type condition struct {
	parts []string
	args  []any
}

// and adds a part; each %s in it is the place of one of the values.
func (c *condition) and(part string, values ...any) {
	places := make([]any, len(values))
	for i, value := range values {
		c.args = append(c.args, value)
		places[i] = fmt.Sprintf("$%d", len(c.args))
	}
	c.parts = append(c.parts, fmt.Sprintf(part, places...))
}

// searchCalls makes the question: pages go along an index in page order, that of one search key if there is one. The
// words "open", "missed" and "merged_into is null" stand there as the partial indexes have them.
func searchCalls(filter store.CallFilter) (string, []any) {
	var where condition
	page, from := "call", "calls call"
	keys := drivingFirst(filter.SearchKeys())
	missed := filter.Missed != nil && *filter.Missed
	if len(keys) > 0 {
		page = "found"
		from = `call_keys found join calls call on call.account = found.account and call.call_uuid = found.call_uuid`
	}
	where.and(page+".account = %s", filter.Account)
	for i, key := range keys {
		if i == 0 {
			if missed {
				key = store.MissedKey(key)
			}
			where.and("found.key = %s", searchKey(key))
			continue
		}
		where.and(`exists (select 1 from call_keys other where other.account = found.account and other.key = %s
       and other.started_at = found.started_at and other.call_uuid = found.call_uuid)`, searchKey(key))
	}
	if !filter.From.IsZero() {
		where.and(page+".started_at >= %s", second(filter.From))
	}
	if !filter.To.IsZero() {
		where.and(page+".started_at < %s", second(filter.To))
	}
	if filter.Before != nil {
		where.and("("+page+".started_at, "+page+".call_uuid) < (%s::timestamptz, %s::text)",
			second(filter.Before.StartedAt), filter.Before.CallUUID)
	}
	where.and("call.merged_into is null")
	if filter.Open || (filter.State != "" && filter.State != "ended") {
		where.and("call.open")
	}
	if filter.State != "" {
		where.and("call.state = %s", filter.State)
	}
	if filter.Direction != "" {
		where.and("call.direction = %s", filter.Direction)
	}
	if filter.Disposition != "" {
		where.and("call.disposition = %s", filter.Disposition)
	}
	if filter.HangupBy != "" {
		where.and("call.hangup_by = %s", filter.HangupBy)
	}
	switch {
	case missed: // the driving key, if there is one, says it too
		where.and("call.missed")
	case filter.Missed != nil:
		where.and("not call.missed")
	}
	if filter.Transferred != nil && !*filter.Transferred {
		where.and("not exists (select 1 from call_keys other where other.account = " + page + ".account and other.key = '" +
			store.TransferredKey + "' and other.started_at = " + page + ".started_at and other.call_uuid = " + page + ".call_uuid)")
	}
	limit := filter.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	return fmt.Sprintf("select %s\nfrom %s\nwhere %s\norder by %s.started_at desc, %s.call_uuid desc\nlimit %d",
		wholeCallColumns, from, strings.Join(where.parts, "\n  and "), page, page, limit), where.args
}

// drivingFirst puts the key that fewest calls are likely to have at the front: a project's are the most common.
func drivingFirst(keys []string) []string {
	ordered := slices.Clone(keys)
	project := store.ProjectKey("")
	slices.SortStableFunc(ordered, func(a, b string) int {
		return boolInt(strings.HasPrefix(a, project)) - boolInt(strings.HasPrefix(b, project))
	})
	return slices.Compact(ordered)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
