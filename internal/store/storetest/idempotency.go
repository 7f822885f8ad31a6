package storetest

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func answer(account, request, body string, at time.Time) store.Idempotent {
	return store.Idempotent{Account: account, Key: sha256.Sum256([]byte(request)), Status: 201, Body: []byte(body), At: at}
}

var idempotencyTests = []test{
	{"gives the answer of a request again", func(t *testing.T, b *bundle) {
		first := answer(acme, "one", "{\x00\xff", now)
		bare := answer(other, "one", "", now)
		b.write(t, func(tx store.Tx) {
			_, ok, err := tx.Idempotent(b.ctx, acme, first.Key)
			require.NoError(t, err)
			require.False(t, ok)
			require.NoError(t, tx.KeepIdempotent(b.ctx, first))
			require.NoError(t, tx.KeepIdempotent(b.ctx, bare))
		})
		get := func(account string) (got store.Idempotent) {
			b.write(t, func(tx store.Tx) {
				kept, ok, err := tx.Idempotent(b.ctx, account, first.Key)
				require.NoError(t, err)
				require.True(t, ok)
				got = kept
			})
			return got
		}
		require.Equal(t, first, get(acme))
		require.Equal(t, bare, get(other))
		again := answer(acme, "one", "else", now.Add(time.Hour))
		again.Status = 200
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.KeepIdempotent(b.ctx, again)) })
		require.Equal(t, again, get(acme))
	}},

	{"drops the oldest, as many as are wanted", func(t *testing.T, b *bundle) {
		b.write(t, func(tx store.Tx) {
			for n, request := range []string{"a", "b", "c", "d"} {
				require.NoError(t, tx.KeepIdempotent(b.ctx, answer(acme, request, "", now.Add(time.Duration(n)*time.Hour))))
			}
			for _, step := range []struct{ limit, want int }{{1, 1}, {0, 0}, {10, 2}, {10, 0}} {
				dropped, err := tx.DropIdempotent(b.ctx, now.Add(3*time.Hour), step.limit)
				require.NoError(t, err)
				require.Equal(t, step.want, dropped)
			}
			for request, want := range map[string]bool{"a": false, "c": false, "d": true} {
				_, ok, err := tx.Idempotent(b.ctx, acme, sha256.Sum256([]byte(request)))
				require.NoError(t, err)
				require.Equal(t, want, ok, request)
			}
		})
	}},
}
