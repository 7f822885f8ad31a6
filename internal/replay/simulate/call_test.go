package simulate_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/replay/simulate"
)

func generator(t testing.TB, mix string, seed, run uint64) *simulate.Generator {
	t.Helper()
	parsed, err := simulate.ParseMix(mix)
	require.NoError(t, err)
	return simulate.NewGenerator(simulate.Plan{Seed: seed, Run: run, Mix: parsed})
}

// derive gives the call that webhooks make, by the pure core alone; nil for webhooks that make none.
func derive(t *testing.T, bodies [][]byte) []*correlate.Call {
	t.Helper()
	set := correlate.NewSet(correlate.Rules{Causes: correlate.DefaultCauses(), DefaultRegion: "PL"}, "default")
	ids := map[string]bool{}
	for _, body := range bodies {
		webhook, err := dialog.Decode(body)
		require.NoError(t, err, "%s", body)
		require.Empty(t, webhook.Unusable, "%s", body)
		if webhook.Kind == dialog.Other {
			continue
		}
		evidence := correlate.NewLeg(&webhook)
		for missing := set.Missing(evidence); len(missing) > 0; missing = set.Missing(evidence) {
			set.Load(missing, nil)
		}
		for _, effect := range set.Apply(evidence).Effects {
			ids[effect.CallUUID] = true
		}
	}
	var calls []*correlate.Call
	for id := range ids {
		if call := set.Call(id); call != nil {
			calls = append(calls, call)
		}
	}
	return calls
}

func bodies(call *simulate.Call) [][]byte {
	var all [][]byte
	for i := range call.Len() {
		all = append(all, call.AppendBody(nil, i))
	}
	return all
}

func TestEveryCallEndsAsItsKindSays(t *testing.T) {
	t.Parallel()
	g := generator(t, "inbound=3,outbound=3,campaign=3,transfer=2,internal=1,bot=1,meeting=1,other=1", 7, 1)
	variants := map[string]int{}
	creates, bytes := 0, 0
	for i := range 2000 {
		var call simulate.Call
		g.Call(&call, i)
		call.Began = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
		sent := bodies(&call)
		seen := map[string]bool{}
		for n, body := range sent {
			require.True(t, json.Valid(body), "%s", body)
			require.False(t, seen[string(body)], "a body comes once: %s", body)
			seen[string(body)] = true
			if n > 0 {
				require.GreaterOrEqual(t, call.At(n), call.At(n-1))
			}
			if call.Event(n) == "dialog_create" {
				creates++
				bytes += len(body)
			}
		}
		variants[string(call.Kind)+": "+call.Variant]++
		calls := derive(t, sent)
		if call.Disposition == "" {
			require.Empty(t, calls)
			continue
		}
		require.Len(t, calls, 1)
		record := calls[0]
		require.Equal(t, correlate.StateEnded, record.State, "%s %s", call.Kind, call.Variant)
		require.Equal(t, call.Disposition, string(record.Disposition), "%s %s", call.Kind, call.Variant)
		require.Equal(t, correlate.BasisReported, record.EndBasis)
		require.NotEqual(t, "unknown", record.Direction)
		if call.Kind != simulate.Internal {
			require.NotEmpty(t, record.External.NumberE164, "%s", sent[0])
		}
		if call.Kind == simulate.Transfer {
			require.Len(t, record.Transfers, 1, call.Variant)
			require.Equal(t, call.Variant, record.Transfers[0].Kind)
		}
		if call.Kind == simulate.Meeting {
			require.Len(t, record.MeetingUUIDs, 1)
		}
	}
	assert.Len(t, variants, 28, "%v", variants)
	assert.InDelta(t, 1500, bytes/creates, 300, "a dialog_create is as long as a real one")
}

func TestTheSeedDecidesTheCallsAndTheRunTheirIDs(t *testing.T) {
	t.Parallel()
	one, same := generator(t, simulate.DefaultMix, 3, 4), generator(t, simulate.DefaultMix, 3, 4)
	otherRun, otherSeed := generator(t, simulate.DefaultMix, 3, 5), generator(t, simulate.DefaultMix, 4, 4)
	ids := map[string]bool{}
	differs := false
	for i := range 500 {
		var a, b, c, d simulate.Call
		one.Call(&a, i)
		same.Call(&b, i)
		otherRun.Call(&c, i)
		otherSeed.Call(&d, i)
		require.Equal(t, bodies(&a), bodies(&b))
		require.Equal(t, a.Variant, c.Variant)
		require.Equal(t, a.Duration(), c.Duration())
		differs = differs || a.Variant != d.Variant
		for _, call := range []*simulate.Call{&a, &c} {
			own := map[string]bool{}
			for _, body := range bodies(call) {
				var told struct {
					ID string `json:"dialog_uuid"`
				}
				require.NoError(t, json.Unmarshal(body, &told))
				own[told.ID] = true
			}
			delete(own, "")
			for id := range own {
				require.False(t, ids[id], "ids are used once")
				ids[id] = true
			}
		}
	}
	assert.True(t, differs)
}

func TestCallsThatAreFilledAgainAreTheSame(t *testing.T) {
	t.Parallel()
	g := generator(t, simulate.DefaultMix, 3, 4)
	var again simulate.Call
	for i := range 200 {
		var fresh simulate.Call
		g.Call(&fresh, i)
		g.Call(&again, i)
		require.Equal(t, bodies(&fresh), bodies(&again))
	}
}

func TestTheMixIsKept(t *testing.T) {
	t.Parallel()
	g := generator(t, "inbound=60, campaign=30,bot=10,other=0", 1, 1)
	counts := map[simulate.Kind]int{}
	for i := range 10_000 {
		var call simulate.Call
		g.Call(&call, i)
		counts[call.Kind]++
	}
	assert.Len(t, counts, 3)
	assert.InDelta(t, 6000, counts[simulate.Inbound], 300)
	assert.InDelta(t, 3000, counts[simulate.Campaign], 300)
	assert.InDelta(t, 1000, counts[simulate.Bot], 300)
}

func TestAMixThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	for text, problem := range map[string]string{
		"":                    "no kind with a weight",
		"inbound":             "no kind with a weight",
		"inbond=3":            "kinds are bot, campaign, inbound",
		"inbound=x":           "no weight",
		"inbound=-1":          "no weight",
		"inbound=1,inbound=2": "named twice",
		"inbound=0,bot=0":     "no kind with a weight above 0",
	} {
		_, err := simulate.ParseMix(text)
		require.ErrorContains(t, err, problem, text)
	}
}
