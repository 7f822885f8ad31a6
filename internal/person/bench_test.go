package person_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
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

// BenchmarkLongText is what a long text costs, of the kinds that take longest: by the kilobyte it must be the same for one
// of 64 kB and one of 1 MB.
func BenchmarkLongText(b *testing.B) {
	for name, piece := range map[string]string{
		"prose": "Dear Ewa %d Nowak, your order of yesterday is on its way. ", "names": "Ewa%d Nowak ", "digits": "501 %d 504 ",
		"ones": "1 2 3 %d ", "mails": "a@b%d.example ", "long": "4850150250348501502503%d48501502503", "array": `x%d","501502504","y`,
	} {
		for size, kilobytes := range map[string]int{"64kB": 64, "1MB": 1024} {
			b.Run(name+"/"+size, func(b *testing.B) {
				var text strings.Builder // of which nothing comes again
				for i := 100; text.Len() < kilobytes*1024; i++ {
					fmt.Fprintf(&text, piece, i)
				}
				body := []byte(`["` + text.String() + `"]`)
				all := guardFor().NumbersAndNames("acme")
				for b.Loop() {
					person.Bytes(body, all)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*kilobytes), "µs/kB")
			})
		}
	}
}
