package correlate_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

// The benchmarks work on the documented call of eight webhooks; compare runs with benchstat.

func BenchmarkNewLeg(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(fixtures, "outbound_answered", "webhooks.ndjson"))
	require.NoError(b, err)
	w, err := dialog.Decode(data[:indexOfNewline(data)])
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		correlate.NewLeg(&w)
	}
}

func indexOfNewline(data []byte) int {
	for i, c := range data {
		if c == '\n' {
			return i
		}
	}
	return len(data)
}

func BenchmarkMerge(b *testing.B) {
	evidence := readEvidence(b, "outbound_answered")
	leg := evidence[1]
	b.ReportAllocs()
	for b.Loop() {
		correlate.Merge(leg, evidence[2])
	}
}

func BenchmarkEvidence(b *testing.B) {
	evidence := readEvidence(b, "outbound_answered")
	leg := correlate.Merge(evidence[1], evidence[6])
	data := leg.Encode()
	b.Run("Encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			leg.Encode()
		}
		b.ReportMetric(float64(len(data)), "bytes")
	})
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := correlate.DecodeLeg(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func wholeCall(b *testing.B) (*correlate.Set, *correlate.Call, []correlate.Linked) {
	b.Helper()
	evidence := readEvidence(b, "outbound_answered")
	set := correlate.NewSet(correlate.DefaultRules(), account)
	var legs []correlate.Linked
	for _, e := range evidence {
		for missing := set.Missing(e); len(missing) > 0; missing = set.Missing(e) {
			set.Load(missing, nil)
		}
		set.Apply(e)
	}
	for _, e := range evidence[:2] {
		leg, link := set.Leg(e.UUID)
		legs = append(legs, correlate.Linked{Leg: leg, Link: link})
	}
	call := set.Call(legs[0].Link.Call)
	return set, call, legs
}

func BenchmarkDerive(b *testing.B) {
	_, call, legs := wholeCall(b)
	rules := correlate.DefaultRules()
	b.ReportAllocs()
	for b.Loop() {
		correlate.Derive(rules, account, call.CallUUID, legs)
	}
}

// BenchmarkApply is Merge, Link, Derive before and after, and Diff, for one webhook of a call that is known.
func BenchmarkApply(b *testing.B) {
	set, _, _ := wholeCall(b)
	again := readEvidence(b, "outbound_answered")[3]
	b.ReportAllocs()
	for b.Loop() {
		set.Apply(again)
	}
}

func BenchmarkEncodeRecord(b *testing.B) {
	_, call, _ := wholeCall(b)
	buf := call.AppendJSON(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf = call.AppendJSON(buf[:0])
	}
	b.ReportMetric(float64(len(buf)), "bytes")
}

func BenchmarkE164(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		correlate.E164("501502503", "PL")
	}
}
