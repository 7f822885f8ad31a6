package storetest

import (
	"crypto/sha256"
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
}
