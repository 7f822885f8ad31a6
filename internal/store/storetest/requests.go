package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func request(n int) store.Request {
	return store.Request{
		ID: uuid(n), Account: acme, TriggerID: uuid(n + 100), Handler: "h", Spec: []byte("{\"n\":\x00\xff}"), CreatedAt: now,
	}
}

var requestTests = []test{
	{"gives requests back as they were written, and removes them", func(t *testing.T, b *bundle) {
		first, second := request(1), request(2)
		second.Attempts, second.LeasedUntil, second.LastError = 3, now.Add(time.Minute), "refused"
		bare := store.Request{ID: uuid(3), Spec: []byte{}, CreatedAt: now}
		ids := []string{uuid(1), uuid(2), uuid(3), uuid(4), uuid(1)}
		b.write(t, func(tx store.Tx) {
			changed := first
			changed.Account = other
			require.NoError(t, tx.PutRequests(b.ctx, []store.Request{changed, second, bare, first}))
			require.NoError(t, tx.PutRequests(b.ctx, nil))
			got, err := tx.Requests(b.ctx, ids)
			require.NoError(t, err)
			require.ElementsMatch(t, []store.Request{first, second, bare}, got)

			first.Attempts, first.LastError = 1, "\x00 timed out"
			second.LeasedUntil = time.Time{}
			require.NoError(t, tx.PutRequests(b.ctx, []store.Request{first, second}))
			got, err = tx.Requests(b.ctx, []string{uuid(1)})
			require.NoError(t, err)
			require.Equal(t, 1, got[0].Attempts)
			require.Contains(t, got[0].LastError, "timed out")
			got, err = tx.Requests(b.ctx, []string{uuid(2)})
			require.NoError(t, err)
			require.Equal(t, []store.Request{second}, got)

			require.NoError(t, tx.DropRequests(b.ctx, []string{uuid(1), uuid(9), uuid(2)}))
			require.NoError(t, tx.DropRequests(b.ctx, nil))
			got, err = tx.Requests(b.ctx, ids)
			require.NoError(t, err)
			require.Equal(t, []store.Request{bare}, got)
			got, err = tx.Requests(b.ctx, nil)
			require.NoError(t, err)
			require.Empty(t, got)
		})
	}},

	{"leases a request to one at a time", func(t *testing.T, b *bundle) {
		// The leases are by the store's own clock.
		free, over, leased := request(1), request(2), request(3)
		over.LeasedUntil = time.Now().Add(-time.Second)
		leased.LeasedUntil = time.Now().Add(time.Hour)
		until := time.Now().Add(30 * time.Minute).UTC().Truncate(time.Microsecond)
		ids := []string{uuid(3), uuid(2), uuid(1), uuid(1), uuid(4)}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutRequests(b.ctx, []store.Request{free, over, leased}))
			got, err := tx.ClaimRequests(b.ctx, ids, until)
			require.NoError(t, err)
			free.LeasedUntil, over.LeasedUntil = until, until
			require.ElementsMatch(t, []store.Request{free, over}, got)
			got, err = tx.ClaimRequests(b.ctx, nil, until)
			require.NoError(t, err)
			require.Empty(t, got)
		})
		b.write(t, func(tx store.Tx) {
			got, err := tx.ClaimRequests(b.ctx, ids, until)
			require.NoError(t, err)
			require.Empty(t, got)
			require.NoError(t, tx.PutRequests(b.ctx, []store.Request{request(1)})) // given up
			got, err = tx.ClaimRequests(b.ctx, ids, time.Now().Add(-time.Second))
			require.NoError(t, err)
			require.Len(t, got, 1)
			got, err = tx.ClaimRequests(b.ctx, ids, until)
			require.NoError(t, err)
			require.Len(t, got, 1, "its lease was over at once")
		})
	}},

	{"gives every request to one of many that claim at once", func(t *testing.T, b *bundle) {
		const claimers, requests = 6, 40
		var ids []string
		b.write(t, func(tx store.Tx) {
			var all []store.Request
			for n := range requests {
				all = append(all, request(n))
				ids = append(ids, uuid(n))
			}
			require.NoError(t, tx.PutRequests(b.ctx, all))
		})
		var group sync.WaitGroup
		claimed, errs := make(chan string, claimers*requests), make(chan error, claimers)
		for range claimers {
			group.Go(func() {
				errs <- b.Write(b.ctx, func(tx store.Tx) error {
					got, err := tx.ClaimRequests(b.ctx, ids, time.Now().Add(time.Hour))
					for _, r := range got {
						claimed <- r.ID
					}
					return err
				})
			})
		}
		group.Wait()
		close(claimed)
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		var all []string
		for id := range claimed {
			all = append(all, id)
		}
		require.ElementsMatch(t, ids, all)
	}},
}
