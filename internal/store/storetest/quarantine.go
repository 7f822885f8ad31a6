package storetest

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func refused(account, body string, at time.Time) store.Refused {
	return store.Refused{
		Account: account, ReceivedAt: at, LastAt: at, Count: 1, Code: "malformed_json", Reason: "unexpected end",
		SHA256: sha256.Sum256([]byte(body)), Body: []byte(body),
	}
}

var quarantineTests = []test{
	{"keeps a body once and counts how often it came", func(t *testing.T, b *bundle) {
		first := refused(acme, "one\x00\xff", now)
		first.Truncated = true
		require.NoError(t, b.Quarantine(b.ctx, first))
		require.NoError(t, b.Quarantine(b.ctx, refused(acme, "two", now.Add(time.Minute))))
		require.NoError(t, b.Quarantine(b.ctx, refused(other, "one\x00\xff", now)))
		again := first
		again.ReceivedAt, again.LastAt, again.Code, again.Count = now.Add(time.Hour), time.Time{}, "else", 0
		require.NoError(t, b.Quarantine(b.ctx, again))
		early := first
		early.ReceivedAt, early.LastAt = now.Add(-time.Hour), now.Add(-time.Hour)
		require.NoError(t, b.Quarantine(b.ctx, early))

		kept, err := b.Quarantined(b.ctx, acme, 10)
		require.NoError(t, err)
		require.Len(t, kept, 2)
		require.NotZero(t, kept[0].ID)
		first.ID, first.Count, first.LastAt = kept[0].ID, 3, now.Add(time.Hour)
		require.Equal(t, first, kept[0])
		require.Equal(t, []byte("two"), kept[1].Body)

		kept, err = b.Quarantined(b.ctx, acme, 1)
		require.NoError(t, err)
		require.Len(t, kept, 1)
		kept, err = b.Quarantined(b.ctx, "nobody", 10)
		require.NoError(t, err)
		require.Empty(t, kept)
	}},

	{"keeps what says why, whatever it quotes", func(t *testing.T, b *bundle) {
		r := refused(acme, "", now)
		r.Reason = "invalid \x00 and \xff: the end"
		r.Body = nil
		require.NoError(t, b.Quarantine(b.ctx, r))
		kept, err := b.Quarantined(b.ctx, acme, 10)
		require.NoError(t, err)
		require.Len(t, kept, 1)
		require.Contains(t, kept[0].Reason, "the end")
		require.Equal(t, 1, kept[0].Count)
	}},

	{"pages through what was refused, the latest first", func(t *testing.T, b *bundle) {
		long := strings.Repeat("x\xff", store.RefusedBeginning)
		require.NoError(t, b.Quarantine(b.ctx, refused(acme, long, now)))
		for i := range 6 { // three seconds, two bodies each
			require.NoError(t, b.Quarantine(b.ctx, refused(acme, strconv.Itoa(i), now.Add(time.Duration(1+i/2)*time.Second))))
		}
		require.NoError(t, b.Quarantine(b.ctx, refused(other, "another's", now.Add(time.Hour))))
		var bodies []string
		var before *store.RefusedCursor
		for {
			page, err := b.RefusedPage(b.ctx, acme, before, 2)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, one := range page {
				bodies = append(bodies, string(one.Body))
				before = &store.RefusedCursor{LastAt: one.LastAt, ID: one.ID}
			}
		}
		require.Equal(t, []string{"5", "4", "3", "2", "1", "0", long[:store.RefusedBeginning]}, bodies)

		page, err := b.RefusedPage(b.ctx, acme, nil, 10)
		require.NoError(t, err)
		require.Equal(t, 1, page[0].Size)
		require.Equal(t, len(long), page[6].Size)
		whole, err := b.Refused(b.ctx, acme, page[6].ID)
		require.NoError(t, err)
		require.Equal(t, long, string(whole.Body))
		require.Equal(t, "unexpected end", whole.Reason)
	}},

	{"drops one body of one account", func(t *testing.T, b *bundle) {
		require.NoError(t, b.Quarantine(b.ctx, refused(acme, "one", now)))
		require.NoError(t, b.Quarantine(b.ctx, refused(acme, "two", now)))
		kept, err := b.Quarantined(b.ctx, acme, 10)
		require.NoError(t, err)
		id := kept[0].ID
		require.ErrorIs(t, b.DropRefused(b.ctx, other, id), store.ErrNotFound)
		_, err = b.Refused(b.ctx, other, id)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.NoError(t, b.DropRefused(b.ctx, acme, id))
		require.ErrorIs(t, b.DropRefused(b.ctx, acme, id), store.ErrNotFound)
		_, err = b.Refused(b.ctx, acme, id)
		require.ErrorIs(t, err, store.ErrNotFound)
		left, err := b.Quarantined(b.ctx, acme, 10)
		require.NoError(t, err)
		require.Equal(t, kept[1:], left)
	}},
}
