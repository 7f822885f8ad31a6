package dialog_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
)

func BenchmarkDecode(b *testing.B) {
	data, err := os.ReadFile("../../fixtures/outbound_answered/webhooks.ndjson")
	require.NoError(b, err)
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	for name, body := range map[string][]byte{"create": lines[1], "update": lines[2], "close": lines[6]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := dialog.Decode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
