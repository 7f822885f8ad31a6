package person_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/person"
)

// BenchmarkBytes is what a webhook costs more while somebody is looked for.
func BenchmarkBytes(b *testing.B) {
	data, err := os.ReadFile("../../fixtures/inbound_answered/webhooks.ndjson")
	require.NoError(b, err)
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	all := guardFor().NumbersAndNames("acme")
	for b.Loop() {
		for _, line := range lines {
			person.Bytes(line, all)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(lines)), "µs/webhook")
}
