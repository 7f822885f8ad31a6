package correlate_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

const fixtures = "../../fixtures"

// readWebhooks decodes the webhooks of a scenario.
func readWebhooks(t testing.TB, scenario string) []*correlate.Leg {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, scenario, "webhooks.ndjson"))
	require.NoError(t, err)
	var evidence []*correlate.Leg
	for line := range bytes.Lines(data) {
		w, err := dialog.Decode(line)
		require.NoError(t, err)
		require.Empty(t, w.Unusable)
		if w.Kind != dialog.Other {
			evidence = append(evidence, correlate.NewLeg(&w))
		}
	}
	require.NotEmpty(t, evidence)
	return evidence
}

// wholeSet has everything loaded that there is: nothing.
func wholeSet(evidence []*correlate.Leg) *correlate.Set {
	set := correlate.NewSet(correlate.DefaultRules(), "default")
	for _, e := range evidence {
		load(set, e)
	}
	return set
}

func load(set *correlate.Set, e *correlate.Leg) {
	for missing := set.Missing(e); len(missing) > 0; missing = set.Missing(e) {
		set.Load(missing, nil)
	}
}

// records gives the calls of the evidence's dialogs in their final state, as JSON by call.
func records(set *correlate.Set, evidence []*correlate.Leg) map[string]string {
	all := map[string]string{}
	for _, e := range evidence {
		_, link := set.Leg(e.UUID)
		all[link.Call] = string(append(set.Call(link.Call).AppendJSON(nil), '}'))
	}
	return all
}

func apply(evidence []*correlate.Leg) map[string]string {
	set := wholeSet(nil)
	for _, e := range evidence {
		load(set, e)
		set.Apply(e)
	}
	return records(set, evidence)
}

func TestTheDocumentedCallGivesItsRecord(t *testing.T) {
	t.Parallel()
	got := apply(readWebhooks(t, "outbound_answered"))
	want, err := os.ReadFile(filepath.Join(fixtures, "outbound_answered", "call.json"))
	require.NoError(t, err)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, want))
	require.Equal(t, map[string]string{"c2b19c63-f17b-4726-b3a1-5b5046e887ef": compact.String()}, got)
}

// Every order of the eight webhooks gives the same record, and so does every order with some of them twice.
func TestEveryOrderGivesTheSameRecord(t *testing.T) {
	t.Parallel()
	evidence := readWebhooks(t, "outbound_answered")
	require.Len(t, evidence, 8)
	want := apply(evidence)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's shuffle
	count := 0
	permute(evidence, func(order []*correlate.Leg) {
		count++
		if count%7 == 0 {
			again := order[random.IntN(len(order))]
			order = append(append([]*correlate.Leg{}, order...), again)
		}
		require.Equal(t, want, apply(order))
	})
	require.Equal(t, 40320, count)
}

// permute calls each with every order (Heap's algorithm); the slice is only valid during the call.
func permute(list []*correlate.Leg, each func([]*correlate.Leg)) {
	order := append([]*correlate.Leg{}, list...)
	var generate func(int)
	generate = func(k int) {
		if k <= 1 {
			each(order)
			return
		}
		for i := range k {
			generate(k - 1)
			if k%2 == 0 {
				order[i], order[k-1] = order[k-1], order[i]
			} else {
				order[0], order[k-1] = order[k-1], order[0]
			}
		}
	}
	generate(len(order))
}
