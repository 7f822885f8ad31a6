package ingest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
)

// A transaction that was left behind may take a person out of a webhook while it goes to the spool: there it is as it came.
func TestTheSpoolGetsAWebhookAsItCame(t *testing.T) {
	t.Parallel()
	came := []byte(`{"event_name":"contact_created","event_time":"2026-02-02 09:00:00"}`)
	made := []byte(`{"event_name":"contact_created","event_time":"2026-02-02 09:00:00","more":1}`)
	webhook, err := dialog.Decode(came)
	require.NoError(t, err)
	r := &request{piece: NewPiece("acme", time.Now(), &webhook, came)}
	rewritten := make(chan error, 1)
	go func() { rewritten <- r.piece.rewrite(made) }()
	require.Equal(t, came, r.record().Body) // with -race: at the same time
	require.NoError(t, <-rewritten)
	require.Equal(t, made, r.piece.Entry.Body)
	require.Equal(t, came, r.record().Body)
	require.Equal(t, len(came), r.size())
}
